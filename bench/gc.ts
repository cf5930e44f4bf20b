/**
 * Garbage collection of a large index beside clients: how long it takes, what memory it needs, and how long a client's
 * write to the index waits meanwhile. The index is real; the store has names and sizes only, so no disk is filled.
 *
 *   node --expose-gc --import tsx bench/gc.ts [blobs] [manifests] [share of blobs that is garbage]
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { GarbageCollector } from '../src/cache/collect/collector.js';
import { StoredEraser } from '../src/cache/collect/stored-eraser.js';
import { keys, MARK, type Key } from '../src/catalog/keys.js';
import { openCatalog } from '../src/catalog/open-catalog.js';
import type { BlobInfo, BlobStore } from '../src/content/blob-store.js';
import { ReadBudget } from '../src/content/read-budget.js';
import { SpoolArea } from '../src/content/spool-area.js';
import { KeyedMutex } from '../src/lib/async.js';
import { systemClock } from '../src/lib/clock.js';
import { createLog } from '../src/lib/log.js';
import { LevelMetadataStore } from '../src/metadata/level-metadata-store.js';
import type { Mutation } from '../src/metadata/metadata-store.js';
import { digestHex, digestOf, parseDigest, type Digest } from '../src/oci/digest.js';
import { parseTag } from '../src/oci/reference.js';
import { figure, print } from './support/measure.js';

const [blobs = 1_000_000, manifests = 50_000, garbage = 0.02] = process.argv.slice(2).map(Number);
const layers = blobs - manifests;
const LAYERS_OF_ONE = 20;
const BATCH = 20_000;
const SIZE = 1_000_000;
const repository = (image: number) => ({ upstream: 'docker.io', name: `library/image-${image % 1000}` });

const { logger: log } = createLog({ level: 'warn', format: 'json' });
const layer = (number: number): Digest => digestOf(Buffer.from(`layer ${number}`));
const manifest = (number: number): Digest => digestOf(Buffer.from(`manifest ${number}`));

/** Every image has its share of the layers and one that it shares with the next. The last layers belong to nobody. */
function* records(): Iterable<Mutation> {
  const at = Date.now();
  const put = <T>(key: Key<T>, value: NoInfer<T>): Mutation => ({ type: 'put', key, value: JSON.stringify(value) });
  const kept = Math.floor(layers * (1 - garbage));
  const each = Math.min(LAYERS_OF_ONE, Math.max(1, Math.floor(kept / manifests)));
  const via = [{ upstream: 'docker.io', public: true }];
  const blob = { size: SIZE, mediaType: 'application/octet-stream', storedAt: at, ran: 0, via };
  for (let number = 0; number < layers; number++) {
    yield put(keys.blob(layer(number)), blob);
    yield put(keys.link(layer(number), repository(number)), { checkedAt: at });
  }
  for (let number = 0; number < manifests; number++) {
    const first = Math.floor((number * kept) / manifests);
    const children = Array.from({ length: each + 1 }, (_, child) => layer(Math.min(first + child, kept - 1)));
    yield put(keys.blob(manifest(number)), blob);
    yield put(keys.manifest(manifest(number)), { children });
    for (const child of children) yield put(keys.parent(child, manifest(number)), MARK);
    yield put(keys.root(manifest(number), repository(number)), { by: 'tag', at });
    yield put(keys.used(manifest(number), repository(number)), { at, ran: 1000 });
    yield put(keys.tag(repository(number), parseTag(`v${number}`)), {
      digest: manifest(number),
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      size: SIZE,
      fetchedAt: at,
      checkedAt: at,
    });
  }
  yield put(keys.runningTime, 7_200_000);
  yield put(keys.stored, { blobs, bytes: blobs * SIZE });
}

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

  async *digests(): AsyncIterable<Digest> {
    for await (const chunk of createReadStream(this.#file, { highWaterMark: 32 * 1024 }) as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += 32) yield parseDigest(`sha256:${chunk.toString('hex', at, at + 32)}`);
    }
  }
}

