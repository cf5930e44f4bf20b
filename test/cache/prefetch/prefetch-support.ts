/** Everything below the control plane, on a real index and store, with prefetch on top and a fake registry behind it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Prefetcher } from '../../../src/cache/prefetch/prefetcher.js';
import type { PrefetchJob, PrefetchSpec } from '../../../src/cache/prefetch/prefetch.js';
import { PullThrough } from '../../../src/cache/pull-through.js';
import type { UpstreamEntry } from '../../../src/cache/upstream-entry.js';
import type { Catalog } from '../../../src/catalog/catalog.js';
import { openCatalog } from '../../../src/catalog/open-catalog.js';
import { FilesystemBlobStore } from '../../../src/content/filesystem-blob-store.js';
import { ReadBudget } from '../../../src/content/read-budget.js';
import { SpoolArea } from '../../../src/content/spool-area.js';
import { survey } from '../../../src/content/survey.js';
import { KeyedMutex } from '../../../src/lib/async.js';
import { systemClock } from '../../../src/lib/clock.js';
import type { Logger } from '../../../src/lib/log.js';
import { parseDigest, type Digest } from '../../../src/oci/digest.js';
import { parseImagePattern } from '../../../src/oci/image-pattern.js';
import { RegistryUpstream } from '../../../src/upstream/registry-upstream.js';
import { collect } from '../../content/support.js';
import { FakeRegistry, type FakeRegistryOptions } from '../../support/fake-registry.js';
import { type Scope, temporaryDirectory } from '../../support/tmp.js';

export const UPSTREAM = 'up.test';

const QUIET = () => undefined;
const log: Logger = {
  level: 'error',
  debug: QUIET,
  info: QUIET,
  warn: QUIET,
  error: (fields, message) => console.error(message, fields),
  child: () => log,
};

export interface PlaneOptions {
  readonly concurrency?: number;
  readonly credentialed?: boolean;
  readonly tagTtl?: number;
  readonly minFree?: number;
  readonly lookAgain?: number;
  readonly registry?: FakeRegistryOptions;
  /** Asked in place of the fake registry. */
  readonly url?: string;
}

interface Parts {
  readonly catalog: Catalog;
  readonly store: FilesystemBlobStore;
  readonly cache: PullThrough;
  readonly prefetcher: Prefetcher;
  readonly close: () => Promise<void>;
}

export class Plane {
  readonly registry: FakeRegistry;
  readonly dir: string;
  readonly #options: PlaneOptions;
  #parts: Parts | undefined;

  private constructor(registry: FakeRegistry, dir: string, options: PlaneOptions) {
    this.registry = registry;
    this.dir = dir;
    this.#options = options;
  }

  static async open(t: Scope, options: PlaneOptions = {}): Promise<Plane> {
    // What ends last is to be begun first.
    const begun: { plane?: Plane } = {};
    t.after(async () => begun.plane?.stop());
    const registry = await FakeRegistry.start(t, options.registry);
    begun.plane = new Plane(registry, await temporaryDirectory(t), options);
    await begun.plane.start();
    return begun.plane;
  }

  async start(): Promise<void> {
    const { concurrency = 4, credentialed = false, tagTtl = 3_600_000, minFree = 0, lookAgain } = this.#options;
    const clock = systemClock;
    const budget = new ReadBudget();
    const blobsDir = join(this.dir, 'blobs');
    const spools = await SpoolArea.open({ dir: join(this.dir, 'spool'), clock, log, minFree, budget });
    const quarantineDir = join(this.dir, 'quarantine');
    const store = await FilesystemBlobStore.open({ dir: blobsDir, quarantineDir, budget, log });
    const catalog = await openCatalog({ dataDir: this.dir, survey: () => survey(blobsDir), clock, log });
    const upstream = RegistryUpstream.open({
      name: UPSTREAM,
      url: this.#options.url ?? this.registry.url,
      auth: { type: 'anonymous' },
      realms: [],
      connectTimeout: 2000,
      responseTimeout: 3000,
      maxConnections: 16,
      allowNetworks: ['127.0.0.0/8'],
      ownListeners: () => [],
      clock,
      log,
    });
    const policy = {
      permits: (name: string) => !name.startsWith('forbidden/'),
      tagTtl,
      revalidateTimeout: 1000,
      negativeTtl: 0,
      staleIfError: 3_600_000,
      staleIfGone: 0,
      linkTtl: 3_600_000,
      credentialed,
    };
    const upstreams = new Map<string, UpstreamEntry>([[UPSTREAM, { upstream, policy }]]);
    const makeRoom = () => Promise.resolve(false);
    const count = { fetched: QUIET, received: QUIET };
    const parts = { spools, store, catalog, digestLocks: new KeyedMutex(), makeRoom, count, clock, log };
    const cache = new PullThrough(parts, upstreams);
    const nameOf = (name: string) => (name === UPSTREAM || name === 'alias.test' ? UPSTREAM : undefined);
    const host = 'linux/amd64';
    const prefetcher = await Prefetcher.open({
      cache,
      catalog,
      store,
      clock,
      log,
      concurrency,
      nameOf,
      host,
      ...(lookAgain !== undefined && { lookAgain }),
    });
    const close = async () => {
      await prefetcher.close();
      await cache.close(AbortSignal.abort());
      await upstream.close();
      await catalog.close();
      await store.close();
      await spools.close();
    };
    this.#parts = { catalog, store, cache, prefetcher, close };
  }

