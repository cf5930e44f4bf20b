/**
 * The side of a spool that is on the disk: chunks are queued, written in order and hashed once they are written, while
 * the next ones are being written. Every 32 MiB the file is synced in the background and the offset noted.
 *
 * It ends in one of two failures. `full`: no space; what was written can still be read, and the hash stands exactly at
 * `written`. `lost`: a write, sync or read failed in another way; what the file holds is unknown, so it is never read
 * again, and nothing is tried twice: the kernel reports a failed sync once and then forgets the pages.
 */
import type { Hash } from 'node:crypto';
import { AppError } from '../lib/errors.js';
import { digestAlgorithm, digestOfHash, type Digest } from '../oci/digest.js';
import { storageError, type OpenFile } from './open-file.js';
import type { ReadBudget } from './read-budget.js';

const MIB = 1024 * 1024;
/** Bytes and chunks that wait for the disk before `push` asks its caller to wait. */
const QUEUE_BYTES = 4 * MIB;
const QUEUE_CHUNKS = 4096;
/** One write. The chunks of one are hashed in a row, so it also bounds how long the event loop is held. */
const BATCH_BYTES = MIB;
const BATCH_CHUNKS = 256;
const CHECKPOINT_BYTES = 32 * MIB;

export interface SpoolFileOptions {
  readonly file: OpenFile;
  readonly digest: Digest;
  readonly budget: ReadBudget;
  /** The hash of the first `written` bytes, which the file holds already. */
  readonly hash: Hash;
  readonly written: number;
  /** `written` or `failure` has changed. */
  readonly onChange: () => void;
  /** The first `offset` bytes are on the disk. */
  readonly onCheckpoint: (offset: number, prefix: Digest) => Promise<void>;
}

export class SpoolFile {
  readonly #options: SpoolFileOptions;
  readonly #file: OpenFile;
  readonly #hash: Hash;
  #written: number;
  #queue: Buffer[] = [];
  #queued = 0;
  #unhashed: Buffer[] = [];
  #synced: number;
  #writing: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #onRoom: (() => void) | undefined;
  #full: AppError | undefined;
  #lost: AppError | undefined;

  constructor(options: SpoolFileOptions) {
    this.#options = options;
    this.#file = options.file;
    this.#hash = options.hash;
    this.#written = options.written;
    this.#synced = options.written;
  }

  /** Bytes that can be read back. */
  get written(): number {
    return this.#written;
  }

  get failure(): AppError | undefined {
    return this.#lost ?? this.#full;
  }

