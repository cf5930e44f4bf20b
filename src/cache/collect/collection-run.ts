/**
 * One garbage collection, from the plan to the report. It is made of batches, each whole in itself: it may be stopped or
 * killed between any two of them, and inside of one, and the next collection goes on from what it finds.
 */
import { setImmediate as breath } from 'node:timers/promises';
import { isNeeded } from '../../catalog/edges.js';
import type { BlobRecord } from '../../catalog/records.js';
import type { Clock } from '../../lib/clock.js';
import type { Digest } from '../../oci/digest.js';
import type {
  CollectedImage,
  CollectionCounts,
  CollectionEvent,
  CollectionPhase,
  CollectionReport,
  CollectionTrigger,
  CollectorPolicy,
} from './collection.js';
import { DigestSet } from './digest-set.js';
import { cascade, TURN, type Erased, type Eraser } from './eraser.js';
import { BATCH, dropImages, evict } from './eviction.js';
import { orphan as removeOrphan, staleSpools, type Leftovers, type LeftoverParts } from './leftovers.js';
import type { Retention, Victim } from './retention.js';
import { sweep } from './sweep.js';

/** Milliseconds between two reports of progress. */
const PROGRESS_EVERY = 250;
/** Records looked at between two looks at the clock. */
const STRIDE = 500;
/** Sorts after all digests. */
const AFTER_ALL = '~';

export interface RunOptions extends LeftoverParts {
  readonly retention: Retention;
  readonly eraser: Eraser;
  readonly policy: CollectorPolicy;
  readonly clock: Clock;
  readonly trigger: CollectionTrigger;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly tell: (event: CollectionEvent) => Promise<void>;
}

