/** A signal that follows another one and may end earlier, without leaving a listener behind on either. */
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import type { Call } from './upstream.js';

export interface Link {
  readonly signal: AbortSignal;
  /** To be called when what the signal was for is over. Idempotent. */
  readonly unlink: () => void;
}

/** Aborted with the reason of the first of `signals` that is. */
export function linkSignals(...signals: readonly AbortSignal[]): Link {
  const controller = new AbortController();
  const onAbort = (event: Event) => controller.abort((event.target as AbortSignal).reason);
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener('abort', onAbort, { once: true });
  }
  return {
    signal: controller.signal,
    unlink: () => {
      for (const signal of signals) signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Runs `task` with a signal that is also aborted, with UPSTREAM_TIMEOUT, when the call's own time is up. */
export async function withinTime<T>(
  call: Call,
  clock: Clock,
  upstream: string,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeout } = call;
  if (timeout === undefined) return task(call.signal);
  const late = new AbortController();
  const stopTimer = clock.after(timeout, () =>
    late.abort(new AppError('UPSTREAM_TIMEOUT', `${upstream}: no answer within ${timeout} ms`)),
  );
  const { signal, unlink } = linkSignals(call.signal, late.signal);
  try {
    return await task(signal);
  } finally {
    stopTimer();
    unlink();
  }
}
