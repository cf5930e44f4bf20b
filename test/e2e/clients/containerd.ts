/**
 * containerd, Debian's and a current one: a private daemon whose `ctr` resolves by `hosts.toml` and unpacks with the
 * native snapshotter, which checks what each layer unpacked to. What arrived is read back from its content store.
 * The current one pulls inside the daemon, and fetches each layer by several open-ended ranges at once.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, until } from '../support/processes.js';
import { type Client, digestsOfFiles, nameOf, type Place, type RunningClient } from './client.js';
import { goTool, withMountsOfItsOwn } from './programs.js';

export const containerd: Client = {
  name: 'containerd',
  tried: 'real',
  configuredAs: 'containerd',
  programs: ['containerd', 'ctr'],
  start: (place) => start(place, { daemon: 'containerd', ctr: 'ctr', flags: [], settings: [] }),
  platforms: 'own',
  keeps: 'blobs',
  listsTags: false,
};

export const parallelContainerd: Client = {
  ...containerd,
  name: 'containerd 2, fetching in parallel',
  programs: [goTool('containerd'), goTool('ctr')],
  platforms: 'all',
  start: (place) =>
    start(place, {
      daemon: goTool('containerd'),
      ctr: goTool('ctr'),
      flags: ['--all-platforms'],
      settings: PARALLEL,
    }),
};

const PARALLEL = [
  '[plugins."io.containerd.transfer.v1.local"]',
  `  concurrent_layer_fetch_buffer = ${256 * 1024}`,
  '  [[plugins."io.containerd.transfer.v1.local".unpack_config]]',
  `    platform = "linux/${process.arch === 'x64' ? 'amd64' : process.arch}"`,
  '    snapshotter = "native"',
  '    differ = "walking"',
];

interface Build {
  readonly daemon: string;
  readonly ctr: string;
  /** Of `ctr images pull`. */
  readonly flags: readonly string[];
  /** Lines of the daemon's configuration. */
  readonly settings: readonly string[];
}

export interface Containerd {
  readonly socket: string;
  /** Its content store. */
  readonly blobs: string;
  readonly stop: () => Promise<void>;
}

/** The daemon alone, with nothing of the machine's. */
export async function startContainerd(
  program: string,
  dir: string,
  settings: readonly string[] = [],
): Promise<Containerd> {
  await mkdir(dir, { recursive: true });
  const socket = join(dir, 'containerd.sock');
  const file = join(dir, 'config.toml');
  const lines = [
    'version = 2',
    `root = ${JSON.stringify(join(dir, 'root'))}`,
    `state = ${JSON.stringify(join(dir, 'state'))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
    `[grpc]\n  address = ${JSON.stringify(socket)}`,
    `[ttrpc]\n  address = ${JSON.stringify(`${socket}.ttrpc`)}`,
    ...settings,
  ];
  await writeFile(file, lines.join('\n'));
  const daemon = withMountsOfItsOwn(program, ['--config', file]);
  const version = () => run('ctr', ['--address', socket, 'version']);
  await until(() => version().then(Boolean, () => false), program, daemon);
  return {
    socket,
    blobs: join(dir, 'root/io.containerd.content.v1.content/blobs'),
    stop: () => daemon.stop().then(() => undefined),
  };
}

async function start({ dir, config }: Place, { daemon, ctr, flags, settings }: Build): Promise<RunningClient> {
  const { socket, blobs, stop } = await startContainerd(daemon, join(dir, 'daemon'), settings);
  const hosts = join(dir, 'certs.d');
  await mkdir(join(hosts, '_default'), { recursive: true });
  await writeFile(join(hosts, '_default/hosts.toml'), config);
  const images = (...args: readonly string[]) => run(ctr, ['--address', socket, 'images', ...args]);
  return {
    pull: async (references) => {
      const old = (await images('ls', '--quiet')).split('\n').filter((name) => name !== '');
      // --sync waits for the garbage collection, so the content goes too.
      if (old.length > 0) await images('rm', '--sync', ...old);
      for (const reference of references) {
        await images('pull', ...flags, '--hosts-dir', hosts, '--snapshotter', 'native', nameOf(reference));
      }
      return await digestsOfFiles(blobs);
    },
    stop,
  };
}