export class CollectionRun {
  readonly #options: RunOptions;
  readonly #startedAt: number;
  readonly #started: number;
  readonly #counts = { scanned: 0, swept: 0, bytes: 0, young: 0, files: 0, fileBytes: 0, images: 0 };
  /** How far the sweep has come. */
  #sweptTo = '';
  /** Gone during the sweep, before it came to them: it may still see their records. */
  readonly #ahead = new DigestSet();
  #toldAt = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#started = options.clock.monotonic();
  }

  /** Throws the signal's reason, REBUILDING, and what the index and the store throw. */
  async run(): Promise<CollectionReport> {
    const { trigger, policy } = this.#options;
    if (trigger === 'room') {
      await this.#evict();
      // Pins and images in use may be all that is left; then garbage is the only thing that can go.
      if ((await this.#used()) > policy.lowWatermark * policy.maxSize) await this.#sweep();
    } else {
      await this.#expire();
      await this.#sweep();
      await this.#leftovers();
      // Last: no image has to make room that garbage took.
      if ((await this.#used()) > policy.highWatermark * policy.maxSize) await this.#evict();
    }
    const report = this.#report();
    await this.#options.tell({ kind: 'report', report });
    return report;
  }

  async #expire(): Promise<void> {
    const { retention, policy, dryRun } = this.#options;
    await this.#tell('plan');
    let batch: Victim[] = [];
    const drop = async () => {
      await this.#named(await dropImages({ ...this.#options, gone: this.#gone }, batch, 'expired'));
      batch = [];
    };
    for await (const victim of retention.expired(policy.retention, dryRun)) {
      this.#options.signal.throwIfAborted();
      if (batch.push(victim) >= BATCH) await drop();
    }
    if (batch.length > 0) await drop();
  }

  async #evict(): Promise<void> {
    const { policy } = this.#options;
    await this.#tell('plan');
    await evict({
      ...this.#options,
      gone: this.#gone,
      dropped: (images) => this.#named(images),
      excess: async () => (await this.#used()) - policy.lowWatermark * policy.maxSize,
    });
  }

  async #sweep(): Promise<void> {
    const { catalog, store, eraser, dryRun, signal } = this.#options;
    let batch: Digest[] = [];
    let looked = 0;
    for await (const { digest, blob, referred, orphan } of sweep(catalog.records, store.digests())) {
      if (++looked % STRIDE === 0) {
        signal.throwIfAborted();
        // Whole pages may be at hand, and clients are not kept waiting for the end of one.
        await breath();
        await this.#tellNow('sweep');
      }
      this.#sweptTo = digest;
      if (eraser.isGone(digest) || this.#ahead.has(digest)) continue;
      if (orphan) this.#leftOver(await removeOrphan(this.#options, digest, dryRun));
      if (blob) this.#counts.scanned++;
      if (referred) continue;
      if (blob && this.#isYoung(blob)) {
        if (!(await isNeeded(catalog.records, digest))) this.#counts.young++;
      } else if (batch.push(digest) >= TURN) {
        await cascade(batch, { eraser, gone: this.#gone });
        batch = [];
      }
    }
    await cascade(batch, { eraser, gone: this.#gone });
    this.#sweptTo = AFTER_ALL;
    await this.#tell('sweep');
  }

  async #leftovers(): Promise<void> {
    await this.#tell('leftovers');
    this.#leftOver(await staleSpools(this.#options, this.#options.dryRun));
  }

  #leftOver(found: Leftovers | undefined): void {
    this.#counts.files += found?.files ?? 0;
    this.#counts.fileBytes += found?.bytes ?? 0;
  }

  /** Never named by a manifest, as far as the index knows, and not here for long. */
  #isYoung(blob: BlobRecord): boolean {
    const { policy, catalog } = this.#options;
    // After a rebuild the edges of what was not whole are not known, so what it found is kept as long as an image is.
    const lifetime = blob.recoveredAt === undefined ? policy.gracePeriod : policy.retention;
    return catalog.runningTime - blob.ran < lifetime;
  }

  /** Bytes that count towards maxSize; in a dry run, as they would be by now. */
  async #used(): Promise<number> {
    const { catalog, spools, dryRun } = this.#options;
    return (await catalog.stored()).bytes + spools.bytes - (dryRun ? this.#counts.bytes : 0);
  }

  /** Whatever goes counts as looked at, once. */
  readonly #gone = ({ digest, size }: Erased): void => {
    if (size !== undefined) {
      this.#counts.swept++;
      this.#counts.bytes += size;
    }
    if (digest <= this.#sweptTo) return;
    if (size !== undefined) this.#counts.scanned++;
    if (this.#sweptTo !== '' && !this.#options.dryRun) this.#ahead.add(digest);
  };

  async #named(images: readonly CollectedImage[]): Promise<void> {
    if (images.length > 0) {
      this.#counts.images += images.length;
      await this.#options.tell({ kind: 'images', images });
    }
    await this.#tellNow('images');
  }

  /** At most a few times a second. */
  async #tellNow(phase: CollectionPhase): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (now - this.#toldAt >= PROGRESS_EVERY) await this.#tell(phase);
  }

  async #tell(phase: CollectionPhase): Promise<void> {
    this.#toldAt = this.#options.clock.monotonic();
    await this.#options.tell({ kind: 'progress', phase, counts: this.#summary() });
  }

  #summary(): CollectionCounts {
    const { scanned, swept, bytes, young, files, fileBytes } = this.#counts;
    return {
      scannedBlobs: scanned,
      reachableBlobs: Math.max(0, scanned - swept - young),
      sweptBlobs: swept,
      sweptBytes: bytes,
      keptByGrace: young,
      leftoverFiles: files,
      leftoverBytes: fileBytes,
    };
  }

  #report(): CollectionReport {
    const { clock, dryRun, trigger } = this.#options;
    const durationMs = Math.round(clock.monotonic() - this.#started);
    return {
      ...this.#summary(),
      dryRun,
      trigger,
      startedAt: this.#startedAt,
      durationMs,
      images: this.#counts.images,
    };
  }
}