  async stop(): Promise<void> {
    const parts = this.#parts;
    this.#parts = undefined;
    await parts?.close();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  get parts(): Parts {
    if (!this.#parts) throw new Error('the plane is stopped');
    return this.#parts;
  }

  get prefetcher(): Prefetcher {
    return this.parts.prefetcher;
  }

  /** Creates a job and waits for its end. */
  async run(images: readonly string[], more: Partial<PrefetchSpec> = {}): Promise<PrefetchJob> {
    return this.ended((await this.prefetcher.create(spec(images, more))).id);
  }

  async ended(id: string): Promise<PrefetchJob> {
    return last(await this.watch(id));
  }

  async watch(id: string, signal = AbortSignal.timeout(20_000)): Promise<AsyncIterable<PrefetchJob>> {
    const watched = await this.prefetcher.watch(id, signal);
    if (!watched) throw new Error(`no job ${id}`);
    return watched;
  }

  /** The first snapshot that fits. */
  async until(id: string, fits: (job: PrefetchJob) => boolean): Promise<PrefetchJob> {
    for await (const job of await this.watch(id)) if (fits(job)) return job;
    throw new Error(`job ${id} ended without that`);
  }

  /** What a client's pull of a whole image asks of the cache. */
  async pull(repository: string, reference: string, blobs: readonly string[]): Promise<void> {
    const signal = AbortSignal.timeout(20_000);
    const where = { upstream: UPSTREAM, name: repository };
    await this.parts.cache.manifest(where, reference as Digest, 'body', signal);
    for (const blob of blobs) {
      const answer = await this.parts.cache.blob(where, parseDigest(blob), () => undefined, signal);
      assert.equal((await collect(answer.body)).length, answer.size);
      await answer.close();
    }
  }

  /** Everything the index and the store hold, for comparison. */
  async state(): Promise<string> {
    const { catalog, store } = this.parts;
    const lines: string[] = [];
    for await (const blob of catalog.blobs()) lines.push(`blob ${blob.digest}`);
    for await (const tag of catalog.tags()) lines.push(`tag ${tag.repository.name} ${tag.tag} ${tag.digest}`);
    for await (const root of catalog.roots()) lines.push(`root ${root.repository.name} ${root.digest}`);
    for await (const { digest } of store.list()) lines.push(`bytes ${digest}`);
    for (const { id } of (await this.prefetcher.list([], { size: 100 })).items) lines.push(`job ${id}`);
    return lines.join('\n');
  }
}

export const spec = (images: readonly string[], more: Partial<PrefetchSpec> = {}): PrefetchSpec => ({
  images: images.map((image) => parseImagePattern(`${UPSTREAM}/${image}`)),
  platforms: { platforms: [], all: false },
  attestations: false,
  signatures: false,
  referrers: false,
  ...more,
});

export const ALL = { platforms: { platforms: [], all: true } };
export const platforms = (...names: string[]) => ({ platforms: { platforms: names, all: false } });

export async function last(watched: AsyncIterable<PrefetchJob>): Promise<PrefetchJob> {
  let found: PrefetchJob | undefined;
  for await (const job of watched) found = job;
  if (!found) throw new Error('nothing was told');
  return found;
}
