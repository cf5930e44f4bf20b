/**
 * A cache without upstreams for the collector's tests: a real catalog over an index in memory, a store of names and sizes,
 * and images that are stored as a pull would store them. It can be killed at any of its awaits and opened again.
 */
import { join } from 'node:path';
import type { CollectionEvent, CollectionReport, CollectorPolicy } from '../../../src/cache/collect/collection.js';
import { GarbageCollector } from '../../../src/cache/collect/collector.js';
import { StoredEraser } from '../../../src/cache/collect/stored-eraser.js';
import { Recollection } from '../../../src/cache/recollection.js';
import { Catalog } from '../../../src/catalog/catalog.js';
import { Epoch } from '../../../src/catalog/epoch.js';
import { ReadBudget } from '../../../src/content/read-budget.js';
import { SpoolArea } from '../../../src/content/spool-area.js';
import type { SurveyPage } from '../../../src/catalog/rebuild.js';
import { deferred, KeyedMutex } from '../../../src/lib/async.js';
import { createLog, type Logger } from '../../../src/lib/log.js';
import type { Mutation } from '../../../src/metadata/metadata-store.js';
import type { Repository } from '../../../src/oci/descriptor.js';
import { digestOf, type Digest } from '../../../src/oci/digest.js';
import { parseTag } from '../../../src/oci/reference.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryMetadataStore } from '../../support/memory-metadata-store.js';
import { SyntheticBlobStore } from '../../support/synthetic-blob-store.js';
import { temporaryDirectory, type Scope } from '../../support/tmp.js';

/** Short, because each second of the clock is lived through. */
export const GRACE = 20_000;
export const RETENTION = 90_000;

export const POLICY: CollectorPolicy = {
  maxSize: 1_000_000,
  highWatermark: 0.9,
  lowWatermark: 0.8,
  minFree: 0,
  gracePeriod: GRACE,
  retention: RETENTION,
};

/** What is named by `children` is a layer unless it is in `images`. */
export interface TestImage {
  readonly name: string;
  readonly children: readonly string[];
  readonly subject?: string;
}

export const digest = (name: string): Digest => digestOf(Buffer.from(name));

export const repositoryOf = (name = 'library/test'): Repository => ({ upstream: 'docker.io', name });

/** The index, which stops answering when the process it belongs to is killed. */
class GatedMetadataStore extends MemoryMetadataStore {
  gate: () => Promise<void> = () => Promise.resolve();

  override async get(key: string): Promise<string | undefined> {
    await this.gate();
    return super.get(key);
  }

  override async write(batch: readonly Mutation[]): Promise<void> {
    await this.gate();
    await super.write(batch);
    await this.gate();
  }

  override async *scan(prefix: string, after?: string): AsyncIterable<readonly [string, string]> {
    await this.gate();
    yield* super.scan(prefix, after);
  }

  /** The directory outlives the process. */
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

export class Collected {
  readonly index = new GatedMetadataStore();
  readonly store = new SyntheticBlobStore();
  readonly log: Logger;
  readonly logs: string[] = [];
  readonly inUse = new Set<Digest>();
  readonly #dir: string;
  readonly #images: ReadonlyMap<string, TestImage>;
  /** May be changed while it runs. */
  readonly policy: { -readonly [key in keyof CollectorPolicy]: number };
  clock = new ManualClock();
  catalog!: Catalog;
  collector!: GarbageCollector;
  eraser!: StoredEraser;
  recollection!: Recollection;
  spools!: SpoolArea;
  locks = new KeyedMutex();
  /** Bytes that the disk has left. */
  free = 1e12;
  size: (name: string) => number = () => 100;

  private constructor(dir: string, images: readonly TestImage[], policy: Partial<CollectorPolicy>) {
    this.#dir = dir;
    this.#images = new Map(images.map((image) => [image.name, image]));
    this.policy = { ...POLICY, ...policy };
    this.log = createLog({ level: 'info', format: 'json' }, { write: (line) => void this.logs.push(line) }).logger;
  }

