/**
 * GETs of an upstream's blobs. Each has a slot for as long as its body is read, and is one request, or, where the operator
 * allows a blob several connections, one for each piece of it: ranged-body.ts.
 */
import type { Clock } from '../lib/clock.js';
import { isAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Digest } from '../oci/digest.js';
import { failureOf, isAbsent } from './answers.js';
import type { Authenticator } from './authenticator.js';
import { BlobBody } from './blob-body.js';
import { linkSignals } from './deadline.js';
import { PIECE, PiecesAhead, RangedBody } from './ranged-body.js';
import type { RegistryClient } from './registry-client.js';
import type { Slots } from './slots.js';
import type { HttpResponse } from './transport.js';
import type { BlobCall, UpstreamBody } from './upstream.js';

export interface BlobFetcherOptions {
  readonly upstream: string;
  readonly client: RegistryClient;
  readonly authenticator: Authenticator;
  readonly slots: Slots;
  /** How many `slots` there are. */
  readonly maxConnections: number;
  /** At once, for one blob. */
  readonly connectionsPerBlob: number;
  readonly public: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Get {
  readonly repository: string;
  readonly digest: Digest;
  readonly call: BlobCall;
  /** Aborted when the caller has had enough or the slot is taken back. */
  readonly signal: AbortSignal;
}

interface Part {
  readonly offset: number;
  readonly end?: number | undefined;
  /** An upstream that ignores the Range is let go on to the blob's end. */
  readonly orRest?: boolean;
  readonly onEnd: () => void;
}

/** How long an upstream that did not give pieces is not asked for them. An operator may mend it, or a cache get warm. */
const SINGLY_MS = 10 * 60_000;

export class BlobFetcher {
  readonly #options: BlobFetcherOptions;
  readonly #ahead: PiecesAhead;
  /** On the monotonic clock. */
  #singlyUntil = -Infinity;

  constructor(options: BlobFetcherOptions) {
    this.#options = options;
    this.#ahead = new PiecesAhead(options.maxConnections);
  }

  async blob(repository: string, digest: Digest, call: BlobCall): Promise<UpstreamBody | undefined> {
    const { slots } = this.#options;
    const slot = call.paced
      ? { signal: call.signal, release: () => undefined }
      : await slots.acquire(call.priority, call.signal);
    const { signal, unlink } = linkSignals(call.signal, slot.signal);
    const onEnd = () => {
      unlink();
      slot.release();
    };
    try {
      const get = { repository, digest, call, signal };
      const { offset = 0, end } = call;
      const body = this.#inPieces(call)
        ? await this.#overSeveral(get, offset, onEnd)
        : await this.#get(get, { offset, end, onEnd });
      if (body) call.meter?.answered();
      else onEnd();
      return body;
    } catch (error) {
      onEnd();
      throw error;
    }
  }

  /** Ranges that a client asked for, and what goes at a client's pace, gain nothing from a second connection. */
  #inPieces({ end, paced }: BlobCall): boolean {
    const { connectionsPerBlob, clock } = this.#options;
    return connectionsPerBlob > 1 && end === undefined && !paced && clock.monotonic() >= this.#singlyUntil;
  }

  /**
   * What is asked for first is a piece: it tells the size and whether upstream honours ranges, and what is no larger
   * costs no second request.
   */
  async #overSeveral(get: Get, offset: number, onEnd: () => void): Promise<UpstreamBody | undefined> {
    const { upstream, slots, connectionsPerBlob: most } = this.#options;
    const end = offset + PIECE;
    const singly = () => this.#get(get, { offset, onEnd });
    let isAll = true;
    const onFirstEnd = () => {
      if (isAll) onEnd();
    };
    let first: BlobBody | undefined;
    try {
      first = await this.#get(get, { offset, end, orRest: true, onEnd: onFirstEnd });
    } catch (error) {
      if (offset > 0 || !isAppError(error, 'RANGE_INVALID')) throw error;
      this.#goSingly();
      return await singly();
    }
    if (!first) return undefined;
    const { size, partial } = first;
    if (!partial) {
      // A range that is all there is may be answered as a whole.
      if (offset > 0 || size === undefined || size > end) this.#goSingly();
      return first;
    }
    if (size !== undefined && size <= end) return first;
    isAll = false;
    if (size === undefined) {
      first.destroy();
      this.#goSingly();
      return await singly();
    }
    return new RangedBody({
      upstream,
      first,
      size,
      offset,
      most,
      get: (from, until, signal) => this.#get({ ...get, signal }, { offset: from, end: until, onEnd: () => undefined }),
      spare: () => slots.spare(),
      ahead: this.#ahead,
      signal: get.signal,
      onRefusal: () => this.#goSingly(),
      onEnd,
    });
  }

  async #get(get: Get, { offset, end, orRest, onEnd }: Part): Promise<BlobBody | undefined> {
    const { upstream, client, authenticator, clock } = this.#options;
    const { repository, digest, signal, call } = get;
    const headers = { accept: '*/*', ...rangeHeader(offset, end) };
    const request = { method: 'GET', repository, path: `blobs/${digest}`, headers, lane: 'body', signal } as const;
    let response: HttpResponse | undefined;
    try {
      response = await client.send(request, authenticator);
      const { status } = response;
      if (status === 200 || status === 206) {
        const until = orRest && status === 200 ? undefined : end;
        const { public: isPublic } = this.#options;
        return new BlobBody({
          response,
          upstream,
          offset,
          end: until,
          public: isPublic,
          signal,
          meter: call.meter,
          onEnd,
        });
      }
      if (!isAbsent(status)) throw failureOf(response, upstream, clock.now());
      response.destroy();
      return undefined;
    } catch (error) {
      response?.destroy();
      throw error;
    }
  }

  #goSingly(): void {
    const { upstream, clock, log } = this.#options;
    const now = clock.monotonic();
    if (now >= this.#singlyUntil) log.info({ upstream }, 'gives no ranges of blobs: one connection each for a while');
    this.#singlyUntil = now + SINGLY_MS;
  }
}

function rangeHeader(offset: number, end: number | undefined): Readonly<Record<string, string>> {
  if (offset === 0 && end === undefined) return {};
  return { range: `bytes=${offset}-${end === undefined ? '' : end - 1}` };
}
