/**
 * A fill as one client gets it: what the spool has, and when the disk has no room for more, what goes past the store. An
 * iterator by hand, since a generator leaves as much behind with each chunk as all else that the chunk meets on its way,
 * and thousands of clients may be waiting for the same one.
 */
import { isAppError } from '../lib/errors.js';

export interface FillBodyParts {
  readonly follower: AsyncIterator<Buffer, void, undefined>;
  /** Offset of its first byte. */
  readonly from: number;
  /** Bytes from the offset on, once the follower has failed with STORE_FULL. */
  readonly rest: (from: number) => AsyncIterable<Buffer, void, undefined>;
  /** All of it was given. */
  readonly onWhole: () => void;
}

export class FillBody implements AsyncIterableIterator<Buffer, void, undefined> {
  readonly #parts: FillBodyParts;
  #chunks: AsyncIterator<Buffer, void, undefined>;
  #at: number;
  #over = false;

  constructor(parts: FillBodyParts) {
    this.#parts = parts;
    this.#chunks = parts.follower;
    this.#at = parts.from;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, void>> {
    return this.#chunks.next().then(this.#count, this.#goPast);
  }

  async return(): Promise<IteratorResult<Buffer, void>> {
    this.#over = true;
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }

  get #isPast(): boolean {
    return this.#chunks !== this.#parts.follower;
  }

  readonly #count = (result: IteratorResult<Buffer, void>) => {
    if (result.done !== true) this.#at += result.value.length;
    else if (!this.#over) this.#parts.onWhole();
    this.#over ||= result.done === true;
    return result;
  };

  readonly #goPast = (error: unknown) => {
    if (this.#over || this.#isPast || !isAppError(error, 'STORE_FULL')) {
      this.#over = true;
      throw error;
    }
    this.#chunks = this.#parts.rest(this.#at)[Symbol.asyncIterator]();
    return this.next();
  };
}
