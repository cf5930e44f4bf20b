/**
 * One reader of a spool, at its own pace: newest bytes come from memory, older ones from the file. It is woken by the
 * spool, has one abort listener for its whole life, and no timer: thousands of them cost little. Whatever it does or
 * leaves undone, it holds at most one chunk and keeps nobody waiting.
 */
import { AppError } from '../lib/errors.js';
import { ChunkBuffer } from './chunk-buffer.js';
import type { ReadBudget } from './read-budget.js';

/** What a follower sees of its spool. */
export interface Followed {
  /** Bytes below it may be given out now. */
  readonly limit: number;
  /** No more bytes will come: either all of them are there, or there is this failure. */
  readonly outcome: { readonly failure: unknown } | 'complete' | undefined;
  /** Bytes from `at` on, below `until`, when they are in memory. */
  recent(at: number, until: number): Buffer | undefined;
  /** Fills (part of) the buffer from the file; resolves to the number of bytes. */
  read(buffer: Buffer, at: number): Promise<number>;
  leave(follower: Follower): void;
}

interface Waiting {
  readonly resolve: (result: IteratorResult<Buffer, undefined>) => void;
  readonly reject: (cause: unknown) => void;
}

export class Follower implements AsyncIterableIterator<Buffer, undefined> {
  readonly #spool: Followed;
  readonly #buffer: ChunkBuffer;
  readonly #signal: AbortSignal;
  readonly #to: number;
  readonly #onAbort = () => this.fail(this.#signal.reason);
  #at: number;
  #waiting: Waiting | undefined;
  #reading = false;
  #done = false;
  /** Not told yet. */
  #failure: { readonly cause: unknown } | undefined;

  /** Follows [from, to). It must be read to its end, returned or aborted; until then it keeps the spool's file open. */
  constructor(spool: Followed, budget: ReadBudget, from: number, to: number, signal: AbortSignal) {
    this.#spool = spool;
    this.#buffer = new ChunkBuffer(budget);
    this.#at = from;
    this.#to = to;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    return new Promise((resolve, reject) => {
      if (this.#waiting) {
        reject(new AppError('INTERNAL', 'a follower was asked for two chunks at once'));
        return;
      }
      this.#waiting = { resolve, reject };
      if (this.#done) this.#tellEnd();
      else this.advance();
    });
  }

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The spool has changed: gives the next chunk to a consumer that waits for it. */
  advance(): void {
    if (!this.#waiting || this.#reading) return;
    const until = Math.min(this.#spool.limit, this.#to);
    if (this.#at < until) {
      const chunk = this.#spool.recent(this.#at, until);
      if (chunk) this.#give(chunk);
      else void this.#readFile(until);
      return;
    }
    const { outcome } = this.#spool;
    if (this.#at >= this.#to || outcome === 'complete') this.#end();
    else if (outcome) this.fail(outcome.failure);
  }

  /** Ends it at once; a chunk that is being read is not given any more. */
  fail(cause: unknown): void {
    if (this.#done) return;
    this.#failure = { cause };
    this.#end();
  }

  async #readFile(until: number): Promise<void> {
    this.#reading = true;
    try {
      const buffer = this.#buffer.next(until - this.#at);
      const length = await this.#spool.read(buffer, this.#at);
      this.#reading = false;
      if (!this.#done) this.#give(buffer.subarray(0, length));
    } catch (error) {
      this.#reading = false;
      this.fail(error);
    }
  }

  #give(chunk: Buffer): void {
    this.#at += chunk.length;
    this.#waiting?.resolve({ done: false, value: chunk });
    this.#waiting = undefined;
  }

  #end(): void {
    if (this.#done) return;
    this.#done = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#buffer.release();
    this.#spool.leave(this);
    this.#tellEnd();
  }

  #tellEnd(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) waiting.reject(failure.cause);
    else waiting.resolve({ done: true, value: undefined });
  }
}
