/**
 * Keeps the index alive: writes what is in memory every few seconds, a snapshot every few minutes, opens the index again
 * after a failed write, puts a new one in the place of a damaged one, and finishes rebuilds, all while it serves.
 */
import { Mutex } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { isAppError, type AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { MetadataStore } from '../metadata/metadata-store.js';
import type { Epoch } from './epoch.js';
import { keys } from './keys.js';
import { surveyStore, type SnapshotFiles, type Survey } from './rebuild.js';
import { COPIED, COUNTED, writeSnapshot } from './snapshot.js';
import { StoredRecords } from './stored-records.js';
import { Usage } from './usage.js';
import { WriteQueue } from './write-queue.js';

/**
 * `rebuilding`: serves, and deletes nothing. `full`: no writes until there is space; recovers by itself. `failed`: no
 * writes, an index error; is tried again by itself.
 */
export type CatalogHealth = 'ready' | 'rebuilding' | 'full' | 'failed';

export interface UpkeepOptions {
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * The snapshot is replaced at each pin change, every five minutes, and by `close`. Statistics are large and change by the
   * hour: every hour, and by `close`.
   */
  readonly files: SnapshotFiles;
  readonly epoch: Epoch;
  /** A rebuild's second half is still to be done: it is begun at once. */
  readonly rebuilding?: boolean;
  /** Puts a new index in the place of a damaged one and restores the snapshot into it. */
  readonly replaceIndex: (damage: AppError) => Promise<void>;
  /** Every blob in the store, for rebuilds. */
  readonly survey: Survey;
}

/** Milliseconds. */
const FLUSH_EVERY = 3000;
const RECOVER_EVERY = 1000;
const SNAPSHOT_EVERY = 5 * 60_000;
const STATISTICS_EVERY = 60 * 60_000;

export class Upkeep {
  readonly records: StoredRecords;
  readonly queue: WriteQueue;
  readonly usage: Usage;
  readonly #options: UpkeepOptions;
  readonly #listeners = new Set<(health: CatalogHealth) => void>();
  readonly #closing = new AbortController();
  readonly #timers: readonly (() => void)[];
  /** Never rejects. */
  #lastSnapshot: Promise<void> = Promise.resolve();
  #nextSnapshot: Promise<void> | undefined;
  readonly #copying = new Mutex();
  #rebuild: Promise<void> | undefined;
  #recovery: Promise<void> | undefined;
  #rebuilding: boolean;
  /** Its second half is under way. */
  #surveying = false;
  #health: CatalogHealth;

  private constructor(options: UpkeepOptions, ran: number) {
    const { store, clock, epoch } = options;
    this.#options = options;
    this.records = new StoredRecords(store, (error) => this.queue.condemn(error));
    this.queue = new WriteQueue({
      store,
      records: this.records,
      check: () => epoch.check(store),
      changed: () => this.#announce(),
    });
    this.usage = new Usage(clock, ran);
    this.#rebuilding = options.rebuilding ?? false;
    this.#health = this.health;
    this.#timers = [
      clock.every(FLUSH_EVERY, () => void this.#quietly('last use was not written', () => this.flush())),
      clock.every(SNAPSHOT_EVERY, () => void this.trySnapshot()),
      clock.every(STATISTICS_EVERY, () => void this.#quietly('statistics were not copied', () => this.#copyCounts())),
      clock.every(RECOVER_EVERY, () => void this.recover()),
    ];
    if (this.#rebuilding) this.#startSurvey();
  }

  static async start(options: UpkeepOptions): Promise<Upkeep> {
    const ran = await new StoredRecords(options.store).get(keys.runningTime);
    return new Upkeep(options, ran ?? 0);
  }

  get health(): CatalogHealth {
    const { state } = this.#options.store;
    if (this.queue.unusable || state === 'failed') return 'failed';
    if (state === 'full') return 'full';
    return this.#rebuilding ? 'rebuilding' : 'ready';
  }

  /** While a rebuild is unfinished nothing may be deleted, whatever the health. */
  get rebuilding(): boolean {
    return this.#rebuilding;
  }

  /** Called with each new health. Returns what ends that. */
  onStateChange(listener: (health: CatalogHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Writes the uses and checks that are only in memory. */
  flush(): Promise<void> {
    return this.usage.flush((work) => this.queue.turn(work));
  }

  /** What is committed when this is called is in the snapshot when it resolves. Calls that wait share one. */
  snapshot(): Promise<void> {
    this.#nextSnapshot ??= this.#lastSnapshot.then(() => {
      this.#nextSnapshot = undefined;
      const written = this.#writeSnapshot();
      this.#lastSnapshot = written.catch(() => undefined);
      return written;
    });
    return this.#nextSnapshot;
  }

  /** For when what asked for it has succeeded already: a failure is logged. */
  trySnapshot(): Promise<void> {
    return this.#quietly('snapshot was not written', () => this.snapshot());
  }

  /** Opens the index again after a failed write, or makes a new one in the place of a damaged one. Never throws. */
  recover(): Promise<void> {
    const isWell = this.health === 'ready' || (this.health === 'rebuilding' && this.#surveying);
    if (isWell || this.#closing.signal.aborted) return Promise.resolve();
    this.#recovery ??= this.#quietly('index is not back yet', () => this.#recover()).finally(() => {
      this.#recovery = undefined;
    });
    return this.#recovery;
  }

  /** Resolves when the rebuild that is under way has ended, or at once. */
  async rebuilt(): Promise<void> {
    await this.#rebuild;
  }

  /** Writes what is in memory and a last snapshot, and closes the store. Every step is tried; a failure is thrown. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    for (const stop of this.#timers) stop();
    this.#closing.abort(new Error('the catalog is closing'));
    await this.#rebuild;
    await this.#recovery;
    try {
      await this.flush();
    } finally {
      await this.snapshot()
        .finally(() => this.#copyCounts())
        .finally(() => this.#options.store.close());
    }
  }

  async #writeSnapshot(): Promise<void> {
    const { store, files, epoch } = this.#options;
    if (this.queue.unusable) throw this.queue.unusable;
    await this.#copy(files.snapshot, COPIED);
    await this.queue.exclusively(() => epoch.raise(store));
  }

  /** One at a time: they write the same file. */
  #copyCounts(): Promise<void> {
    const { files } = this.#options;
    return this.#copying.run(async () => {
      if (this.queue.unusable) throw this.queue.unusable;
      await this.#copy(files.statistics, COUNTED);
    });
  }

  async #copy(file: string, copied: readonly string[]): Promise<void> {
    try {
      await writeSnapshot(file, this.#options.store, copied);
    } catch (error) {
      if (isAppError(error, 'INDEX_CORRUPT')) this.queue.condemn(error);
      throw error;
    }
  }

  async #recover(): Promise<void> {
    if (!this.queue.unusable) {
      await this.queue.recover();
      // A full disk had ended it.
      if (this.#rebuilding && !this.#surveying) this.#startSurvey();
    }
    const damage = this.queue.unusable;
    if (!damage) return;
    await this.#rebuild;
    // Copies that went on into the new index would put almost nothing in the place of what it is restored from.
    await this.#lastSnapshot;
    await this.#copying.run(() => Promise.resolve());
    await this.queue.replace(async () => {
      // First: whoever deletes what has no record must not take the empty index at its word.
      this.#rebuilding = true;
      await this.#options.replaceIndex(damage);
    });
    this.#startSurvey();
  }

  #startSurvey(): void {
    this.#surveying = true;
    this.#rebuild = this.#quietly('rebuild of the index was interrupted', () => this.#survey()).finally(() => {
      this.#surveying = false;
    });
  }

  async #survey(): Promise<void> {
    const { clock, log, survey } = this.#options;
    const started = clock.monotonic();
    const found = await surveyStore({
      queue: this.queue,
      survey,
      moment: { at: clock.now(), ran: this.usage.runningTime },
      signal: this.#closing.signal,
    });
    this.#rebuilding = false;
    this.#announce();
    log.info({ ...found, durationMs: Math.round(clock.monotonic() - started) }, 'index rebuilt');
  }

  #announce(): void {
    const health = this.health;
    if (health === this.#health) return;
    this.#health = health;
    this.#options.log.info({ health }, 'index state changed');
    for (const listener of this.#listeners) listener(health);
  }

  /** For what a timer starts: nobody awaits it, so its failure is logged. */
  async #quietly(message: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#options.log.warn({ err: error }, message);
    }
  }
}
