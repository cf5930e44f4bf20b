/**
 * At most so many conversations with an upstream at once. Those who wait are served by class, live before prefetch before
 * idle, and within a class in order of arrival. Classes are asked for again whenever a slot falls free, because a fill
 * that a client joins moves up. While a live one waits, a slot held by an idle one is taken back: its signal is aborted
 * with AppError CANCELLED, 'yielded'. Spare ones, which a conversation has beside its first, are taken back before that.
 */
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import type { Priority } from './upstream.js';

export interface Slot {
  /** Aborted when the slot is taken back. The holder then ends what it does and releases. */
  readonly signal: AbortSignal;
  /** Idempotent. */
  release(): void;
}

export interface SlotsOptions {
  readonly upstream: string;
  readonly limit: number;
  readonly clock: Clock;
}

interface Waiter {
  readonly priority: () => Priority;
  readonly since: number;
  readonly grant: () => void;
  readonly refuse: (error: unknown) => void;
}

interface Holder {
  readonly priority: () => Priority;
  readonly spare: boolean;
  readonly taken: AbortController;
}

const LONGEST_WAIT_MS = 5 * 60_000;
/** Priorities change without a word to us, so while somebody waits they are looked at this often. */
const TICK_MS = 1000;
const RANK: Record<Priority, number> = { live: 0, prefetch: 1, idle: 2 };

export class Slots {
  readonly #options: SlotsOptions;
  readonly #holders = new Set<Holder>();
  /** In order of arrival. */
  readonly #waiters = new Set<Waiter>();
  #stopTicking: (() => void) | undefined;

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  /** How many are given out. */
  get active(): number {
    return this.#holders.size;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Rejects with OVERLOADED after five minutes, or with the signal's reason. */
  acquire(priority: () => Priority, signal: AbortSignal): Promise<Slot> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener('abort', onAbort);
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#rest();
      };
      const waiter: Waiter = {
        priority,
        since: this.#options.clock.monotonic(),
        grant: () => {
          leave();
          resolve(this.#hold(priority, false));
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = () => waiter.refuse(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#settle();
      if (this.#waiters.size > 0) this.#stopTicking ??= this.#options.clock.every(TICK_MS, () => this.#tick());
    });
  }

  /** One that is free and that nobody waits for, of whatever class; undefined when there is none. */
  spare(): Slot | undefined {
    const free = this.#holders.size < this.#options.limit && this.#waiters.size === 0;
    return free ? this.#hold(() => 'idle', true) : undefined;
  }

  #hold(priority: () => Priority, spare: boolean): Slot {
    const holder: Holder = { priority, spare, taken: new AbortController() };
    this.#holders.add(holder);
    return {
      signal: holder.taken.signal,
      release: () => {
        if (this.#holders.delete(holder)) this.#settle();
      },
    };
  }

  /** Gives out what is free, then makes room for live ones that still wait. */
  #settle(): void {
    while (this.#holders.size < this.#options.limit) {
      const next = this.#first();
      if (!next) return;
      next.grant();
    }
    let live = [...this.#waiters].filter((waiter) => waiter.priority() === 'live').length;
    if (live === 0) return;
    const holders = [...this.#holders].sort((a, b) => Number(b.spare) - Number(a.spare));
    for (const holder of holders) {
      if (live === 0) return;
      if (holder.taken.signal.aborted) live--;
      else if (holder.priority() === 'idle') {
        live--;
        holder.taken.abort(new AppError('CANCELLED', 'yielded'));
      }
    }
  }

  #first(): Waiter | undefined {
    let first: Waiter | undefined;
    let best = Infinity;
    for (const waiter of this.#waiters) {
      const rank = RANK[waiter.priority()];
      if (rank < best) [first, best] = [waiter, rank];
    }
    return first;
  }

  #tick(): void {
    const { clock, upstream } = this.#options;
    for (const waiter of [...this.#waiters]) {
      if (clock.monotonic() - waiter.since < LONGEST_WAIT_MS) continue;
      waiter.refuse(new AppError('OVERLOADED', `${upstream}: no connection became free within five minutes`));
    }
    this.#settle();
  }

  #rest(): void {
    this.#stopTicking?.();
    this.#stopTicking = undefined;
  }
}
