/**
 * One garbage collection, from the plan to the report. It is made of batches, each whole in itself: it may be stopped or
 * killed between any two of them, and inside of one, and the next collection goes on from what it finds.
 */
import { refersToStored, type Candidate, type Erased } from '../../catalog/edges.js';
import { keys, prefixes } from '../../catalog/keys.js';
import type { BlobRecord } from '../../catalog/records.js';
import { Breath } from '../../lib/async.js';
import type { Clock } from '../../lib/clock.js';
import { slices } from '../../lib/page.js';
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
import { cascade, type Eraser } from './eraser.js';
import { BATCH, dropImages, evict, type Dropping } from './eviction.js';
import { orphan as removeOrphan, staleSpools, type Leftovers, type LeftoverParts } from './leftovers.js';
import type { Retention, Victim } from './retention.js';
import { sweep } from './sweep.js';

/** Milliseconds between two reports of progress. */
const PROGRESS_EVERY = 250;
/** Neighbours erased in one turn of the write queue: what others wait for at most. */
const NEIGHBOURS = 128;

export interface RunOptions extends LeftoverParts {
  readonly retention: Retention;
  readonly eraser: Eraser;
  readonly policy: CollectorPolicy;
  readonly clock: Clock;
  /** Called for each image that goes. */
  readonly removed: Dropping['removed'];
  readonly trigger: CollectionTrigger;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly tell: (event: CollectionEvent) => Promise<void>;
}

export class CollectionRun {
  readonly #options: RunOptions;
  readonly #startedAt: number;
  readonly #started: number;
  readonly #breath = new Breath();
  /** `kept`: what the last sweep came across and left. */
  readonly #counts = { kept: 0, swept: 0, bytes: 0, young: 0, files: 0, fileBytes: 0, images: 0 };
  /** Bytes of layers that no image names any more, and that the next sweep takes. */
  #left = 0;
  #toldAt = 0;
  /** What images leave to the sweep: not what it passes first, nor what it would spare for its age. */
  readonly #sweeping = {
    takes: async (digest: Digest): Promise<number | undefined> => {
      const { records } = this.#options.catalog;
      const blob = await records.get(keys.blob(digest));
      const takes = blob && !this.#isYoung(blob) && !(await records.get(keys.manifest(digest)));
      return takes ? blob.size : undefined;
    },
    left: (bytes: number): void => {
      this.#left += bytes;
    },
  };

  constructor(options: RunOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#started = options.clock.monotonic();
  }

  /** Throws the signal's reason, REBUILDING, and what the index and the store throw. */
  async run(): Promise<CollectionReport> {
    const { trigger, policy } = this.#options;
    if (trigger !== 'room') await this.#expire();
    await this.#sweep(this.#options.store.digests());
    if (trigger !== 'room') await this.#leftovers();
    // Last: no image has to make room that garbage took.
    if ((await this.#used()) > policy.highWatermark * policy.maxSize && (await this.#evict()) > 0) await this.#sweep();
    const report = this.#report();
    await this.#options.tell({ kind: 'report', report });
    return report;
  }

  async #expire(): Promise<void> {
    const { retention, policy, dryRun } = this.#options;
    await this.#tell('plan');
    let batch: Victim[] = [];
    const drop = async () => {
      await this.#named(
        await dropImages({ ...this.#options, gone: this.#gone, sweep: this.#sweeping }, batch, 'expired'),
      );
      batch = [];
    };
    for await (const victim of retention.expired(policy.retention, dryRun)) {
      this.#options.signal.throwIfAborted();
      if (batch.push(victim) >= BATCH) await drop();
    }
    if (batch.length > 0) await drop();
  }

  async #evict(): Promise<number> {
    const { policy } = this.#options;
    await this.#tell('plan');
    return evict({
      ...this.#options,
      gone: this.#gone,
      sweep: this.#sweeping,
      dropped: (images) => this.#named(images),
      excess: async () => (await this.#used()) - policy.lowWatermark * policy.maxSize,
    });
  }

  async #sweep(files?: AsyncIterable<readonly Digest[]>): Promise<void> {
    const { catalog, eraser, dryRun } = this.#options;
    const { records } = catalog;
    const isGone = (digest: Digest) => eraser.isGone(digest);
    // Manifests first: what they free is then come across, wherever it sorts.
    for await (const { unreferred } of sweep({ records, recorded: prefixes.manifests, isGone })) {
      await this.#goOn();
      const chosenAt = catalog.runningTime;
      const { old } = await this.#byAge(unreferred);
      await cascade(old, {
        eraser,
        chosenAt,
        gone: this.#gone,
        leave: async (freed) => (await this.#sweeping.takes(freed)) !== undefined,
      });
    }
    this.#counts.kept = 0;
    this.#counts.young = 0;
    for await (const window of sweep({ records, recorded: prefixes.blobs, ...(files && { files }), isGone })) {
      await this.#goOn();
      for (const digest of window.orphans) this.#leftOver(await removeOrphan(this.#options, digest, dryRun));
      const { old, young } = await this.#byAge(window.unreferred);
      this.#counts.kept += window.looked;
      this.#counts.young += young;
      for (const neighbours of slices(old, NEIGHBOURS)) {
        for (const erased of await eraser.eraseNeighbours(neighbours)) {
          this.#gone(erased);
          if (erased.size !== undefined) this.#counts.kept--;
        }
      }
    }
    this.#left = 0;
    await this.#tell('sweep');
  }

  /** Between two batches of the sweep. Whole pages may be at hand, and clients are not kept waiting for the end of one. */
  async #goOn(): Promise<void> {
    this.#options.signal.throwIfAborted();
    if (this.#breath.due) await this.#breath.take();
    await this.#tellNow('sweep');
  }

  /** Of what nothing refers to: what is old enough to go, and how many are kept only because they are not. */
  async #byAge(unreferred: readonly Digest[]): Promise<{ readonly old: readonly Candidate[]; readonly young: number }> {
    const { records } = this.#options.catalog;
    const old: Candidate[] = [];
    let young = 0;
    for (const digest of unreferred) {
      const blob = await records.get(keys.blob(digest));
      if (!blob || !this.#isYoung(blob)) old.push({ digest, ran: blob?.ran });
      else if (!(await refersToStored(records, digest))) young++;
    }
    return { old, young };
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

  /** Bytes that count towards maxSize, as they will be after the next sweep; in a dry run, would be. */
  async #used(): Promise<number> {
    const { catalog, spools, dryRun } = this.#options;
    return (await catalog.stored()).bytes + spools.bytes - this.#left - (dryRun ? this.#counts.bytes : 0);
  }

  readonly #gone = ({ size }: Erased): void => {
    if (size === undefined) return;
    this.#counts.swept++;
    this.#counts.bytes += size;
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
    const { kept, swept, bytes, young, files, fileBytes } = this.#counts;
    return {
      scannedBlobs: kept + swept,
      reachableBlobs: Math.max(0, kept - young),
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
