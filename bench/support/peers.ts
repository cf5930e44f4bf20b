/**
 * What a user would take instead, each as a pull-through cache of the same upstream, configured as its users would: a line
 * in an access log for every request, and its cache on the same disk. A peer that is not installed is said to be skipped.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DebianRegistry } from '../../test/e2e/support/debian-registry.js';
import { startNginx, type TlsFiles } from './nginx.js';
import type { Recorder } from './recorder.js';
import { startSquid } from './squid.js';
import { notInstalled, pathOf } from './tools.js';

export interface Peer {
  readonly url: string;
  readonly pid: number;
  /** Where it keeps what it fetched. */
  readonly cacheDir: string;
}

/** As they are called in every table. */
export const REGISTRY = 'docker-registry';
export const DISTRIBUTION = 'distribution 3';
export const NGINX_CACHE = 'nginx proxy_cache';
export const SQUID = 'squid';

export type PeerName = typeof REGISTRY | typeof DISTRIBUTION | typeof NGINX_CACHE | typeof SQUID;

export interface PeerOptions {
  readonly dir: string;
  readonly upstream: string;
  readonly tls?: TlsFiles | undefined;
}

interface Kind {
  /** As Debian, or the build of it that install-test-tools makes, calls it. */
  readonly program: string;
  readonly start: (options: PeerOptions) => Promise<Peer>;
}

const KINDS: Readonly<Record<PeerName, Kind>> = {
  [REGISTRY]: { program: 'docker-registry', start: (options) => startRegistry('docker-registry', options) },
  [DISTRIBUTION]: { program: 'registry', start: (options) => startRegistry('registry', options) },
  [NGINX_CACHE]: {
    program: 'nginx',
    start: async ({ dir, upstream, tls }) => {
      const nginx = await startNginx(dir, { upstream, tls });
      return { url: nginx.proxyUrl, pid: nginx.pid, cacheDir: nginx.cacheDir };
    },
  },
  [SQUID]: { program: 'squid', start: ({ dir, upstream }) => startSquid(dir, upstream) },
};

/** Starts those of `names` that are installed. */
export async function startPeers(
  record: Recorder,
  names: readonly PeerName[],
  { dir, upstream, tls }: PeerOptions,
): Promise<ReadonlyMap<PeerName, Peer>> {
  const peers = new Map<PeerName, Peer>();
  for (const name of names) {
    const { program, start } = KINDS[name];
    if (pathOf(program) === undefined) {
      record.skip(name, notInstalled(program));
      continue;
    }
    const own = join(dir, name.replaceAll(' ', '-'));
    await mkdir(own, { recursive: true });
    peers.set(name, await start({ dir: own, upstream, tls }));
  }
  return peers;
}

async function startRegistry(program: string, { dir, upstream, tls }: PeerOptions): Promise<Peer> {
  const binary = pathOf(program) ?? program;
  const registry = await DebianRegistry.start({ dir, proxyOf: upstream, accessLog: join(dir, 'log'), binary, tls });
  const url = tls ? `https://${registry.host}` : registry.url;
  return { url, pid: registry.pid ?? 0, cacheDir: join(dir, 'data') };
}

/** Removes the bytes that a peer keeps, so that the disk does not fill; what is pulled next is new to it anyway. */
export async function forget({ cacheDir }: Peer): Promise<void> {
  for (const entry of await readdir(cacheDir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await rm(join(entry.parentPath, entry.name), { force: true });
  }
}
