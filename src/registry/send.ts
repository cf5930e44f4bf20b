/**
 * Streams a body to a client at the client's own pace. The next chunk is asked for when the last one has left, so memory per
 * reader is bounded; who reads slower than 1 KiB/s is cut, so readers that never read cannot pile up.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import { Turns } from './turns.js';

const KiB = 1024;

/** Least rate of a reader, in bytes a second, and how long it may take for what is less than half a minute's worth. */
const LEAST_RATE = KiB;
const PATIENCE_MS = 30_000;
const CHECK_MS = 5_000;

/**
 * How much of a chunk has left cannot be seen before all of it has. Who takes longer than this for one, and reads fewer than
 * so many bytes a second of it, is slow, and from then on gets little pieces, each with its own 30 seconds.
 */
const SLOW_MS = 5_000;
const SLOW_RATE = 50 * KiB;
const SLOW_PIECE = 30 * KiB;

/** Body bytes that have left, as far as the operating system has taken them. */
export interface Sent {
  bytes: number;
}

/** A client that is cut when `deadline`, on the monotonic clock, has passed. */
interface Pending {
  readonly response: ServerResponse;
  readonly deadline: number;
}

export class Sender {
  readonly #clock: Clock;
  readonly #pending = new Set<Pending>();
  readonly #stop: () => void;
  readonly #turns = new Turns();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#stop = clock.every(CHECK_MS, () => this.#cutStalled());
  }

  /**
   * Writes all of `body` and ends the response. `begin` writes the head, once there is a first byte to go with it: what
   * fails before can still be answered with an error. Rejects when the client left, was cut, or the body broke; the
   * response is then not ended.
   */
  async send(
    response: ServerResponse,
    body: AsyncIterable<Buffer> | Iterable<Buffer>,
    begin: () => void,
    sent: Sent,
  ): Promise<void> {
    const writer = new Writer(response, this.#clock);
    let slow = false;
    let begun = false;
    this.#pending.add(writer);
    try {
      for await (const chunk of body) {
        if (!begun) begin();
        begun = true;
        for (let at = 0; at < chunk.length;) {
          const part = slow ? chunk.subarray(at, at + SLOW_PIECE) : chunk.subarray(at);
          const turn = this.#turns.take(part.length);
          if (turn) await turn;
          const took = await writer.write(part);
          if (took > Math.max(SLOW_MS, (part.length / SLOW_RATE) * 1000)) slow = true;
          sent.bytes += part.length;
          at += part.length;
        }
      }
    } finally {
      this.#pending.delete(writer);
    }
    if (!begun) begin();
    if (response.destroyed) return;
    await new Promise<void>((resolve) => {
      // A client that has all it was promised may leave before it is told that this was all.
      response.once('close', resolve);
      response.end(resolve);
    });
  }

  /** Ends the response with a short body, or with none. What is cut counts as not sent at all. */
  async sendWhole(response: ServerResponse, body: Buffer | undefined, sent: Sent): Promise<void> {
    const pending = { response, deadline: this.#clock.monotonic() + timeFor(body?.length ?? 0) };
    this.#pending.add(pending);
    response.once('close', () => this.#pending.delete(pending));
    // Answers that leave together cost half of what they cost one by one, each of which wakes its reader: docs/performance.md.
    await this.#turns.next();
    // To end it with a body would be an error in it then.
    if (response.destroyed) return;
    if (!body) response.end();
    else response.end(body, () => (sent.bytes += body.length));
  }

  close(): void {
    this.#stop();
  }

  #cutStalled(): void {
    const now = this.#clock.monotonic();
    for (const { response, deadline } of this.#pending) if (now > deadline) response.destroy();
  }
}

/**
 * Writes chunks one after the other. It listens to its response once for all of them: what thousands of readers leave
 * behind with each chunk outlives the quick collections of garbage.
 */
class Writer implements Pending {
  /** Of the chunk that is leaving. */
  deadline = Infinity;
  readonly response: ServerResponse;
  readonly #clock: Clock;
  readonly #onWritten = (error?: Error | null) => this.#settle(error ? gone(error) : undefined);
  #began = 0;
  #waiting: { readonly resolve: (took: number) => void; readonly reject: (why: AppError) => void } | undefined;

  constructor(response: ServerResponse, clock: Clock) {
    this.response = response;
    this.#clock = clock;
    // A write that is queued when the socket is destroyed may never be called back.
    response.once('close', () => this.#settle(gone()));
  }

  /** Resolves with the milliseconds it took, once the memory of `bytes` is free again. */
  write(bytes: Buffer): Promise<number> {
    if (this.response.destroyed) return Promise.reject(gone());
    this.#began = this.#clock.monotonic();
    this.deadline = this.#began + timeFor(bytes.length);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.response.write(bytes, this.#onWritten);
    });
  }

  #settle(error: AppError | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.deadline = Infinity;
    if (error) waiting?.reject(error);
    else waiting?.resolve(this.#clock.monotonic() - this.#began);
  }
}

const timeFor = (bytes: number): number => Math.max(PATIENCE_MS, (bytes / LEAST_RATE) * 1000);

const gone = (cause?: Error): AppError => new AppError('CANCELLED', 'the client left', { cause });
