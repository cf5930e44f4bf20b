/** A control plane on real sockets over parts that a test makes up, and clients for it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status, type ServiceError } from '@grpc/grpc-js';
import { ControlClient, type ConnectionOptions } from '../../src/cli/client.js';
import { problemOf, type Problem } from '../../src/cli/control-error.js';
import type { Contents, Explanation } from '../../src/cache/contents/contents.js';
import type { Collector } from '../../src/cache/collect/collection.js';
import { DETAILS_KEY } from '../../src/control/status.js';
import { ControlServer, type ControlOptions, type ControlParts } from '../../src/control/server.js';
import type { PrefetchedImage, PrefetchJob, Prefetches } from '../../src/cache/prefetch/prefetch.js';
import type { Statistics } from '../../src/cache/statistics/statistics.js';
import type { Upstreams } from '../../src/cache/doctor/upstream-states.js';
import { systemClock } from '../../src/lib/clock.js';
import type { Logger } from '../../src/lib/log.js';
import { parseDigest } from '../../src/oci/digest.js';
import { parseImagePattern } from '../../src/oci/image-pattern.js';

export interface Scope {
  after(fn: () => void | Promise<void>): void;
}

export interface FakeParts {
  readonly prefetches?: Partial<Prefetches>;
  readonly collector?: Partial<Collector>;
  readonly statistics?: Partial<Statistics>;
  readonly contents?: Partial<Contents>;
  readonly upstreams?: Partial<Upstreams>;
  readonly unready?: () => string | undefined;
}

export interface Recorded {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
}

function recordingLog(): { readonly log: Logger; readonly lines: Recorded[] } {
  const lines: Recorded[] = [];
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const log: Logger = {
    level: 'debug',
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  return { log, lines };
}

/** What a test did not make up fails it by name. */
function part<T extends object>(made: Partial<T> | undefined, name: string): T {
  return new Proxy((made ?? {}) as T, {
    get: (target, key) => {
      if (key in target) return Reflect.get(target, key) as unknown;
      return () => {
        throw new Error(`${name}.${String(key)} was not expected`);
      };
    },
  });
}

export interface Running {
  readonly server: ControlServer;
  readonly lines: readonly Recorded[];
  readonly client: (options?: Omit<ConnectionOptions, 'address'>) => ControlClient;
}

export async function control(
  t: Scope,
  fakes: FakeParts = {},
  options: Partial<ControlOptions> = {},
): Promise<Running> {
  const { log, lines } = recordingLog();
  const parts: ControlParts = {
    prefetches: part(fakes.prefetches, 'prefetches'),
    collector: part(fakes.collector, 'collector'),
    statistics: part(fakes.statistics, 'statistics'),
    contents: part(fakes.contents, 'contents'),
    upstreams: part(fakes.upstreams, 'upstreams'),
    unready: fakes.unready ?? (() => undefined),
    clock: systemClock,
    log,
  };
  const server = await ControlServer.open(parts, { listen: { host: '127.0.0.1', port: 0 }, ...options });
  const { address } = server;
  const clients: ControlClient[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await server.close(AbortSignal.abort());
  });
  return {
    server,
    lines,
    client: (connection = {}) => {
      const client = new ControlClient({ address, ...connection });
      clients.push(client);
      return client;
    },
  };
}

export async function directory(t: Scope): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'cistern-control-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** How a call failed: the status and the details that came with it. */
export async function failure(work: Promise<unknown>): Promise<Problem & { readonly raw: ServiceError }> {
  try {
    await work;
  } catch (error) {
    const found = problemOf(error, 'here');
    if (found !== undefined) return { ...found.problem, raw: error as ServiceError };
    throw error;
  }
  throw new Error('the call succeeded');
}

export const detailsOf = (error: ServiceError): Buffer | string | undefined => error.metadata.get(DETAILS_KEY)[0];

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export const digest = (letter: string) => parseDigest(`sha256:${letter.repeat(64)}`);

export const image = (reference: string, more: Partial<PrefetchedImage> = {}): PrefetchedImage => ({
  reference,
  platforms: ['linux/amd64'],
  state: 'queued',
  blobs: 0,
  bytesTotal: 0,
  bytesFetched: 0,
  bytesReused: 0,
  layers: [],
  ...more,
});

export const job = (more: Partial<PrefetchJob> = {}): PrefetchJob => ({
  id: 'job-1',
  spec: {
    images: [parseImagePattern('docker.io/library/node:22')],
    platforms: { platforms: [], all: false },
    attestations: false,
    signatures: false,
    referrers: false,
  },
  origin: 'request',
  state: 'queued',
  createdAt: Date.UTC(2026, 0, 1),
  images: [],
  ...more,
});

const NODE = { upstream: 'docker.io', name: 'library/node' };

/** An image of which a layer is lost. */
export const explained: Explanation = {
  reference: 'docker.io/library/node:22',
  digest: digest('a'),
  presence: 'here',
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 500,
  whole: false,
  missing: [{ digest: digest('b'), size: 1000, mediaType: 'application/vnd.oci.image.layer.v1.tar', why: 'absent' }],
  unpulled: ['linux/s390x'],
  tag: { checkedAt: 1000, freshUntil: 2000 },
  links: [{ repository: NODE, checkedAt: 1000 }],
  linkCount: 1,
  keepers: [{ kind: 'tag', reference: 'docker.io/library/node:22', pinned: false, lastUsedAt: 1000 }],
  keeperCount: 1,
  expiresAt: 5000,
  evictionPlace: 12,
  evictionOf: 340,
  fills: [],
  asked: [
    { repository: NODE, reference: '22', at: 1000, method: 'GET', outcome: 'revalidated', reason: 'tag-expired' },
    { repository: NODE, reference: digest('a'), at: 900, method: 'GET', outcome: 'hit' },
  ],
};

export { status };
