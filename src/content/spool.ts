/**
 * A spool holds the bytes of one download on their way into a store: one producer appends, any number of readers follow
 * at any offset and pace, and joining or leaving touches nobody else.
 *
 * It promises that nobody is given the whole of wrong bytes: the last 64 KiB are held back until `verify` has found
 * size and digest right. `verify` is the only maker of a `VerifiedFile`, and a store publishes nothing else.
 *
 * Its life: append* -> verify -> (a store publishes the file), or `keep` (a partial, resumed later), or `discard`. When
 * the disk is full it stops instead: what was written can still be followed, and `stopped` tells how to go on without it.
 */
import type { Hash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { AppError } from '../lib/errors.js';
import type { Digest } from '../oci/digest.js';
import { ChunkBuffer } from './chunk-buffer.js';
import { Follower, type Followed } from './follower.js';
import type { OpenFile } from './open-file.js';
import type { ReadBudget } from './read-budget.js';
import { Ring } from './ring.js';
import { sidecarPath } from './sidecar.js';
import { SpoolFile } from './spool-file.js';

/** Bytes at the end that nobody gets before they are verified. */
export const TAIL = 64 * 1024;

/** Only this file can call it, so only `verify` makes one. */
let newVerifiedFile: (
  spool: Spool,
  file: SpoolFile,
  size: number,
  release: (isMoved: boolean) => Promise<void>,
) => VerifiedFile;

/** A file whose size and digest were checked. Whoever gets it must `release` it, published or not. */
export class VerifiedFile {
  static {
    newVerifiedFile = (...parts) => new VerifiedFile(...parts);
  }

  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly path: string;
  readonly #file: SpoolFile;
  readonly #release: (isMoved: boolean) => Promise<void>;
  #taken = false;
  #moved = false;

  private constructor(spool: Spool, file: SpoolFile, size: number, release: (isMoved: boolean) => Promise<void>) {
    this.digest = spool.digest;
    this.size = size;
    this.path = spool.path;
    this.#file = file;
    this.#release = release;
  }

  /** For a store, once: the file is its own from now on, to move away from `path` or to copy. */
  take(): void {
    if (this.#taken) throw new AppError('INTERNAL', `the file of ${this.digest} was published already`);
    this.#taken = true;
  }

  /** Fsync. Rejects with STORE_FULL or STORE_FAILED, and then the file must be released, never tried again. */
  sync(): Promise<void> {
    return this.#file.sync();
  }

  /** For the store that took it: nothing is at `path` any more. */
  moved(): void {
    this.#moved = true;
  }

  /** Nobody needs the file any more; what is still at `path` is removed. Followers finish undisturbed. Idempotent. */
  release(): Promise<void> {
    return this.#release(this.#moved);
  }
}

/** What a spool was able to write before the disk was full. */
export interface StoppedPrefix {
  /** Bytes. */
  readonly offset: number;
  /** Of the first `offset` bytes; a copy, to go on with. */
  readonly hash: Hash;
  /** Bytes [from, offset). Reading that has begun goes on also when the spool is discarded. */
  read(from: number): AsyncIterable<Buffer>;
}

export interface SpoolOptions {
  readonly upstream: string;
  readonly digest: Digest;
  readonly size: number | undefined;
  readonly path: string;
  readonly file: OpenFile;
  readonly budget: ReadBudget;
  /** Bytes that the file holds already, and their hash. */
  readonly written: number;
  readonly hash: Hash;
  readonly onCheckpoint: (spool: Spool, offset: number, prefix: Digest) => Promise<void>;
  /** The spool is over: its file is published, removed, or a partial of `kept` bytes. */
  readonly onEnd: (spool: Spool, kept: number | undefined) => Promise<void>;
}

export class Spool implements Followed {
  readonly upstream: string;
  readonly digest: Digest;
  readonly path: string;
  readonly #options: SpoolOptions;
  readonly #budget: ReadBudget;
  readonly #file: SpoolFile;
  readonly #ring: Ring;
  readonly #leaveBudget: () => void;
  readonly #followers = new Set<Follower>();
  #prefixReaders = 0;
  #size: number | undefined;
  #received: number;
  #verified = false;
  /** Set by `keep` and `discard`: nothing is given out any more. */
  #cut: { readonly failure: unknown } | undefined;
  /** There is, or may be, a sidecar. */
  #noted: boolean;
  /** The file is published, removed or kept; only readers hold it open. */
  #over = false;
  /** Bytes of its ring, once it is over. */
  #kept = 0;
  #ending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SpoolOptions) {
    this.upstream = options.upstream;
    this.digest = options.digest;
    this.path = options.path;
    this.#options = options;
    this.#budget = options.budget;
    this.#size = options.size;
    this.#received = options.written;
    this.#noted = options.written > 0;
    this.#ring = new Ring(options.written);
    this.#leaveBudget = options.budget.spool();
    this.#file = new SpoolFile({
      ...options,
      onChange: () => this.#changed(),
      onCheckpoint: (offset, prefix) => {
        this.#noted = true;
        return options.onCheckpoint(this, offset, prefix);
      },
    });
  }

  /** Of the whole blob, once known. */
  get size(): number | undefined {
    return this.#size;
  }

  /** Bytes appended. */
  get received(): number {
    return this.#received;
  }

  /** Bytes in the file. */
  get written(): number {
    return this.#file.written;
  }

  /** It was kept or discarded: no follower gets the whole of it. */
  get cut(): boolean {
    return this.#cut !== undefined;
  }

  /** Its file is published, removed or kept, so that nobody can begin to follow it any more. */
  get ended(): boolean {
    return this.#over;
  }

  /** The size has become known. Throws UPSTREAM_INVALID when it cannot be. */
  expect(size: number): void {
    if ((this.#size !== undefined && this.#size !== size) || size < this.#received) {
      const known = this.#size ?? `at least ${this.#received}`;
      throw new AppError('UPSTREAM_INVALID', `${this.digest} is said to have ${size} bytes, but has ${known}`);
    }
    this.#size = size;
    this.#changed();
  }

  /**
   * The chunk is the spool's from now on. Followers may have it at once; resolves when the disk is ready for another.
   * Rejects with UPSTREAM_INVALID when there is more than `size`, STORE_FULL when the spool has stopped, STORE_FAILED,
   * or the cause it was discarded with.
   */
  async append(chunk: Buffer): Promise<void> {
    this.#throwUnlessFilling();
    if (this.#size !== undefined && this.#received + chunk.length > this.#size) {
      throw new AppError('UPSTREAM_INVALID', `more than the ${this.#size} bytes that ${this.digest} should have`);
    }
    if (chunk.length === 0) return;
    this.#ring.push(chunk);
    this.#received += chunk.length;
    const room = this.#file.push(chunk);
    this.#changed();
    await room;
    this.#throwUnlessFilling();
  }

  /**
   * Bytes [from, to), or to the end without `to`. A chunk is the consumer's until it asks for the next one. Ends early
   * only by throwing: the signal's reason, the cause of a discard, STORE_FULL once all that was written is given, or
   * STORE_FAILED when the bytes are neither in memory nor readable. To be read to its end, returned or aborted.
   */
  follow(from: number, to: number | undefined, signal: AbortSignal): AsyncIterableIterator<Buffer, undefined> {
    const follower = new Follower(this, this.#budget, from, to ?? Number.POSITIVE_INFINITY, signal);
    this.#followers.add(follower);
    if (signal.aborted) follower.fail(signal.reason);
    else if (this.#cut) follower.fail(this.#cut.failure);
    return follower;
  }

  /**
   * Size and digest of all that was appended. When they are right, followers get the held-back tail; else rejects with
   * UPSTREAM_INVALID and the spool is discarded. Rejects with STORE_FULL or STORE_FAILED when it has not all been
   * written. Does not wait for the disk to have it for good: publishing does.
   */
  async verify(): Promise<VerifiedFile> {
    await this.#file.settled();
    this.#throwUnlessFilling();
    const wrong = this.#mismatch();
    if (wrong !== undefined) {
      const error = new AppError('UPSTREAM_INVALID', wrong);
      await this.discard(error);
      throw error;
    }
    this.#size = this.#received;
    this.#verified = true;
    this.#changed();
    return newVerifiedFile(this, this.#file, this.#received, (isMoved) => this.#end(undefined, isMoved));
  }

  /** After STORE_FULL: what was written. Undefined when the spool did not stop, was discarded, or cannot be read. */
  stopped(): StoppedPrefix | undefined {
    if (this.#cut || this.#file.failure?.code !== 'STORE_FULL') return undefined;
    const offset = this.#file.written;
    return { offset, hash: this.#file.hash(), read: (from) => this.#readPrefix(from, offset) };
  }

  /** Ends the download but keeps its bytes, as a partial. Followers reject with `cause` at once. */
  async keep(cause: unknown = new AppError('CANCELLED', `the download of ${this.digest} was put off`)): Promise<void> {
    if (this.#verified || this.#cut) return this.#ending;
    this.#cutAll(cause);
    await this.#end(async () => {
      await this.#file.checkpoint();
      return this.#file.written;
    });
  }

  /** Every follower rejects with `cause` at once, and the file is removed. Idempotent. */
  async discard(cause: unknown): Promise<void> {
    if (!this.#verified) this.#cutAll(cause);
    await this.#end(undefined);
  }

  // What followers see.

  get limit(): number {
    if (this.#verified) return this.#received;
    const stop = this.#file.failure?.code === 'STORE_FULL' ? this.#file.written : this.#received;
    const tail = this.#size === undefined ? this.#received - TAIL : this.#size - TAIL;
    return Math.min(stop, Math.max(tail, 0));
  }

  get outcome(): { readonly failure: unknown } | 'complete' | undefined {
    if (this.#verified) return 'complete';
    const failure = this.#file.failure;
    return this.#cut ?? (failure && { failure });
  }

  recent(at: number, until: number): Buffer | undefined {
    return this.#ring.get(at, until);
  }

  read(buffer: Buffer, at: number): Promise<number> {
    if (this.#closing) throw new AppError('CANCELLED', `the spool of ${this.digest} is closed`);
    return this.#file.read(buffer, at);
  }

  leave(follower: Follower): void {
    this.#followers.delete(follower);
    this.#dropRing();
    this.#closeIfUnused();
  }

  async *#readPrefix(from: number, offset: number): AsyncGenerator<Buffer, undefined> {
    if (this.#closing) throw new AppError('CANCELLED', `the spool of ${this.digest} is closed`);
    this.#prefixReaders++;
    const buffers = new ChunkBuffer(this.#budget);
    try {
      for (let at = from; at < offset;) {
        const buffer = buffers.next(offset - at);
        const length = await this.#file.read(buffer, at);
        at += length;
        yield buffer.subarray(0, length);
      }
    } finally {
      buffers.release();
      this.#prefixReaders--;
      this.#closeIfUnused();
    }
  }

  #mismatch(): string | undefined {
    if (this.#size !== undefined && this.#received !== this.#size) {
      return `${this.#received} bytes came of the ${this.#size} that ${this.digest} should have`;
    }
    const found = this.#file.digest();
    return found === this.digest ? undefined : `the bytes that came for ${this.digest} have the digest ${found}`;
  }

  #throwUnlessFilling(): void {
    if (this.#cut) throw this.#cut.failure;
    if (this.#file.failure) throw this.#file.failure;
    if (this.#verified) throw new AppError('INTERNAL', `the download of ${this.digest} is over`);
  }

  #changed(): void {
    this.#ring.trim(this.#budget.ringSize(this.#followers.size), this.#file.written);
    for (const follower of this.#followers) follower.advance();
  }

  #cutAll(cause: unknown): void {
    this.#cut ??= { failure: cause };
    for (const follower of this.#followers) follower.fail(this.#cut.failure);
    this.#ring.clear(this.#received);
  }

  /** Once. `save` resolves to the number of bytes that are kept; without it, or when it fails, what is there is removed. */
  #end(save: (() => Promise<number>) | undefined, isMoved = false): Promise<void> {
    this.#ending ??= this.#finish(save, isMoved);
    return this.#ending;
  }

  async #finish(save: (() => Promise<number>) | undefined, isMoved: boolean): Promise<void> {
    // A failed checkpoint only costs a second download, and what cannot be removed is removed by the next start.
    const kept = (await save?.().catch(() => 0)) ?? 0;
    if (kept === 0) {
      const left = [...(isMoved ? [] : [this.path]), ...(this.#noted ? [sidecarPath(this.path)] : [])];
      await Promise.allSettled(left.map((path) => rm(path, { force: true })));
    }
    this.#over = true;
    this.#leaveBudget();
    this.#keepRing();
    this.#closeIfUnused();
    await this.#closing;
    await this.#options.onEnd(this, kept === 0 ? undefined : kept);
  }

  /**
   * Slow readers may be here for long: let them read from the file, unless it is lost, or they are so many that this takes
   * more memory.
   */
  #keepRing(): void {
    const bytes = this.#ring.length;
    const hasRoom = this.#file.lost || this.#budget.hasRoom(bytes);
    if (hasRoom && this.#isWorthKeeping(bytes)) {
      this.#budget.hold(bytes);
      this.#kept = bytes;
    } else {
      this.#ring.clear(this.#received);
    }
  }

  #dropRing(): void {
    if (this.#kept === 0 || this.#isWorthKeeping(this.#kept)) return;
    this.#budget.hold(-this.#kept);
    this.#kept = 0;
    this.#ring.clear(this.#received);
  }

  #isWorthKeeping(bytes: number): boolean {
    const { size } = this.#followers;
    return size > 0 && (this.#file.lost || this.#budget.isWorth(bytes, size));
  }

  /** The file stays open, also when it is removed or published, until its last reader has left. */
  #closeIfUnused(): void {
    if (!this.#over || this.#followers.size > 0 || this.#prefixReaders > 0) return;
    this.#closing ??= this.#file.close().catch(() => undefined);
  }
}
