/** A cache on a real index and store in a directory, with its contents to look at and a fake registry behind it. */
import { readFile, writeFile, chmod, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { VerifyEvent, CorruptBlob } from '../../../src/cache/contents/contents.js';
import { PullThrough } from '../../../src/cache/pull-through.js';
import { Recollection } from '../../../src/cache/recollection.js';
import { StoredContents } from '../../../src/cache/contents/stored-contents.js';
import { StoredEraser } from '../../../src/cache/collect/stored-eraser.js';
import type { UpstreamEntry } from '../../../src/cache/upstream-entry.js';
import type { Catalog } from '../../../src/catalog/catalog.js';
import { openCatalog } from '../../../src/catalog/open-catalog.js';
import { blobPath } from '../../../src/content/blob-path.js';
import { FilesystemBlobStore } from '../../../src/content/filesystem-blob-store.js';
import { ReadBudget } from '../../../src/content/read-budget.js';
import { Rehasher } from '../../../src/content/rehash.js';
import { SpoolArea } from '../../../src/content/spool-area.js';
import { survey } from '../../../src/content/survey.js';
import { KeyedMutex } from '../../../src/lib/async.js';
import { systemClock } from '../../../src/lib/clock.js';
import { createLog } from '../../../src/lib/log.js';
import type { Digest } from '../../../src/oci/digest.js';
import { parseImageReference, type TagOrDigest } from '../../../src/oci/reference.js';
import { parseManifest } from '../../../src/oci/manifest.js';
import { RegistryUpstream } from '../../../src/upstream/registry-upstream.js';
import { collect } from '../../content/support.js';
import { FakeRegistry } from '../../support/fake-registry.js';
import { temporaryDirectory } from '../../support/tmp.js';

export const UPSTREAM = 'up.test';

export const signal = AbortSignal.timeout(120_000);

/** `up.test/` before a name. */
export const image = (name: string) => parseImageReference(`${UPSTREAM}/${name}`);

export interface OperatedOptions {
  /** Where the upstream is; the cache's own registry without it. */
  readonly url?: string;
  /** How long a tag is served without asking, in milliseconds. */
  readonly tagTtl?: number;
  /** How long a repository may be served what it was, without asking. */
  readonly linkTtl?: number;
}

export class OperatedCache {
  readonly dir: string;
  readonly registry: FakeRegistry;
  readonly logs: string[] = [];
  readonly locks = new KeyedMutex();
  readonly policy = { retention: 1000 * 3_600_000, gracePeriod: 3_600_000 };
  /** What unfinished jobs work on. */
  readonly jobs = new Set<Digest>();
  recollection!: Recollection;
  pull!: PullThrough;
  contents!: StoredContents;
  catalog!: Catalog;
  store!: FilesystemBlobStore;
  spools!: SpoolArea;
  /** Called by each thread that hashes, before it is asked anything. */
  rehashing: (rehasher: Rehasher) => Rehasher = (rehasher) => rehasher;

  private constructor(dir: string, registry: FakeRegistry) {
    this.dir = dir;
    this.registry = registry;
  }

  static async open(
    t: TestContext,
    { url, tagTtl = 3_600_000, linkTtl = 0 }: OperatedOptions = {},
  ): Promise<OperatedCache> {
    // What ends last is to be begun first.
    const begun: (() => Promise<void>)[] = [];
    t.after(async () => {
      for (const close of begun) await close();
    });
    const registry = await FakeRegistry.start(t);
    const cache = new OperatedCache(await temporaryDirectory(t), registry);
    const { dir } = cache;
    const clock = systemClock;
    const log = createLog({ level: 'debug', format: 'json' }, { write: (line) => void cache.logs.push(line) }).logger;
    const budget = new ReadBudget();
    const blobsDir = join(dir, 'blobs');
    const spools = await SpoolArea.open({ dir: join(dir, 'spool'), clock, log, minFree: 0, budget });
    const quarantineDir = join(dir, 'quarantine');
    const store = await FilesystemBlobStore.open({ dir: blobsDir, quarantineDir, budget, log });
    const catalog = await openCatalog({ dataDir: dir, survey: () => survey(blobsDir), clock, log });
    const upstream = RegistryUpstream.open({
      name: UPSTREAM,
      url: url ?? registry.url,
      auth: { type: 'anonymous' },
      realms: [],
      connectTimeout: 1000,
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
      staleIfError: 0,
      staleIfGone: 0,
      linkTtl,
      credentialed: true,
    };
    const upstreams = new Map<string, UpstreamEntry>([[UPSTREAM, { upstream, policy }]]);
    const digestLocks = cache.locks;
    const makeRoom = () => Promise.resolve(false);
    const count = { fetched: () => undefined, received: () => undefined };
    const pull = new PullThrough({ spools, store, catalog, digestLocks, makeRoom, count, clock, log }, upstreams);
    const recollection = new Recollection({ clock, log });
    const contents = new StoredContents({
      catalog,
      store,
      spools,
      pull,
      eraser: new StoredEraser({ catalog, store, digestLocks, inUse: () => false }),
      digestLocks,
      makeRoom,
      clock,
      log,
      pullsOf: (repository, digest) => catalog.pullsOf(repository, digest),
      nameOf: (name) => (name === UPSTREAM || name === 'alias.test' ? UPSTREAM : undefined),
      startRehasher: (rate) => cache.rehashing(Rehasher.start({ dir: blobsDir, rate })),
      quarantinedBytes: async () => {
        const sizes = await Promise.all(
          (await readdir(quarantineDir)).map(async (name) => (await stat(join(quarantineDir, name))).size),
        );
        return sizes.reduce((sum, size) => sum + size, 0);
      },
      policy: cache.policy,
      inUse: (digest) => cache.jobs.has(digest),
      recollection,
      maxSize: 1e9,
      scrubRate: 1e9,
    });
    Object.assign(cache, { recollection, pull, contents, catalog, store, spools });
    begun.push(
      () => pull.close(AbortSignal.abort()),
      () => upstream.close(),
      () => catalog.close(),
      () => store.close(),
      () => spools.close(),
    );
    // A new index looks for bytes first, and nothing may be deleted until it has.
    await catalog.rebuilt();
    return cache;
  }

  /** As a client pulls: the manifest, those it names, and every blob; resolves to all bytes, by digest. */
  async pulled(name: string, reference: TagOrDigest, into = new Map<string, Buffer>()): Promise<Map<string, Buffer>> {
    const repository = { upstream: UPSTREAM, name };
    const { descriptor, bytes } = await this.pull.manifest(repository, reference, 'body', signal);
    into.set(descriptor.digest, bytes!);
    const manifest = parseManifest(bytes!, descriptor.mediaType);
    for (const child of manifest.children) {
      if (manifest.kind === 'index') await this.pulled(name, child.digest, into);
      else into.set(child.digest, await this.blob(name, child.digest));
    }
    return into;
  }

  async blob(name: string, digest: Digest): Promise<Buffer> {
    const answer = await this.pull.blob({ upstream: UPSTREAM, name }, digest, () => undefined, signal);
    let bytes: Buffer;
    try {
      bytes = await collect(answer.body);
    } finally {
      await answer.close();
    }
    await this.recorded(digest);
    return bytes;
  }

  /** A blob is recorded a moment after its last byte is served. */
  async recorded(digest: Digest): Promise<void> {
    await this.pull.flights.find(UPSTREAM, digest)?.done;
  }

  path(digest: Digest): string {
    return blobPath(join(this.dir, 'blobs'), digest);
  }

  /** Flips a bit in a stored blob. */
  async rot(digest: Digest): Promise<void> {
    const path = this.path(digest);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 1;
    await chmod(path, 0o644);
    await writeFile(path, bytes);
  }

  async verify(
    ...target: Parameters<StoredContents['verify']>
  ): Promise<{ corrupt: CorruptBlob[]; last: VerifyEvent }> {
    const corrupt: CorruptBlob[] = [];
    let last!: VerifyEvent;
    for await (const event of this.contents.verify(...target)) {
      if (event.kind === 'corrupt') corrupt.push(event.blob);
      last = event;
    }
    return { corrupt, last };
  }
}

export async function bytesOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(Buffer.from(chunk));
  return Buffer.concat(all);
}

/** In uneven pieces, as a network would bring it. */
export async function* inPieces(bytes: Buffer, size = 10_007): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size)
    yield await Promise.resolve(Buffer.from(bytes.subarray(at, at + size)));
}
