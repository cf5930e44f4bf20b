/**
 * The bytes of one blob from `offset` on, whatever upstream made of our Range. Holds the connection and its slot until the
 * last byte, a failure, or `destroy`.
 */
import { AppError } from '../lib/errors.js';
import { contentTypeOf, lengthOf } from './answers.js';
import type { HttpResponse } from './transport.js';
import type { Meter, UpstreamBody } from './upstream.js';

export interface BlobBodyOptions {
  readonly response: HttpResponse;
  readonly upstream: string;
  readonly offset: number;
  readonly end: number | undefined;
  readonly public: boolean;
  /** Aborted when the caller has had enough or the slot is taken back. */
  readonly signal: AbortSignal;
  readonly meter?: Meter | undefined;
  /** Called once, when the connection is free. */
  readonly onEnd: () => void;
}

export class BlobBody implements UpstreamBody {
  readonly size: number | undefined;
  readonly public: boolean;
  readonly bytes: AsyncIterable<Buffer>;
  /** Upstream sends the range that was asked for and no more. */
  readonly partial: boolean;
  /** As upstream wrote it; undefined when it sent none. */
  readonly etag: string | undefined;
  readonly #options: BlobBodyOptions;
  /** Where in the blob the response's first byte belongs. */
  readonly #start: number;
  readonly #onAbort = () => this.#end(this.#options.signal.reason);
  #ended = false;

  /** Throws UPSTREAM_INVALID on a Content-Range that is not what was asked for, RANGE_INVALID past the blob's end. */
  constructor(options: BlobBodyOptions) {
    this.#options = options;
    this.public = options.public;
    const { response, offset } = options;
    this.partial = response.status === 206;
    this.etag = response.header('etag');
    if (this.partial) {
      this.#start = offset;
      this.size = this.#sizeOfRange();
    } else {
      this.#start = 0;
      this.size = lengthOf(response);
    }
    if (this.size !== undefined && offset > this.size) {
      throw new AppError('RANGE_INVALID', `${options.upstream}: the blob has ${this.size} bytes, not ${offset}`);
    }
    this.bytes = this.#read();
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (options.signal.aborted) this.#onAbort();
  }

  destroy(): void {
    if (!this.#ended) this.#end(new AppError('CANCELLED', 'the transfer was ended'));
  }

  #sizeOfRange(): number | undefined {
    const { response, offset, end } = this.#options;
    const header = response.header('content-range') ?? '';
    const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(header.trim()) ?? [];
    const size = total === '*' || total === undefined ? undefined : Number(total);
    const until = Math.min(end ?? Infinity, size ?? Infinity);
    // A server may end a range early, never later than asked for; what is missing then is asked for again.
    const fits = Number(first) === offset && Number(last) >= offset && Number(last) < until;
    if (fits && first !== undefined) return size;
    throw new AppError(
      'UPSTREAM_INVALID',
      `${this.#options.upstream}: ${response.url.host} sent another range than asked for`,
    );
  }

  async *#read(): AsyncGenerator<Buffer> {
    const { response, offset, upstream, signal, meter } = this.#options;
    const until = Math.min(this.#options.end ?? Infinity, this.size ?? Infinity);
    const announced = this.partial ? until : (this.size ?? Infinity);
    let at = this.#start;
    try {
      for await (const whole of response.bytes) {
        meter?.received(whole.length);
        signal.throwIfAborted();
        if (at === 0) refuseErrorDocument(response, whole, upstream);
        const chunk = whole.subarray(Math.max(offset - at, 0), Math.max(until - at, 0));
        at += whole.length;
        if (at > announced)
          throw new AppError('UPSTREAM_INVALID', `${upstream}: ${response.url.host} sent too many bytes`);
        if (chunk.length > 0) yield chunk;
        // Upstream ignored the Range and goes on to the blob's end, which nobody asked for.
        if (at >= until && at < announced) return;
      }
      if (at < (Number.isFinite(until) ? until : offset)) {
        throw new AppError('UPSTREAM_UNREACHABLE', `${upstream}: ${response.url.host} ended the body too early`);
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      this.destroy();
    }
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#options.response.destroy(reason);
    this.#options.onEnd();
  }
}

/** JSON may well be a blob (every config is), but not a registry's error document. */
function refuseErrorDocument(response: HttpResponse, first: Buffer, upstream: string): void {
  if (!/[/+]json$/.test(contentTypeOf(response))) return;
  if (/^\s*\{\s*"errors"\s*:/.test(first.toString('latin1', 0, 200))) {
    throw new AppError(
      'UPSTREAM_INVALID',
      `${upstream}: ${response.url.host} sent an error document instead of the blob`,
    );
  }
}