  /** The file must not be read any more. */
  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** Queues a chunk; resolves once another may come. Rejects with the failure. One caller at a time. */
  async push(chunk: Buffer): Promise<void> {
    this.#throwFailure();
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    this.#writing ??= this.#write();
    while (this.failure === undefined && (this.#queued >= QUEUE_BYTES || this.#queue.length >= QUEUE_CHUNKS)) {
      await new Promise<void>((resolve) => (this.#onRoom = resolve));
    }
    this.#throwFailure();
  }

  /** Resolves once all that was pushed is written and hashed, or there is a failure. Never rejects. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** The digest of the first `written` bytes. Only once settled. */
  digest(): Digest {
    return digestOfHash(digestAlgorithm(this.#options.digest), this.#hash.copy());
  }

  hash(): Hash {
    return this.#hash.copy();
  }

  /** Bytes from `at` on, all below `written`; fills at most the buffer, and may return less. */
  async read(buffer: Buffer, at: number): Promise<number> {
    return this.#options.budget.pread(async () => {
      if (this.#lost) throw this.#lost;
      try {
        const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw new Error('the file is shorter than what was written');
        return bytesRead;
      } catch (error) {
        throw this.#lose(error, 'reading a spool');
      }
    });
  }

  /** Makes all that was pushed durable. Rejects with STORE_FULL or STORE_FAILED, and then the file is lost. */
  async sync(): Promise<void> {
    await this.settled();
    await this.#syncing;
    this.#throwFailure();
    await this.#sync('sync');
  }

  /** Makes all that is written durable and notes it; also when the disk is full. Rejects when the file is lost. */
  async checkpoint(): Promise<void> {
    await this.settled();
    await this.#syncing;
    if (this.#lost) throw this.#lost;
    await this.#sync('datasync');
    await this.#options.onCheckpoint(this.#written, this.digest());
  }

  /** Drops what is not written yet. What is under way ends first. */
  async close(): Promise<void> {
    this.#queue = [];
    this.#queued = 0;
    await this.settled();
    await this.#syncing;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    try {
      while (this.#queue.length > 0 && !this.#lost) {
        const writing = this.#file.writev(this.#batch(), this.#written);
        this.#hashWritten();
        const { bytesWritten } = await writing;
        if (bytesWritten === 0) throw new Error('the disk took nothing');
        // The queue is empty when the spool was closed meanwhile.
        this.#take(bytesWritten);
        this.#progress();
      }
      this.#hashWritten();
    } catch (error) {
      this.#hashWritten();
      const failure = storageError(error, 'writing a spool');
      if (failure.code === 'STORE_FULL') this.#full = failure;
      else this.#lose(error, 'writing a spool');
      this.#queue = [];
      this.#queued = 0;
      this.#progress();
    } finally {
      this.#writing = undefined;
    }
  }

  #progress(): void {
    this.#onRoom?.();
    this.#onRoom = undefined;
    this.#options.onChange();
  }

  #batch(): Buffer[] {
    let bytes = 0;
    let count = 0;
    for (const chunk of this.#queue) {
      if (count === BATCH_CHUNKS || bytes >= BATCH_BYTES) break;
      bytes += chunk.length;
      count++;
    }
    return this.#queue.slice(0, count);
  }

  /** Moves what was written from the queue to what is to be hashed; a short write splits a chunk. */
  #take(bytesWritten: number): void {
    let left = bytesWritten;
    let whole = 0;
    for (const chunk of this.#queue) {
      if (chunk.length > left) break;
      left -= chunk.length;
      whole++;
      if (left === 0) break;
    }
    this.#unhashed.push(...this.#queue.splice(0, whole));
    const split = this.#queue[0];
    if (left > 0 && split !== undefined) {
      this.#unhashed.push(split.subarray(0, left));
      this.#queue[0] = split.subarray(left);
    }
    this.#queued -= Math.min(bytesWritten, this.#queued);
    this.#written += bytesWritten;
  }

  /** After it the hash stands at `written`, unless a write has come in between. */
  #hashWritten(): void {
    for (const chunk of this.#unhashed) this.#hash.update(chunk);
    this.#unhashed = [];
    if (this.#written - this.#synced >= CHECKPOINT_BYTES && this.#syncing === undefined && !this.#lost) {
      this.#syncing = this.#checkpointBehind(this.#written, this.digest()).finally(() => (this.#syncing = undefined));
    }
  }

  /** Failures are kept for whoever needs the file next; nobody waits for this. */
  async #checkpointBehind(offset: number, prefix: Digest): Promise<void> {
    this.#synced = offset;
    try {
      await this.#options.budget.sync(() => this.#sync('datasync'));
      await this.#options.onCheckpoint(offset, prefix);
    } catch {
      this.#progress();
    }
  }

  async #sync(how: 'sync' | 'datasync'): Promise<void> {
    try {
      await this.#file[how]();
    } catch (error) {
      this.#lose(error, 'syncing a spool');
      throw storageError(error, 'syncing a spool');
    }
  }

  #lose(cause: unknown, doing: string): AppError {
    this.#lost ??= new AppError('STORE_FAILED', `the storage failed while ${doing}`, { cause });
    return this.#lost;
  }

  #throwFailure(): void {
    if (this.failure) throw this.failure;
  }
}
