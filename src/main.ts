#!/usr/bin/env node
/**
 * argv -> one command -> an exit code. Each command's file is loaded only when it runs, so that `cistern health` does not
 * load the daemon. Usage errors are 2, like everything else that is wrong before anything was done.
 */
import { Argument, Command, CommanderError, Option } from 'commander';
import { registerControlCommands } from './cli/control-commands.js';
import { systemTerminal as terminal, type ExitCode, type OutputFormat } from './cli/output.js';
import type { CheckConfigOptions } from './cli/check-config.js';
import type { HealthOptions } from './cli/health.js';
import { CLIENTS, type Client } from './cli/mirror-snippets.js';
import type { MirrorConfigOptions } from './cli/mirror-config.js';
import type { ServeOptions } from './cli/serve.js';
import { version } from './lib/version.js';

const program = new Command('cistern')
  .description('A pull-through cache for container registries')
  .version(version(), '-V, --version')
  .showSuggestionAfterError()
  .exitOverride();

const configOption = () =>
  new Option(
    '-c, --config <file>',
    'the configuration (default: config/cistern.yaml, then /etc/cistern/cistern.yaml)',
  ).env('CISTERN_CONFIG');
const outputOption = () =>
  new Option('-o, --output <format>', 'what to print')
    .choices(['text', 'json'] satisfies OutputFormat[])
    .default('text');

program
  .command('serve')
  .description('run the daemon')
  .addOption(configOption())
  .option('--data-dir <directory>', 'dataDir of the configuration')
  .option('--log-level <level>', 'log.level of the configuration')
  .action(async (options: ServeOptions) => {
    const { runServe } = await import('./cli/run-serve.js');
    // What is still open then (a stuck peer, a second signal) must not keep the process.
    process.exit(await runServe(options));
  });

program
  .command('check-config')
  .description('check the configuration and print every problem')
  .addOption(configOption())
  .addOption(outputOption())
  .action(async (options: CheckConfigOptions) => {
    const { checkConfig } = await import('./cli/check-config.js');
    end(checkConfig(options, terminal));
  });

program
  .command('health')
  .description('0 when the daemon is ready, 1 when it is not, 2 when it does not answer')
  .option('--admin-address <host:port>', 'the admin listener (default: CISTERN_ADMIN_ADDRESS, then the configuration)')
  .addOption(configOption())
  .addOption(outputOption())
  .action(async (options: HealthOptions) => {
    const { health } = await import('./cli/health.js');
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
    const { mirrorConfig } = await import('./cli/mirror-config.js');
    end(mirrorConfig(client, options, terminal));
  });

registerControlCommands(program, terminal, end);

// `cistern images | head`: who reads no further has what was wanted. The daemon's log goes its own way.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Help and version end this way too, with 0; the message was already printed.
  end(error.exitCode === 0 ? 0 : 2);
}

/** Lets what was written leave before the process ends by itself. */
function end(code: ExitCode): void {
  process.exitCode = code;
}
