/**
 * One blob over several connections, for upstreams that limit each of them. It is asked for in pieces, which come in
 * whatever order upstream manages and are handed on in theirs, so that a spool only ever appends.
 *
 * Held in memory are at most as many pieces as there may be connections: the one that is being read and those after it. A
 * new one is asked for when the oldest has been read, so a reader that does not take stops the download. All blobs of an
 * upstream share what may be held of pieces that are not being read yet, because on a slow disk all readers are slow.
 *
 * The first connection has the slot of the whole body, as any body does. The others take slots that are free and that
 * nobody waits for, for one piece each, and give them back in the middle of it when a live request wants one; the rest of
 * the piece is then asked for again. So a blob is never slower than over one connection, and no other blob waits for it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../lib/errors.js';
import type { BlobBody } from './blob-body.js';
import { linkSignals } from './deadline.js';
import type { Slot } from './slots.js';
import type { UpstreamBody } from './upstream.js';

/**
 * Bytes. Long enough that a request for each costs little, short enough to be held in memory. It is also what is asked for
 * first, when the size is not known yet: most layers are smaller and cost one request, as ever.
 */
export const PIECE = 4 * 1024 * 1024;

export interface RangedBodyOptions {
  readonly upstream: string;
  /** The answer to the first piece: a 206. */
  readonly first: BlobBody;
  /** Of the whole blob, as it told. */
  readonly size: number;
  /** Where the first piece begins. */
  readonly offset: number;
  /** Pieces, and connections, at once. */
  readonly most: number;
  /** A GET of a range; its body does not hold the slot. */
  readonly get: (offset: number, end: number, signal: AbortSignal) => Promise<BlobBody | undefined>;
  /** A slot for one connection more, if there is one to spare. */
  readonly spare: () => Slot | undefined;
  readonly ahead: PiecesAhead;
  /** Aborted when the caller has had enough or the slot of the whole is taken back. */
  readonly signal: AbortSignal;
  /** Upstream did not answer a further piece as it did the first. */
  readonly onRefusal: () => void;
  /** Called once, when every connection is being ended. */
  readonly onEnd: () => void;
}

/** How many pieces that nobody reads yet there may be. */
export class PiecesAhead {
  #left: number;

  constructor(most: number) {
    this.#left = most;
  }

  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  giveBack(): void {
    this.#left++;
  }
}

class Piece {
  readonly end: number;
  /** One of those ahead. */
  readonly ahead: boolean;
  /** First byte that has not come yet. */
  at: number;
  /** What has come and was not read. */
  readonly chunks: Buffer[] = [];
  /** A connection is at work on it. */
  coming = false;
  failure: { readonly error: unknown } | undefined;
  readonly stop = new AbortController();

  constructor(start: number, end: number, ahead: boolean) {
    this.at = start;
    this.end = end;
    this.ahead = ahead;
  }

  get whole(): boolean {
    return this.at >= this.end;
  }
}

export class RangedBody implements UpstreamBody {
  readonly size: number;
  readonly public: boolean;
  readonly bytes: AsyncIterable<Buffer>;
  readonly #options: RangedBodyOptions;
  /** Those after the ones that were read, in order and without a gap. */
  readonly #pieces: Piece[] = [];
  /** Where the piece after them begins. */
  #next: number;
  /** Of the first connection's answer, until it is read. */
  #first: BlobBody | undefined;
  /** The slot of the whole is in use. */
  #ownSlotTaken = false;
  #ended: { readonly reason: unknown } | undefined;
  #wake: () => void = () => undefined;
  readonly #onAbort = () => this.#end(this.#options.signal.reason);

  constructor(options: RangedBodyOptions) {
    this.#options = options;
    const { first, size, offset, signal } = options;
    this.#first = first;
    this.#next = offset;
    this.size = size;
    this.public = first.public;
    this.bytes = this.#read();
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
  }

  destroy(): void {
    this.#end(new AppError('CANCELLED', 'the transfer was ended'));
  }

