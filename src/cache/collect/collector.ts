/**
 * The one garbage collector: expiry, eviction and the sweep, on request, by cron, and by itself when too much is stored.
 * It works beside the pulls and deletes nothing that is reachable, pinned, in use or being filled. Two collections
 * never run at once.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { keys } from '../../catalog/keys.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { SpoolArea } from '../../content/spool-area.js';
import { follow, type KeyedMutex } from '../../lib/async.js';
import type { Clock } from '../../lib/clock.js';
import { AppError, isAppError } from '../../lib/errors.js';
import type { Logger } from '../../lib/log.js';
import type { Digest } from '../../oci/digest.js';
import type { Recollection } from '../recollection.js';
import { CollectionRun, type RunOptions } from './collection-run.js';
import type {
  CollectionEvent,
  CollectionReport,
  CollectionTrigger,
  Collector,
  CollectorPolicy,
  CollectorState,
} from './collection.js';
import { EventQueue } from './event-queue.js';
import { ImaginedEraser } from './imagined-eraser.js';
import { Retention } from './retention.js';
import { Room } from './room.js';
import type { StoredEraser } from './stored-eraser.js';

/** Milliseconds between two looks at how much is stored. */
const LOOK_EVERY = 1000;
/** After an eviction that could not free enough, for milliseconds: nothing will have changed by the next look. */
const REST = 60_000;

export interface CollectorParts {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly spools: SpoolArea;
  readonly digestLocks: KeyedMutex;
  /** Shared with whoever else erases: two that erase at once could wait for each other. */
  readonly eraser: StoredEraser;
  readonly recollection: Pick<Recollection, 'removed'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly policy: CollectorPolicy;
  /** Whether an unfinished job works on the image with this digest, or needs this blob. */
  readonly inUse: (digest: Digest) => boolean;
  /** When the schedule's next run is due. */
  readonly nextAt: () => number | undefined;
}

export class GarbageCollector implements Collector {
  readonly #parts: CollectorParts;
  readonly #eraser: StoredEraser;
  readonly #room: Room;
  readonly #closing = new AbortController();
  readonly #stopLooking: () => void;
  readonly #work = new Set<Promise<unknown>>();
  #running: CollectorState['running'];
  #looking = false;
  #restUntil = 0;
  #failures = 0;

  private constructor(parts: CollectorParts) {
    const { minFree } = parts.policy;
    this.#parts = parts;
    this.#eraser = parts.eraser;
    this.#room = new Room({ ...parts, minFree, signal: this.#closing.signal });
    this.#stopLooking = parts.clock.every(LOOK_EVERY, () => void this.#tracked(this.#look()));
  }

  /** Looks after the space by itself from now on. */
  static start(parts: CollectorParts): GarbageCollector {
    return new GarbageCollector(parts);
  }

  run(options: { readonly dryRun: boolean }, signal: AbortSignal): AsyncIterable<CollectionEvent> {
    return this.#run('request', options.dryRun, signal);
  }

