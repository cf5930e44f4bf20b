/** Every command as commander wants it. Each one's file is loaded only when it runs, so that `cistern health` is quick. */
import { Argument, Command, Option } from 'commander';
import { version } from '../lib/version.js';
import type { CheckConfigOptions } from './check-config.js';
import { completion, SHELLS, type Shell } from './completion.js';
import { outputOption, registerControlCommands } from './control-commands.js';
import type { HealthOptions } from './health.js';
import type { MirrorConfigOptions } from './mirror-config.js';
import { CLIENTS, type Client } from './mirror-snippets.js';
import type { ExitCode, Terminal } from './output.js';
import type { ServeOptions } from './serve.js';

/** `end` is given each command's exit code, but for `serve`, which ends the process itself. */
export function createProgram(terminal: Terminal, end: (code: ExitCode) => void): Command {
  const program = new Command('cistern')
    .description('A pull-through cache for container registries')
    .version(version(), '-V, --version')
    .showSuggestionAfterError()
    .exitOverride();

  program
    .command('serve')
    .description('run the daemon')
    .addOption(configOption())
    .option('--data-dir <directory>', 'dataDir of the configuration')
    .option('--log-level <level>', 'log.level of the configuration')
    .action(async (options: ServeOptions) => {
      const { runServe } = await import('./run-serve.js');
      // What is still open then (a stuck peer, a second signal) must not keep the process.
      process.exit(await runServe(options));
    });

  program
    .command('check-config')
    .description('check the configuration and print every problem')
    .addOption(configOption())
    .addOption(outputOption())
    .action(async (options: CheckConfigOptions) => {
      const { checkConfig } = await import('./check-config.js');
      end(checkConfig(options, terminal));
    });

  program
    .command('health')
    .description('0 when the daemon is ready, 1 when it is not, 2 when it does not answer')
    .addOption(
      new Option('--admin-address <host:port>', 'the admin listener (default: that of the configuration)').env(
        'CISTERN_ADMIN_ADDRESS',
      ),
    )
    .addOption(configOption())
    .addOption(outputOption())
    .action(async (options: HealthOptions) => {
      const { health } = await import('./health.js');
      end(await health(options, terminal));
    });

  program
    .command('mirror-config')
    .description("print what to put in a client's configuration")
    .addArgument(new Argument('<client>', 'which client').choices(CLIENTS))
    .option('--url <url>', 'where clients reach Cistern', 'http://127.0.0.1:5000')
    .addOption(configOption())
    .addOption(outputOption())
    .action(async (client: Client, options: MirrorConfigOptions) => {
      const { mirrorConfig } = await import('./mirror-config.js');
      end(mirrorConfig(client, options, terminal));
    });

  registerControlCommands(program, terminal, end);

  program
    .command('completion')
    .description('print what makes a shell complete these commands')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => {
      terminal.out(completion(shell, program));
      end(0);
    });

  program.command('man-page', { hidden: true }).action(async () => {
    const { manPage } = await import('./man-page.js');
    terminal.out(manPage(program));
    end(0);
  });

  return program;
}

const configOption = () =>
  new Option(
    '-c, --config <file>',
    'the configuration (default: config/cistern.yaml, then /etc/cistern/cistern.yaml)',
  ).env('CISTERN_CONFIG');
