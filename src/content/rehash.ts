/**
 * Hashes stored blobs again, in a thread of its own and no faster than it is told, so that pulls go on undisturbed. It
 * tells what it read, and of which very file: between that and what is done about it, the file may have been replaced.
 */
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Worker } from 'node:worker_threads';
import { AppError, systemCode } from '../lib/errors.js';
import type { Digest } from '../oci/digest.js';
import { blobPath } from './blob-path.js';
import { startWorker } from '../lib/start-worker.js';

export type Rehashed =
  /** `digest` is that of the bytes, whatever they are stored as. `version` names the very file. */
  | { readonly kind: 'hashed'; readonly digest: Digest; readonly size: number; readonly version: string }
  | { readonly kind: 'missing' }
  /** The disk cannot give it back. No `version`: it could not even be opened. */
  | { readonly kind: 'unreadable'; readonly version: string };

export interface RehashOrder {
  readonly dir: string;
  /** Bytes a second. */
  readonly rate: number;
}

/** From the thread: how far it is with the blob it was given, or what it found. */
export type RehashMessage = Rehashed | { readonly kind: 'progress'; readonly bytes: number };

export class Rehasher {
  readonly #dir: string;
  readonly #worker: Worker;
  #progress = 0;
  #ended: AppError | undefined;

  private constructor(order: RehashOrder) {
    this.#dir = order.dir;
    this.#worker = startWorker(import.meta.url, 'rehash-worker', order);
    this.#worker.on('error', (cause) => {
      this.#ended = new AppError('STORE_FAILED', 'a stored blob cannot be hashed', { cause });
    });
    this.#worker.on('exit', () => {
      this.#ended ??= new AppError('CANCELLED', 'hashing of stored blobs was stopped');
    });
  }

  static start(order: RehashOrder): Rehasher {
    return new Rehasher(order);
  }

  /** Bytes of the blob in hand that are read. */
  get progress(): number {
    return this.#progress;
  }

  /** One at a time. Throws STORE_FAILED, or CANCELLED when it is closed meanwhile. */
  rehash(digest: Digest): Promise<Rehashed> {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#progress = 0;
    return new Promise((resolve, reject) => {
      const onMessage = (message: RehashMessage) => {
        if (message.kind === 'progress') {
          this.#progress = message.bytes;
          return;
        }
        this.#worker.off('message', onMessage).off('exit', onExit);
        resolve(message);
      };
      // It exits after an error, too.
      const onExit = () => {
        this.#worker.off('message', onMessage);
        reject(this.#ended ?? new AppError('STORE_FAILED', 'a stored blob cannot be hashed'));
      };
      this.#worker.on('message', onMessage).once('exit', onExit);
      this.#worker.postMessage(digest);
    });
  }

  /** Whether what is stored under the digest is still that very file. */
  async isStill(digest: Digest, version: string): Promise<boolean> {
    if (version === '') return true;
    try {
      return versionOf(await stat(blobPath(this.#dir, digest), { bigint: true })) === version;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw new AppError('STORE_FAILED', 'a stored blob cannot be looked at', { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** An inode's number is used again once its file is deleted; with the time of writing it is not. */
export const versionOf = ({ dev, ino, mtimeNs }: BigIntStats): string => `${dev} ${ino} ${mtimeNs}`;
