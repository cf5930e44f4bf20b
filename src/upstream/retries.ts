/**
 * Tries a question again while upstream has a short weakness: 5xx, and a 429 that says itself to come back in a moment.
 * Whatever would take longer is thrown at once, for whoever asked may have something stored to serve meanwhile.
 */
import type { Clock } from '../lib/clock.js';
import { isAppError, type AppError } from '../lib/errors.js';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Between 0 and 1. */
  readonly random: () => number;
}

const ATTEMPTS = 3;
const FIRST_WAIT_MS = 200;
/** Longer waits than this are the caller's to decide on. */
const LONGEST_WAIT_MS = 2000;

export async function withRetries<T>(ask: () => Promise<T>, { clock, signal, random }: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const wait = isAppError(error) ? waitAfter(error, attempt, random()) : Infinity;
      if (attempt >= ATTEMPTS || wait > LONGEST_WAIT_MS || signal.aborted) throw error;
      await clock.sleep(wait, signal);
    }
  }
}

/** Milliseconds, spread by half so that those who failed together do not come back together. */
function waitAfter(error: AppError, attempt: number, random: number): number {
  const said = error.retryAfter === undefined ? undefined : error.retryAfter * 1000;
  const own = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + random);
  if (error.code === 'UPSTREAM_UNAVAILABLE') return Math.max(own, said ?? 0);
  if (error.code === 'UPSTREAM_RATE_LIMITED') return said === undefined ? Infinity : Math.max(own, said);
  return Infinity;
}
