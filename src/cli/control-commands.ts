/** The commands that speak gRPC, as commander wants them. Each one's file is loaded only when it runs. */
import { Argument, Option, type Command } from 'commander';
import type { ExportOptions, ImportOptions } from './archive.js';
import type { GcOptions } from './gc.js';
import type { ImagesOptions } from './images.js';
import type { InspectOptions } from './inspect.js';
import type { JobsOptions } from './jobs.js';
import type { ExitCode, OutputFormat, Terminal } from './output.js';
import type { PrefetchOptions } from './prefetch.js';
import type { LiveTerminal, SessionOptions } from './session.js';
import type { StatsOptions } from './stats.js';
import type { VerifyOptions } from './verify.js';

/** `end` is given each command's exit code. */
export function registerControlCommands(program: Command, terminal: Terminal, end: (code: ExitCode) => void): void {
  const live: LiveTerminal = { ...terminal, screen: process.stderr.isTTY ? process.stderr : undefined };
  const command = (usage: string, description: string) =>
    program.command(usage).description(description).addOption(outputOption());
  const image = () => new Argument('<image>', 'such as docker.io/library/node:22');
  const images = () => new Argument('<image...>', 'such as docker.io/library/node:22');

  connected(
    command('prefetch', 'fetch images before anybody pulls them')
      .addArgument(new Argument('<image...>', 'such as docker.io/library/node:22, or node:22* for all tags that fit'))
      .addOption(platformOption('the one the daemon runs on'))
      .option('--all-platforms', 'every platform of each image')
      .option('--attestations', 'also provenance and SBOM attestations')
      .option('--signatures', 'also cosign signatures')
      .option('--referrers', 'also what refers to the images')
      .option('--detach', 'do not wait for the end')
      .option('--dry-run', 'only say how many bytes are missing')
      .option('--request-id <id>', 'the same id makes the same job once'),
  ).action(async (names: string[], options: PrefetchOptions) => {
    const { prefetch } = await import('./prefetch.js');
    end(await prefetch(names, options, live));
  });

  connected(
    command('jobs', 'list prefetch jobs, or show one')
      .argument('[job]', 'its id')
      .option('--watch', 'follow it to its end')
      .option('--cancel', 'end it; what it fetched stays'),
  ).action(async (id: string | undefined, options: JobsOptions) => {
    const { jobs } = await import('./jobs.js');
    end(await jobs(id, options, live));
  });

  connected(
    command('gc', 'collect garbage')
      .option('--dry-run', 'delete nothing, say what would go and why')
      .option('--status', 'run nothing, tell of the last run and the next'),
  ).action(async (options: GcOptions) => {
    const { gc } = await import('./gc.js');
    end(await gc(options, live));
  });

  connected(
    command('stats', 'hit ratios and bytes saved')
      .option('--since <moment>', 'a date, or 24h for so long ago (default: all that is kept)')
      .option('--until <moment>', 'a date, or 24h for so long ago (default: now)')
      .option('--upstream <name>', 'of this upstream only')
      .option('--repository <upstream/name>', 'of this repository only')
      .addOption(new Option('--by <what>', 'group').choices(['upstream', 'repository', 'hour'])),
  ).action(async (options: StatsOptions) => {
    const { stats } = await import('./stats.js');
    end(await stats(options, terminal));
  });

  connected(
    command('images', 'list what is stored')
      .option('--untagged', 'only images that no tag points to')
      .option('--before <moment>', 'only images not pulled since: a date, or 30d for so long ago')
      .option('--upstream <name>', 'of this upstream only')
      .option('--repository <pattern>', 'of repositories such as library/* only'),
  ).action(async (options: ImagesOptions) => {
    const { images: list } = await import('./images.js');
    end(await list(options, terminal));
  });

  connected(
    command('inspect', 'show all that is known of an image')
      .addArgument(image())
      .option('--offline', 'only whether it can be pulled without its upstream')
      .addOption(platformOption('the one the daemon runs on'))
      .option('--all-platforms', 'with --offline: every platform'),
  ).action(async (name: string, options: InspectOptions) => {
    const { inspect } = await import('./inspect.js');
    end(await inspect(name, options, terminal));
  });

  connected(
    command('explain', 'tell why an image or a blob is here or is not, and what becomes of it').argument(
      '<target>',
      'an image or a digest',
    ),
  ).action(async (target: string, options: SessionOptions) => {
    const { explain } = await import('./explain.js');
    end(await explain(target, options, terminal));
  });

  for (const [verb, description] of [
    ['pin', 'keep an image, whatever its age and the room it takes'],
    ['unpin', 'end a pin'],
    ['evict', 'drop an image now, with all that nothing else needs'],
  ] as const) {
    connected(command(verb, description).addArgument(image())).action(async (name: string, options: SessionOptions) => {
      const { pin, unpin, evict } = await import('./pin.js');
      end(await { pin, unpin, evict }[verb](name, options, terminal));
    });
  }

  connected(command('df', 'show what takes how much room')).action(async (options: SessionOptions) => {
    const { df } = await import('./df.js');
    end(await df(options, terminal));
  });

  connected(
    command('verify', 'hash what is stored again')
      .argument('[target]', 'an image or a digest (default: everything)')
      .option('--rate <size>', 'bytes a second, such as 100MiB'),
  ).action(async (target: string | undefined, options: VerifyOptions) => {
    const { verify } = await import('./verify.js');
    end(await verify(target, options, live));
  });

  connected(
    program
      .command('export')
      .description('write images into an OCI image layout archive')
      .addArgument(images())
      .addOption(
        new Option('-o, --output <file>', 'the archive, - for standard output; json or text say what to print')
          .argParser(collect)
          .makeOptionMandatory(),
      )
      .addOption(platformOption('all that are stored whole')),
  ).action(async (names: string[], { output: values, ...options }: ExportCommand) => {
    const { exportImages, splitOutputs } = await import('./archive.js');
    const { file, output } = splitOutputs(values);
    if (file === undefined) {
      terminal.err('cistern: export needs a file: -o FILE.tar');
      end(2);
      return;
    }
    end(await exportImages(names, { ...options, file, output }, live));
  });

  connected(
    command('import', 'store the images of an OCI image layout archive')
      .argument('<file>', 'the archive, - for standard input')
      .option('--as <image>', 'the reference of the one image in it'),
  ).action(async (file: string, options: ImportOptions) => {
    const { importImages } = await import('./archive.js');
    end(await importImages(file, options, live));
  });

  connected(command('upstreams', 'list the upstreams, their state and rate limits')).action(
    async (options: SessionOptions) => {
      const { upstreams } = await import('./upstreams.js');
      end(await upstreams(options, terminal));
    },
  );

  connected(
    command('doctor', 'look for what is wrong').argument('[upstream...]', 'look at these only (default: all)'),
  ).action(async (names: string[], options: SessionOptions) => {
    const { doctor } = await import('./doctor.js');
    end(await doctor(names, options, terminal));
  });
}

type ExportCommand = Omit<ExportOptions, 'file' | 'output'> & { readonly output: readonly string[] };

export const outputOption = () =>
  new Option('-o, --output <format>', 'what to print')
    .choices(['text', 'json'] satisfies OutputFormat[])
    .default('text');

const collect = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

const platformOption = (otherwise: string) =>
  new Option('--platform <os/arch[/variant]>', `may be given more than once (default: ${otherwise})`).argParser(
    collect,
  );

const connected = (command: Command): Command =>
  command
    .addOption(
      new Option('--address <address>', 'the daemon: host:port, https://host:port or unix:///path')
        .env('CISTERN_ADDRESS')
        .default('127.0.0.1:5051'),
    )
    .addOption(new Option('--token-file <file>', 'holds the bearer token').env('CISTERN_TOKEN_FILE'))
    .addOption(new Option('--ca-file <file>', 'CA of the daemon’s certificate; means TLS').env('CISTERN_CA_FILE'))
    .addOption(new Option('--cert-file <file>', 'our certificate, for mTLS').env('CISTERN_CERT_FILE'))
    .addOption(new Option('--key-file <file>', 'its key').env('CISTERN_KEY_FILE'))
    .option('--timeout <duration>', 'give up after so long');
