/**
 * Events from work that goes on by itself to one reader. A slow reader delays the work only once very much waits for it;
 * of progress, only the latest waits.
 */
import type { CollectionEvent } from './collection.js';

const MOST_WAITING = 100;

export class EventQueue implements AsyncIterable<CollectionEvent> {
  #events: CollectionEvent[] = [];
  #ended: { readonly error?: unknown } | undefined;
  #abandoned = false;
  #wake: () => void = () => undefined;
  #onRoom: () => void = () => undefined;

  async push(event: CollectionEvent): Promise<void> {
    if (this.#events.at(-1)?.kind === 'progress' && event.kind === 'progress') this.#events.pop();
    this.#events.push(event);
    this.#wake();
    while (this.#events.length > MOST_WAITING && !this.#abandoned) {
      await new Promise<void>((resolve) => (this.#onRoom = resolve));
    }
  }

  end(): void {
    this.#ended = {};
    this.#wake();
  }

  /** The reader gets this once it has read what came before. */
  fail(error: unknown): void {
    this.#ended = { error };
    this.#wake();
  }

  /** Nobody reads any more. */
  abandon(): void {
    this.#abandoned = true;
    this.#onRoom();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CollectionEvent, void, undefined> {
    for (;;) {
      const event = this.#events.shift();
      if (event) {
        this.#onRoom();
        yield event;
      } else if (this.#ended) {
        if ('error' in this.#ended) throw this.#ended.error;
        return;
      } else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
