/**
 * Garbage collection of a large index beside clients: how long it takes, what memory it needs, and how long a client's
 * write to the index waits meanwhile; and how long the daemon takes to start with that index. The index is real; the store
 * has names and sizes only, so no disk is filled. Half of the garbage are layers that nobody names, half is what images
 * that expired leave behind.
 *
 *   node --expose-gc --import tsx bench/gc.ts [blobs] [manifests] [share of blobs that is garbage]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { GarbageCollector } from '../src/cache/collect/collector.js';
import { StoredEraser } from '../src/cache/collect/stored-eraser.js';
import { Recollection } from '../src/cache/recollection.js';
import type { Catalog } from '../src/catalog/catalog.js';
import { openCatalog } from '../src/catalog/open-catalog.js';
import type { BlobInfo, BlobStore } from '../src/content/blob-store.js';
import { ReadBudget } from '../src/content/read-budget.js';
import { SpoolArea } from '../src/content/spool-area.js';
import { KeyedMutex } from '../src/lib/async.js';
import { systemClock } from '../src/lib/clock.js';
import { createLog } from '../src/lib/log.js';
import { digestOf, parseDigest, type Digest } from '../src/oci/digest.js';
import { buildIndex, RETENTION } from './support/large-index.js';
import { figure, print } from './support/measure.js';
import { anonymousMemory } from './support/process-use.js';

const [blobs = 1_000_000, manifests = 50_000, garbage = 0.02] = process.argv.slice(2).map(Number);
const GRACE = 3_600_000;
/** Milliseconds of pulls without a collection, to compare with. */
const QUIET = 3000;
const { logger: log } = createLog({ level: 'warn', format: 'json' });

/** Says that everything is there that was once stored: reads sorted names from a file, so it holds none. */
class AgreeingStore implements Pick<BlobStore, 'delete' | 'digests' | 'stat'> {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  delete(): Promise<boolean> {
    return Promise.resolve(true);
  }

  stat(): Promise<BlobInfo | undefined> {
    return Promise.resolve(undefined);
  }

  async *digests(): AsyncIterable<readonly Digest[]> {
    for await (const chunk of createReadStream(this.#file, { highWaterMark: 32 * 1024 }) as AsyncIterable<Buffer>) {
      const page: Digest[] = [];
      for (let at = 0; at < chunk.length; at += 32)
        page.push(parseDigest(`sha256:${chunk.toString('hex', at, at + 32)}`));
      yield page;
    }
  }
}

/** What `growth` is told, when that is who started this. */
export interface Collected {
  readonly seconds: number;
  /** MiB. */
  readonly memory: number;
  /** Milliseconds. */
  readonly longestWait: number;
}

/** The longest that a pull's record waited, that the loop stood, and what memory there was, while `work` went on. */
async function besidePulls(catalog: Catalog, name: string, work: () => Promise<unknown>): Promise<Collected> {
  global.gc?.();
  const before = anonymousMemory(process.pid);
  let peak = before;
  const waits: number[] = [];
  const over = new AbortController();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const pulls = (async () => {
    for (let pull = 0; !over.signal.aborted; pull++) {
      const from = performance.now();
      const digest = digestOf(Buffer.from(`pulled ${name} ${pull}`));
      const descriptor = { digest, size: 10, mediaType: 'application/octet-stream' };
      const repository = { upstream: 'docker.io', name: `library/pulled-${pull % 10}` };
      await catalog.recordBlob({ repository, descriptor, public: true });
      waits.push(performance.now() - from);
      peak = Math.max(peak, anonymousMemory(process.pid));
      await sleep(10);
    }
  })();
  const from = performance.now();
  const { user, system } = process.cpuUsage();
  await work();
  const used = process.cpuUsage({ user, system });
  const took = (performance.now() - from) / 1000;
  over.abort();
  await pulls;
  delay.disable();
  waits.sort((a, b) => a - b);
  const p99 = waits[Math.floor(waits.length * 0.99)] ?? 0;
  print(`  took                         ${figure(took)} s, of processor ${figure((used.user + used.system) / 1e6)} s`);
  print(`  memory grew at most by       ${figure(peak - before)} MiB`);
  print(`  a pull's record took at most ${figure(waits.at(-1) ?? 0)} ms, p99 ${figure(p99)} ms`);
  print(`  the event loop stood at most ${figure(delay.max / 1e6)} ms`);
  return { seconds: took, memory: peak - before, longestWait: waits.at(-1) ?? 0 };
}

async function collect(collector: GarbageCollector, dryRun: boolean): Promise<void> {
  for await (const event of collector.run({ dryRun }, AbortSignal.timeout(900_000))) {
    if (event.kind !== 'report') continue;
    const { images, scannedBlobs, reachableBlobs, sweptBlobs } = event.report;
    print(
      `${dryRun ? 'dry run' : 'collection'}: ${scannedBlobs} blobs, ${reachableBlobs} reachable, ` +
        `${sweptBlobs} swept, of them from ${images} images`,
    );
  }
}

async function measure(dataDir: string): Promise<void> {
  const started = performance.now();
  const catalog = await openCatalog({ dataDir, survey: nothing, clock: systemClock, log });
  print(`start with that index          ${figure((performance.now() - started) / 1000)} s`);
  const spools = await SpoolArea.open({
    dir: join(dataDir, 'spool'),
    clock: systemClock,
    log,
    minFree: 0,
    budget: new ReadBudget(),
  });
  const store = new AgreeingStore(join(dataDir, 'names')) as unknown as BlobStore;
  const erases = { catalog, store, digestLocks: new KeyedMutex(), inUse: () => false };
  const collector = GarbageCollector.start({
    ...erases,
    spools,
    eraser: new StoredEraser(erases),
    recollection: new Recollection({ clock: systemClock, log }),
    clock: systemClock,
    log,
    policy: {
      maxSize: Number.MAX_SAFE_INTEGER,
      highWatermark: 0.9,
      lowWatermark: 0.8,
      minFree: 0,
      gracePeriod: GRACE,
      retention: RETENTION,
    },
    nextAt: () => undefined,
  });
  print('no collection');
  await besidePulls(catalog, 'quiet', () => sleep(QUIET));
  for (const dryRun of [true, false]) {
    const collected = await besidePulls(catalog, String(dryRun), () => collect(collector, dryRun));
    if (!dryRun) process.send?.(collected);
  }
  await collector.close();
  await catalog.close();
}

async function* nothing(): AsyncIterable<never> {
  await Promise.resolve();
  yield* [];
}

const [, , , , , built] = process.argv;
if (built !== undefined) await buildIndex({ dataDir: built, blobs, manifests, garbage, log });
else {
  const dataDir = await mkdtemp(join(tmpdir(), 'cistern-bench-gc-'));
  try {
    const started = performance.now();
    // In a process of its own: what building it takes is not to be mistaken for what collecting it takes.
    const builder = fork(import.meta.filename, [...[blobs, manifests, garbage].map(String), dataDir]);
    if ((await once(builder, 'exit'))[0] !== 0) throw new Error('the index was not built');
    print(`${blobs} blobs, ${manifests} manifests, built in ${figure((performance.now() - started) / 1000)} s`);
    await measure(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
