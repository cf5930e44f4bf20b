/**
 * Watches that a body keeps coming. Only the time spent waiting for upstream counts, so a consumer may be as slow as it
 * likes. One timer for a body, not one for each chunk.
 */
import type { Clock } from '../lib/clock.js';

export interface SteadyOptions {
  readonly source: AsyncIterable<Buffer>;
  /** Longest wait for the next piece, in milliseconds. */
  readonly silence: number;
  readonly clock: Clock;
  /** Must make `source` throw. */
  readonly onStall: () => void;
  readonly explain: (error: unknown) => unknown;
}

/** Less than this many bytes in this long a wait is a stall, however regular the trickle. */
const WINDOW_MS = 30_000;
const WINDOW_BYTES = 30 * 1024;
const TICKS = 4;

export async function* readSteadily({
  source,
  silence,
  clock,
  onStall,
  explain,
}: SteadyOptions): AsyncGenerator<Buffer> {
  let waitingSince: number | undefined;
  let waited = 0;
  let bytes = 0;
  const check = () => {
    if (waitingSince === undefined) return;
    const wait = clock.monotonic() - waitingSince;
    if (wait >= silence || (waited + wait >= WINDOW_MS && bytes < WINDOW_BYTES)) onStall();
  };
  const stopChecking = clock.every(Math.max(Math.min(1000, silence / TICKS), 1), check);
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      waitingSince = clock.monotonic();
      const next = await chunks.next();
      waited += clock.monotonic() - waitingSince;
      waitingSince = undefined;
      if (next.done === true) return;
      bytes += next.value.length;
      if (waited >= WINDOW_MS && bytes >= WINDOW_BYTES) [waited, bytes] = [0, 0];
      yield next.value;
    }
  } catch (error) {
    throw explain(error);
  } finally {
    stopChecking();
    await chunks.return?.();
  }
}
