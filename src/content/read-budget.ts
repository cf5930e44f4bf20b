/**
 * What all readers and fills together may take: memory for the chunks they hold, and threads of the pool. Node has few
 * threads for file work, so without a cap thousands of readers would starve the one writer they all wait for.
 */
import { Semaphore } from '../lib/async.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** No chunk takes more than this part of what is free: the rest is for those who come next. */
const SHARE = 1 / 8;
/** About what each of 200 readers takes to read a file: a ring may hold as much for each follower that it keeps from the file. */
const SPARED = 256 * KIB;
/** The most that a ring holds for a few followers. */
const RING = 8 * MIB;

export interface ReadBudgetOptions {
  /** Bytes for the chunks of all readers together; the rings of all spools share half as much again. */
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
  #held = 0;
  #spools = 0;

  constructor({ memory = 64 * MIB, preads = 8, syncs = 2 }: ReadBudgetOptions = {}) {
    this.#memory = memory;
    this.#preads = new Semaphore(preads);
    this.#syncs = new Semaphore(syncs);
  }

  /** Bytes that readers hold now, and the rings of spools that are over. */
  get held(): number {
    return this.#held;
  }

  /** Counts memory that a reader takes, or gives back when negative. */
  hold(bytes: number): void {
    this.#held += bytes;
  }

  /** Counts a spool, which has a ring, until the returned function is called, once. */
  spool(): () => void {
    this.#spools++;
    return () => this.#spools--;
  }

  /** Bytes that the next chunk of a reader may take, when it gives back the `own` that it has. */
  share(own: number): number {
    return (this.#memory - this.#held + own) * SHARE;
  }

  /** Bytes of its newest chunks that one spool with so many followers may hold. */
  ringSize(followers: number): number {
    const most = Math.max(RING, followers * SPARED);
    return Math.floor(Math.min(Math.max(this.#memory / 2 / this.#spools, MIB), most));
  }

  /** Whether so many followers would take more to read a file than the `bytes` of their ring. */
  isWorth(bytes: number, followers: number): boolean {
    return bytes < followers * SPARED;
  }

  /** Whether readers leave room for so many bytes. */
  hasRoom(bytes: number): boolean {
    return this.#held + bytes <= this.#memory;
  }

  pread<T>(read: () => Promise<T>): Promise<T> {
    return this.#preads.run(read);
  }

  sync<T>(sync: () => Promise<T>): Promise<T> {
    return this.#syncs.run(sync);
  }
}