  async *#read(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        if (this.#ended) throw this.#ended.reason;
        this.#lookAhead();
        const [piece] = this.#pieces;
        if (!piece) return;
        const chunk = piece.chunks.shift();
        if (chunk) yield chunk;
        else if (piece.failure) throw piece.failure.error;
        else if (piece.whole && !piece.coming) this.#remove(0, 1);
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.destroy();
    }
  }

  /** Fills the row of pieces up, and sets connections to work on those that nobody is at. */
  #lookAhead(): void {
    if (this.#ended) return;
    while (this.#pieces.length < this.#options.most && this.#next < this.size) {
      const ahead = this.#pieces.length > 0;
      if (ahead && !this.#options.ahead.take()) break;
      const end = Math.min(this.#next + PIECE, this.size);
      this.#pieces.push(new Piece(this.#next, end, ahead));
      this.#next = end;
    }
    for (const piece of this.#pieces) {
      if (piece.coming || piece.whole || piece.failure) continue;
      const slot = this.#slot();
      if (!slot) return;
      void this.#fetch(piece, slot);
    }
  }

  #slot(): Slot | undefined {
    if (this.#ownSlotTaken) return this.#options.spare();
    this.#ownSlotTaken = true;
    return { signal: this.#options.signal, release: () => (this.#ownSlotTaken = false) };
  }

  /** Never rejects. */
  async #fetch(piece: Piece, slot: Slot): Promise<void> {
    const { signal } = this.#options;
    const link = linkSignals(signal, piece.stop.signal, slot.signal);
    piece.coming = true;
    try {
      const body = await this.#answerTo(piece, link.signal);
      for await (const chunk of body.bytes) {
        piece.at += chunk.length;
        piece.chunks.push(chunk);
        this.#wake();
      }
      // Its connection can be used again a turn after the last byte; sooner, the next piece would open one of its own.
      await nextTurn();
    } catch (error) {
      // Who is given a slot that was taken back from us leaves us the rest of the piece to ask for.
      const yielded = slot.signal.aborted && !signal.aborted && !piece.stop.signal.aborted;
      if (!yielded) this.#fail(piece, error);
    } finally {
      piece.coming = false;
      link.unlink();
      slot.release();
      this.#lookAhead();
      this.#wake();
    }
  }

  async #answerTo(piece: Piece, signal: AbortSignal): Promise<BlobBody> {
    const first = this.#first;
    this.#first = undefined;
    if (first) return first;
    let cause: unknown;
    try {
      const body = await this.#options.get(piece.at, piece.end, signal);
      if (body && this.#continues(body)) return body;
      body?.destroy();
    } catch (error) {
      signal.throwIfAborted();
      cause = error;
    }
    // Whatever it was, too many connections or another server with other ideas, it says nothing about the blob: the caller's
    // next request, without pieces, does. So this is one of the failures that are followed by one.
    this.#options.onRefusal();
    const message = `${this.#options.upstream}: a further part of a blob was not sent as its first one was`;
    throw new AppError('UPSTREAM_UNREACHABLE', message, { cause });
  }

  /** Bytes of different blobs, or versions of one, must not be put together, though the digest would tell in the end. */
  #continues(body: BlobBody): boolean {
    const { first } = this.#options;
    const sameVersion = body.etag === undefined || first.etag === undefined || body.etag === first.etag;
    return body.partial && body.size === this.size && sameVersion;
  }

  /** What comes before the gap is still handed on; nothing is worth waiting for behind it. */
  #fail(piece: Piece, error: unknown): void {
    piece.failure = { error };
    const index = this.#pieces.indexOf(piece);
    if (index < 0) return;
    for (const later of this.#remove(index + 1)) later.stop.abort(error);
    this.#next = this.size;
  }

  #remove(from: number, count = Infinity): readonly Piece[] {
    const removed = this.#pieces.splice(from, count);
    for (const { ahead } of removed) if (ahead) this.#options.ahead.giveBack();
    return removed;
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = { reason };
    const { first, signal, onEnd } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    first.destroy();
    for (const piece of this.#remove(0)) piece.stop.abort(reason);
    onEnd();
    this.#wake();
  }
}
