/**
 * What all readers and fills together may take: memory for the chunks they hold, and threads of the pool. Node has few
 * threads for file work, so without a cap thousands of readers would starve the one writer they all wait for.
 */
import { Semaphore } from '../lib/async.js';

const KIB = 1024;
const MIB = 1024 * KIB;

export interface ReadBudgetOptions {
  /** Bytes for the chunks of all readers together; the rings of all spools share as much again. */
  readonly memory?: number;
  /** Reads from files under way at once. */
  readonly preads?: number;
  /** Fsyncs in the background under way at once. */
  readonly syncs?: number;
}

export class ReadBudget {
  readonly #memory: number;
  readonly #preads: Semaphore;
  readonly #syncs: Semaphore;
  #readers = 0;
  #spools = 0;

  constructor({ memory = 64 * MIB, preads = 8, syncs = 2 }: ReadBudgetOptions = {}) {
    this.#memory = memory;
    this.#preads = new Semaphore(preads);
    this.#syncs = new Semaphore(syncs);
  }

  /** Counts a reader until the returned function is called, once. */
  reader(): () => void {
    this.#readers++;
    return () => this.#readers--;
  }

  /** Counts a spool, which has a ring, until the returned function is called, once. */
  spool(): () => void {
    this.#spools++;
    return () => this.#spools--;
  }

  /** Bytes one reader may hold in each of its (at most two) chunks. */
  chunkSize(): number {
    return clamp(this.#memory / (2 * this.#readers), 16 * KIB, MIB);
  }

  /** Bytes of its newest chunks that one spool may hold. */
  ringSize(): number {
    return clamp(this.#memory / this.#spools, MIB, 8 * MIB);
  }

  pread<T>(read: () => Promise<T>): Promise<T> {
    return this.#preads.run(read);
  }

  sync<T>(sync: () => Promise<T>): Promise<T> {
    return this.#syncs.run(sync);
  }
}

const clamp = (value: number, least: number, most: number): number =>
  Math.floor(Math.min(Math.max(value, least), most));