  /** For cron: the same, watched by nobody. */
  async runScheduled(signal: AbortSignal): Promise<void> {
    await drain(this.#run('schedule', false, signal));
  }

  async state(): Promise<CollectorState> {
    const last = await this.#parts.catalog.records.get(keys.collection);
    return { running: this.#running, last, nextAt: this.#parts.nextAt() };
  }

  /** Collections that stopped early, since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Sees to it that `bytes` more can be written. False when not enough may go. Never throws. */
  async makeRoom(bytes: number): Promise<boolean> {
    try {
      return await this.#tracked(this.#room.make(bytes));
    } catch (error) {
      this.#warn(error, 'no room could be made');
      return false;
    }
  }

  /** Stops what is under way after the batch in hand. */
  async close(): Promise<void> {
    this.#stopLooking();
    this.#closing.abort(new AppError('DRAINING', 'Cistern is stopping'));
    await Promise.allSettled(this.#work);
  }

  async *#run(
    trigger: CollectionTrigger,
    dryRun: boolean,
    signal: AbortSignal,
  ): AsyncGenerator<CollectionEvent, void, undefined> {
    const { catalog, clock } = this.#parts;
    this.#closing.signal.throwIfAborted();
    signal.throwIfAborted();
    if (this.#running) throw alreadyRunning(this.#running.trigger);
    catalog.assertComplete();
    const unwatched = new AbortController();
    const events = new EventQueue();
    this.#running = { trigger, dryRun, startedAt: clock.now() };
    const unfollow = follow([signal, this.#closing.signal], unwatched);
    const work = this.#tracked(this.#collect(trigger, dryRun, unwatched.signal, events)).finally(() => {
      this.#running = undefined;
      unfollow();
    });
    work.then(
      () => events.end(),
      (error: unknown) => events.fail(error),
    );
    try {
      yield* events;
    } finally {
      unwatched.abort(new AppError('CANCELLED', 'nobody watches this collection any more'));
      events.abandon();
      await work.catch(() => undefined);
    }
  }

  async #collect(trigger: CollectionTrigger, dryRun: boolean, signal: AbortSignal, events: EventQueue): Promise<void> {
    const { catalog, log, inUse, recollection } = this.#parts;
    const onAbort = () => events.abandon();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const tell = async (event: CollectionEvent) => {
        if (event.kind === 'report') await this.#keep(event.report);
        await events.push(event);
      };
      const retention = new Retention({ catalog, inUse });
      const eraser = dryRun ? new ImaginedEraser({ catalog, inUse }) : this.#eraser;
      const removed: RunOptions['removed'] = (image, reason) => {
        if (!dryRun) recollection.removed(image, reason);
      };
      const run = new CollectionRun({ ...this.#parts, retention, eraser, removed, trigger, dryRun, signal, tell });
      log.info({ ...(await run.run()) }, dryRun ? 'garbage collection imagined' : 'garbage collected');
    } catch (error) {
      if (!dryRun && !signal.aborted) this.#failures++;
      log.warn({ trigger, dryRun, err: error }, 'garbage collection stopped');
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #keep(report: CollectionReport): Promise<void> {
    if (report.dryRun) return;
    try {
      await this.#parts.catalog.turn((tx) => tx.put(keys.collection, report));
    } catch (error) {
      // What was deleted is deleted: only its report is lost.
      this.#warn(error, 'the report of a collection was not kept');
    }
  }

  /** Evicts when too much is stored, and makes room for an index that is full. */
  async #look(): Promise<void> {
    const { catalog, spools, policy, clock } = this.#parts;
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#room.tend();
      const used = async () => (await catalog.stored()).bytes + spools.bytes;
      const limit = policy.highWatermark * policy.maxSize;
      if (this.#running || catalog.health !== 'ready' || clock.monotonic() < this.#restUntil) return;
      if ((await used()) <= limit) return;
      await drain(this.#run('room', false, this.#closing.signal));
      if ((await used()) > limit) this.#restUntil = clock.monotonic() + REST;
    } catch (error) {
      if (!isAppError(error, 'ALREADY_RUNNING')) this.#warn(error, 'looking after the space failed');
    } finally {
      this.#looking = false;
    }
  }

  /** What `close` waits for. */
  #tracked<T>(work: Promise<T>): Promise<T> {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
    return tracked;
  }

  #warn(error: unknown, message: string): void {
    if (!this.#closing.signal.aborted) this.#parts.log.warn({ err: error }, message);
  }
}

async function drain(events: AsyncIterable<CollectionEvent>): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

const alreadyRunning = (trigger: CollectionTrigger): AppError =>
  new AppError('ALREADY_RUNNING', `a garbage collection, started by ${WHO[trigger]}, is under way`);

const WHO = { request: 'a request', schedule: 'the schedule', room: 'a high watermark' } as const;
