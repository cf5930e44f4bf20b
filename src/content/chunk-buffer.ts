/**
 * The memory for one reader's chunks, one after the other. Small at first and doubled as the reader gets on, so a reader
 * that came while there was room and then stalls holds little; halved at the next chunk when memory has become scarce.
 *
 * It promises that all buffers of a budget together take no more than its memory, and 16 KiB each where that is used up.
 */
import type { ReadBudget } from './read-budget.js';

const KIB = 1024;
const LEAST = 16 * KIB;
const FIRST = 64 * KIB;
/** A quarter of it takes twice the processor time for the same bytes: docs/performance.md. */
const MOST = 1024 * KIB;

export class ChunkBuffer {
  readonly #budget: ReadBudget;
  #size = FIRST / 2;
  #buffer: Buffer | undefined;

  constructor(budget: ReadBudget) {
    this.#budget = budget;
  }

  /** Room for the next chunk, of at most `most` bytes. The one before is in no more use. */
  next(most: number): Buffer {
    const share = this.#budget.share(this.#buffer?.length ?? 0);
    // Not at half the share already: sizes that go up and down leave nothing but garbage.
    if (share >= 4 * this.#size) this.#size = Math.min(2 * this.#size, MOST);
    while (this.#size > Math.max(share, LEAST)) this.#size /= 2;
    const wanted = Math.min(most, this.#size);
    if (!this.#buffer || this.#buffer.length < wanted || this.#buffer.length > this.#size) {
      this.release();
      this.#buffer = Buffer.allocUnsafeSlow(wanted);
      this.#budget.hold(wanted);
    }
    return this.#buffer.subarray(0, wanted);
  }

  /** No chunk will be asked for any more. Idempotent. */
  release(): void {
    this.#budget.hold(-(this.#buffer?.length ?? 0));
    this.#buffer = undefined;
  }
}