/** The names of all blobs, sorted. */
async function writeNames(file: string): Promise<void> {
  const names: Buffer[] = [];
  for (let number = 0; number < layers; number++) names.push(bytesOf(layer(number)));
  for (let number = 0; number < manifests; number++) names.push(bytesOf(manifest(number)));
  await writeFile(file, Buffer.concat(names.sort((a, b) => a.compare(b))));
}

const bytesOf = (digest: Digest): Buffer => Buffer.from(digestHex(digest), 'hex');

/** Bytes that the process has for itself: not its files and libraries. */
async function anonymous(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

async function build(dataDir: string): Promise<void> {
  await writeNames(join(dataDir, 'names'));
  const catalog = await openCatalog({ dataDir, survey: nothing, clock: systemClock, log });
  await catalog.close();
  const store = await LevelMetadataStore.open({ dir: join(dataDir, 'index'), log });
  let batch: Mutation[] = [];
  for (const mutation of records()) {
    if (batch.push(mutation) < BATCH) continue;
    await store.write(batch, { durable: false });
    batch = [];
  }
  await store.write(batch);
  await store.close();
}

async function* nothing(): AsyncIterable<never> {
  await Promise.resolve();
  yield* [];
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
  const store = new AgreeingStore(join(dataDir, 'names'));
  const erases = { catalog, store: store as unknown as BlobStore, digestLocks: new KeyedMutex(), inUse: () => false };
  const collector = GarbageCollector.start({
    ...erases,
    spools,
    eraser: new StoredEraser(erases),
    clock: systemClock,
    log,
    policy: {
      maxSize: Number.MAX_SAFE_INTEGER,
      highWatermark: 0.9,
      lowWatermark: 0.8,
      minFree: 0,
      gracePeriod: 3_600_000,
      retention: 30 * 86_400_000,
    },
    nextAt: () => undefined,
  });
  for (const dryRun of [true, false]) {
    global.gc?.();
    const before = await anonymous();
    let peak = before;
    let longest = 0;
    const waits: number[] = [];
    const over = new AbortController();
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const pulls = (async () => {
      for (let pull = 0; !over.signal.aborted; pull++) {
        const from = performance.now();
        const digest = digestOf(Buffer.from(`pulled ${dryRun} ${pull}`));
        const descriptor = { digest, size: 10, mediaType: 'application/octet-stream' };
        await catalog.recordBlob({ repository: repository(pull), descriptor, public: true });
        waits.push(performance.now() - from);
        longest = Math.max(longest, performance.now() - from);
        peak = Math.max(peak, await anonymous());
        await sleep(10);
      }
    })();
    for await (const event of collector.run({ dryRun }, AbortSignal.timeout(600_000))) {
      if (event.kind !== 'report') continue;
      const { durationMs, scannedBlobs, reachableBlobs, sweptBlobs } = event.report;
      print(
        `${dryRun ? 'dry run' : 'collection'}: ${scannedBlobs} blobs, ${reachableBlobs} reachable, ${sweptBlobs} swept`,
      );
      print(`  took                         ${figure(durationMs / 1000)} s`);
    }
    over.abort();
    await pulls;
    delay.disable();
    waits.sort((a, b) => a - b);
    print(`  memory grew at most by       ${figure(peak - before)} MiB`);
    print(
      `  a pull's record took at most ${figure(longest)} ms, p99 ${figure(waits[Math.floor(waits.length * 0.99)] ?? 0)} ms`,
    );
    print(`  the event loop stood at most ${figure(delay.max / 1e6)} ms`);
  }
  await collector.close();
  await catalog.close();
}

const dataDir = await mkdtemp(join(tmpdir(), 'cistern-bench-gc-'));
try {
  const started = performance.now();
  await build(dataDir);
  print(`${blobs} blobs, ${manifests} manifests, built in ${figure((performance.now() - started) / 1000)} s`);
  await measure(dataDir);
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
