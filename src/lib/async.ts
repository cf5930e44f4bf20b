/** The few concurrency tools everything else is built from. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Runs tasks one after the other, in the order they were given. A failed task does not stop the next. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/** One mutex for each key, kept only while somebody holds or awaits it. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(task);
    const tail = result.catch(() => undefined);
    this.#tails.set(key, tail);
    try {
      return await result;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}

/** At most `limit` tasks at once; the others wait in order. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

/** Concurrent callers with the same key share one call and its answer; nothing is remembered afterwards. */
export class SingleFlight<T> {
  readonly #calls = new Map<string, Promise<T>>();

  /** Whether a call is under way that `run` would join. */
  has(key: string): boolean {
    return this.#calls.has(key);
  }

  run(key: string, call: () => Promise<T>): Promise<T> {
    const running = this.#calls.get(key);
    if (running) return running;
    const started = call().finally(() => this.#calls.delete(key));
    this.#calls.set(key, started);
    return started;
  }
}

/** `promise`, or the signal's reason as soon as it is aborted. The promise goes on unwatched; its failure is swallowed. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(signal.reason as Error);
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * Aborts `controller` as soon as one of `signals` is aborted, until the returned function is called. AbortSignal.any leaves
 * something of each signal that it makes in those that it is made of, which those that live long never lose (Node.js 20).
 */
export function follow(signals: readonly AbortSignal[], controller: AbortController): () => void {
  const onAbort = () => controller.abort(signals.find(({ aborted }) => aborted)?.reason);
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true });
  if (signals.some(({ aborted }) => aborted)) onAbort();
  return () => {
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  };
}

/** Milliseconds that one piece of work may hold the event loop. */
const BREATH = 10;

/** For long work that others wait beside: gives the event loop back whenever the work has held it for long enough. */
export class Breath {
  #until = performance.now() + BREATH;

  get due(): boolean {
    return performance.now() >= this.#until;
  }

  async take(): Promise<void> {
    await nextTurn();
    this.#until = performance.now() + BREATH;
  }
}

/** A promise together with what settles it. Its rejection is never "unhandled": whoever needs it awaits it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly settled: boolean;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let settle!: { resolve: (value: T) => void; reject: (error: unknown) => void };
  let settled = false;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => undefined);
  return {
    promise,
    get settled() {
      return settled;
    },
    resolve(value) {
      settled = true;
      settle.resolve(value);
    },
    reject(error) {
      settled = true;
      settle.reject(error);
    },
  };
}
