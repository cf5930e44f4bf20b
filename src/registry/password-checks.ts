/**
 * Compares passwords with bcrypt hashes. One comparison is a tenth of a second of pure computing and more, so it happens in
 * a thread of its own: pulls go on meanwhile. One at a time, and so many may wait; whoever comes then is told to come again.
 */
import type { Worker } from 'node:worker_threads';
import { deferred, type Deferred } from '../lib/async.js';
import { AppError } from '../lib/errors.js';
import { startWorker } from '../lib/start-worker.js';

/** To the thread. */
export interface Comparison {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

/** From the thread. */
export interface Verdict {
  readonly id: number;
  readonly right: boolean;
}

const MOST_WAITING = 64;

export class PasswordChecks {
  readonly #waiting = new Map<number, Deferred<boolean>>();
  #worker: Worker | undefined;
  #next = 0;
  #closed = false;

  /** Throws OVERLOADED when too many wait, DRAINING when it is closed. */
  compare(password: string, hash: string): Promise<boolean> {
    if (this.#closed) return Promise.reject(new AppError('DRAINING', 'Cistern is stopping'));
    if (this.#waiting.size >= MOST_WAITING)
      return Promise.reject(new AppError('OVERLOADED', 'too many logins at once; try again', { retryAfter: 5 }));
    const id = this.#next++;
    const verdict = deferred<boolean>();
    this.#waiting.set(id, verdict);
    this.#worker ??= this.#start();
    this.#worker.postMessage({ id, password, hash } satisfies Comparison);
    return verdict.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = startWorker(import.meta.url, 'bcrypt-worker', undefined);
    let cause: unknown;
    worker.on('message', ({ id, right }: Verdict) => {
      this.#waiting.get(id)?.resolve(right);
      this.#waiting.delete(id);
    });
    worker.on('error', (error) => (cause = error));
    // The next comparison starts another one.
    worker.on('exit', () => {
      this.#worker = undefined;
      const failure = this.#closed
        ? new AppError('DRAINING', 'Cistern is stopping')
        : new AppError('INTERNAL', 'passwords cannot be checked', { cause });
      for (const verdict of this.#waiting.values()) verdict.reject(failure);
      this.#waiting.clear();
    });
    return worker;
  }
}