  static async open(
    scope: Scope,
    images: readonly TestImage[],
    policy: Partial<CollectorPolicy> = {},
  ): Promise<Collected> {
    const cache = new Collected(await temporaryDirectory(scope), images, policy);
    await cache.start();
    return cache;
  }

  /** Also after `kill`, as a new process on the same directory. */
  async start(rebuilding = false, surveyed: Promise<unknown> = Promise.resolve()): Promise<void> {
    const { clock, log, index, store } = this;
    this.locks = new KeyedMutex();
    this.spools = await SpoolArea.open({
      dir: join(this.#dir, 'spool'),
      clock,
      log,
      minFree: this.policy.minFree,
      budget: new ReadBudget(),
      fs: { open: () => Promise.reject(new Error('no spools here')), free: () => Promise.resolve(this.free) },
    });
    const epoch = await Epoch.open(join(this.#dir, 'epoch'));
    await epoch.raise(index);
    this.catalog = await Catalog.open({
      store: index,
      clock,
      log,
      files: { snapshot: join(this.#dir, 'snapshot'), statistics: join(this.#dir, 'statistics') },
      epoch,
      replaceIndex: () => Promise.reject(new Error('not in these tests')),
      rebuilding,
      survey: () => this.#survey(surveyed),
    });
    const inUse = (each: Digest) => this.inUse.has(each);
    const erases = { catalog: this.catalog, store, digestLocks: this.locks, inUse };
    this.collector = GarbageCollector.start({
      ...erases,
      spools: this.spools,
      eraser: (this.eraser = new StoredEraser(erases)),
      recollection: (this.recollection = new Recollection({ clock, log })),
      clock,
      log,
      policy: this.policy,
      nextAt: () => undefined,
    });
  }

  /** From the call after the next `awaits` on, nothing that this process asks of its disk is answered any more. */
  killAfter(awaits: number): Promise<void> {
    return new Promise((resolve) => {
      let left = awaits;
      this.index.gate = this.store.gate = () => {
        if (left-- > 0) return Promise.resolve();
        resolve();
        return new Promise(() => undefined);
      };
    });
  }

  /** A new process on what the killed one left. */
  async restart(): Promise<void> {
    this.index.gate = this.store.gate = () => Promise.resolve();
    const clock = new ManualClock(this.clock.now());
    this.clock = clock;
    await this.start();
  }

  /** A new process that finds the index being rebuilt. Gives what ends that. */
  async restartRebuilding(): Promise<() => void> {
    await this.collector.close();
    const surveyed = deferred<undefined>();
    await this.start(true, surveyed.promise);
    return () => surveyed.resolve(undefined);
  }

  /** All that is stored, once the test lets it be seen. */
  async *#survey(surveyed: Promise<unknown>): AsyncIterable<SurveyPage> {
    await surveyed;
    yield { prefix: '', blobs: [...this.store.sizes].map(([each, size]) => ({ digest: each, size })) };
  }

  image(name: string): TestImage | undefined {
    return this.#images.get(name);
  }

  /** Everything that the image consists of, itself first. */
  whole(name: string): readonly string[] {
    return [name, ...(this.image(name)?.children ?? []).flatMap((child) => this.whole(child))];
  }

  /** Stores what is missing of the image, parents first, as a pull by tag would. */
  async pull(
    name: string,
    options: { tag?: string; repository?: Repository; by?: 'tag' | 'digest' } = {},
  ): Promise<void> {
    const { tag = name, repository = repositoryOf(), by = 'tag' } = options;
    await this.manifest(name, repository, by, tag);
    this.catalog.noteUse(repository, digest(name), this.clock.now());
    for (const child of this.image(name)?.children ?? []) {
      if (this.image(child)) await this.pull(child, { repository, by: 'digest' });
      else await this.layer(child, repository);
    }
  }

  /** As a job does it: what it works on is in use until it ends, and its manifest comes before any of its layers. */
  async prefetch(name: string, options: { tag: string; repository: Repository }): Promise<void> {
    const worksOn = this.whole(name).map(digest);
    for (const each of worksOn) this.inUse.add(each);
    try {
      await this.pull(name, options);
    } finally {
      for (const each of worksOn) this.inUse.delete(each);
    }
  }

  async manifest(name: string, repository: Repository, by: 'tag' | 'digest', tag: string): Promise<void> {
    const { children, subject } = this.image(name)!;
    const descriptor = this.#descriptor(name);
    if ((await this.catalog.link(repository, descriptor.digest)) && (await this.store.stat(descriptor.digest))) {
      if (by === 'tag') {
        const pointsAt = await this.catalog.tag(repository, parseTag(tag));
        if (pointsAt?.digest !== descriptor.digest)
          await this.catalog.pointTag(repository, parseTag(tag), descriptor, this.clock.now());
      } else await this.catalog.noteRoot(repository, descriptor.digest);
      return;
    }
    await this.locks.run(descriptor.digest, async () => {
      await this.store.put(descriptor.digest, descriptor.size);
      await this.catalog.recordManifest({
        repository,
        descriptor,
        public: true,
        children: children.map((child) => this.#descriptor(child)),
        subject: subject === undefined ? undefined : digest(subject),
        asked: by,
        tag: by === 'tag' ? parseTag(tag) : undefined,
      });
    });
  }

  async layer(name: string, repository = repositoryOf()): Promise<void> {
    const descriptor = this.#descriptor(name);
    if ((await this.catalog.link(repository, descriptor.digest)) && (await this.store.stat(descriptor.digest))) return;
    await this.locks.run(descriptor.digest, async () => {
      await this.store.put(descriptor.digest, descriptor.size);
      await this.catalog.recordBlob({ repository, descriptor, public: true });
    });
  }

  async collect(options: { readonly dryRun: boolean } = { dryRun: false }): Promise<Collection> {
    const collection: Collection = { events: [], images: [], report: undefined! };
    for await (const event of this.collector.run(options, AbortSignal.timeout(60_000))) {
      collection.events.push(event);
      if (event.kind === 'images') {
        collection.images.push(...event.images.map(({ reference, reason, bytes }) => ({ reference, reason, bytes })));
      }
      if (event.kind === 'report') collection.report = event.report;
    }
    return collection;
  }

  /** Names, of those given, whose bytes and record are there; throws when only one of the two is. */
  async stored(names: readonly string[]): Promise<readonly string[]> {
    const found = [];
    for (const name of names) {
      const recorded = (await this.catalog.blob(digest(name))) !== undefined;
      if (recorded !== this.store.sizes.has(digest(name))) throw new Error(`${name} is only half there`);
      if (recorded) found.push(name);
    }
    return found;
  }

  async keys(): Promise<readonly string[]> {
    const found = [];
    for await (const [key] of this.index.scan('')) found.push(key);
    return found;
  }

  /** What the log says of images that were removed: `docker.io/library/test a expired`. */
  removals(): readonly string[] {
    return this.logs
      .map((line) => JSON.parse(line) as Record<string, string | readonly string[]>)
      .filter(({ msg }) => msg === 'removed')
      .map(
        ({ upstream, repository, tags, why }) =>
          `${String(upstream)}/${String(repository)} ${String(tags)} ${String(why)}`,
      );
  }

  #descriptor(name: string) {
    const mediaType = this.image(name)
      ? 'application/vnd.oci.image.manifest.v1+json'
      : 'application/vnd.oci.image.layer.v1.tar+gzip';
    return { digest: digest(name), size: this.size(name), mediaType };
  }
}

export interface Collection {
  readonly events: CollectionEvent[];
  readonly images: { reference: string; reason: string; bytes: number }[];
  report: CollectionReport;
}
