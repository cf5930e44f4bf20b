/** Streams of events in which progress may be skipped, and nothing else may. */
import type { Clock } from '../lib/clock.js';

const PROGRESS_MS = 200;

/** The events, with progress at most five times a second; the first progress and everything else pass at once. */
export async function* thinned<Event extends { readonly kind: string }>(
  events: AsyncIterable<Event>,
  clock: Clock,
): AsyncGenerator<Event> {
  let next = -Infinity;
  for await (const event of events) {
    if (event.kind === 'progress') {
      const now = clock.monotonic();
      if (now < next) continue;
      next = now + PROGRESS_MS;
    }
    yield event;
  }
}
