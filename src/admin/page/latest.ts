/**
 * An answer that takes long to find, kept so that nobody waits long for it: whoever asks gets one that is fresh enough, or
 * after a short wait the last there was. It is looked for only when somebody asks, once at a time, and then left alone for
 * a while, longer after a long search: looking costs at most a tenth of the time, and nothing while nobody looks.
 */
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/log.js';

export interface LatestOptions<T> {
  /** For the log. */
  readonly what: string;
  readonly read: (signal: AbortSignal) => Promise<T>;
  /** Milliseconds for which an answer is fresh; 0 for what is cheap to find again. */
  readonly freshFor: number;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
}

/** Milliseconds that somebody is kept waiting. */
const PATIENCE = 200;
const REST = 9;

export class Latest<T> {
  readonly #options: LatestOptions<T>;
  readonly #closing = new AbortController();
  #value: T | undefined;
  #restUntil = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(options: LatestOptions<T>) {
    this.#options = options;
  }

  /** Undefined when there is none yet, or it could not be found. Never throws. */
  async get(): Promise<T | undefined> {
    const { clock } = this.#options;
    if (!this.#reading && clock.monotonic() >= this.#restUntil) this.#reading = this.#read();
    if (this.#reading) {
      const waiting = new AbortController();
      const patience = clock.sleep(PATIENCE, waiting.signal).catch(() => undefined);
      await Promise.race([this.#reading, patience]);
      waiting.abort();
    }
    return this.#value;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { what, read, freshFor, clock, log } = this.#options;
    const { signal } = this.#closing;
    const started = clock.monotonic();
    try {
      signal.throwIfAborted();
      this.#value = await read(signal);
    } catch (error) {
      // While the daemon stops, the last one is better than none.
      if (signal.aborted) return;
      this.#value = undefined;
      log.warn({ err: error }, `${what} could not be looked up for the status page`);
    } finally {
      const now = clock.monotonic();
      this.#restUntil = freshFor === 0 ? now : now + Math.max(freshFor, REST * (now - started));
      this.#reading = undefined;
    }
  }
}
