/**
 * Leaves the last of an upstream's rate limit to the people who pull. Registries count GETs of manifests; what is left is
 * told with each answer, and a HEAD, which is not counted, tells it again. So whoever would GET a manifest for a job
 * passes here first, and waits here when little is left.
 */
import { abortable, SingleFlight } from '../../lib/async.js';
import type { Clock } from '../../lib/clock.js';
import type { AppError } from '../../lib/errors.js';
import type { UpstreamStatus } from '../../upstream/upstream.js';
import type { HeldBack } from './prefetch.js';
import type { UpstreamEntry } from '../upstream-entry.js';

/** This share of the limit is not for jobs. */
const RESERVE = 0.1;
const LOOK_AGAIN_MS = 60_000;
/** However long upstream would have us wait: it is looked at again, and said so, at least this often. */
const LONGEST_HOLD_MS = 15 * 60_000;

/** Told when a wait begins, and with undefined when it is over. */
export type Tell = (held: HeldBack | undefined) => void;

export class RateGate {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #lookAgain: number;
  readonly #looks = new SingleFlight<void>();
  readonly #lookedAt = new Map<string, number>();

  constructor(parts: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    /** Milliseconds. */
    readonly lookAgain?: number | undefined;
  }) {
    this.#clock = parts.clock;
    this.#signal = parts.signal;
    this.#lookAgain = parts.lookAgain ?? LOOK_AGAIN_MS;
  }

  /** Resolves once there is enough left. `look` asks upstream something that is not counted. */
  async pass(
    { upstream }: UpstreamEntry,
    look: (signal: AbortSignal) => Promise<unknown>,
    tell: Tell,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      const low = nearlyUsedUp(upstream.status());
      if (!low) return;
      const seen = Math.max(low.seenAt, this.#lookedAt.get(upstream.name) ?? 0);
      // The clock may have been set back since.
      const until = Math.min(seen, now) + this.#lookAgain;
      if (until > now) {
        const { limit, remaining } = low;
        await this.#hold({ upstream: upstream.name, limit, remaining, until }, tell, signal);
        continue;
      }
      const looked = this.#looks.run(upstream.name, async () => {
        // Whatever it answers: without news of the limit the wait goes on.
        await look(this.#signal).catch(() => undefined);
        this.#lookedAt.set(upstream.name, this.#clock.now());
      });
      await abortable(looked, signal);
    }
  }

  /** Upstream answered 429: waits as long as it said, within bounds. */
  async refused({ upstream }: UpstreamEntry, error: AppError, tell: Tell, signal: AbortSignal): Promise<void> {
    const wait = Math.min(Math.max((error.retryAfter ?? 0) * 1000, this.#lookAgain), LONGEST_HOLD_MS);
    const limit = upstream.status().rateLimit?.limit ?? 0;
    const until = this.#clock.now() + wait;
    await this.#hold({ upstream: upstream.name, limit, remaining: 0, until }, tell, signal);
  }

  async #hold(held: HeldBack, tell: Tell, signal: AbortSignal): Promise<void> {
    tell(held);
    try {
      await this.#clock.sleep(held.until - this.#clock.now(), signal);
    } finally {
      tell(undefined);
    }
  }
}

function nearlyUsedUp({ rateLimit }: UpstreamStatus) {
  if (rateLimit?.remaining === undefined || rateLimit.limit <= 0) return undefined;
  const { limit, remaining, seenAt } = rateLimit;
  return remaining <= Math.ceil(limit * RESERVE) ? { limit, remaining, seenAt } : undefined;
}
