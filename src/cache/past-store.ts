/**
 * Bytes that go from upstream to one client without being stored: what a full disk has no room for, and ranges far ahead of
 * a fill. Each is a download of its own, so they are counted, and there is an end to them.
 */
import type { ByteRange } from '../content/blob-store.js';
import type { Spool } from '../content/spool.js';
import type { Clock } from '../lib/clock.js';
import { AppError, isAppError } from '../lib/errors.js';
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { BlobCall, UpstreamBody } from '../upstream/upstream.js';
import { closing, collect, inMemory, standsAlone, take, type BlobAnswer, type PickRange } from './blob-answer.js';
import { SMALL_BLOB, unknownBlob } from './flight.js';
import { because } from './outcome.js';
import { passThrough } from './pass-through.js';
import type { UpstreamEntry } from './upstream-entry.js';

const FULL = because('bypassed', 'disk-full');
const MOST = 64;
/** Seconds. */
const RETRY_AFTER = 5;

export class PastStore {
  readonly #clock: Clock;
  #passing = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Streams under way. */
  get passing(): number {
    return this.#passing;
  }

  /** The range straight from upstream, as it was asked for; its bytes are the client's to verify. */
  async range(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    size: number,
    range: ByteRange,
    why: 'range-ahead' | 'disk-full',
    signal: AbortSignal,
  ): Promise<BlobAnswer> {
    const call = {
      offset: range.start,
      end: range.end,
      signal,
      priority: () => 'live',
      paced: true,
    } satisfies BlobCall;
    const leave = this.#enter();
    try {
      const body = await entry.upstream.blob(repository.name, digest, call);
      if (!body) throw unknownBlob(digest);
      const bytes = take(body.bytes, range.end - range.start);
      const close = closing(() => {
        body.destroy();
        leave();
      });
      return { size, answered: because('bypassed', why), range, body: bytes, close };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** There is no room for even the first byte. */
  async blob(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    pick: PickRange,
    signal: AbortSignal,
  ): Promise<BlobAnswer> {
    const leave = this.#enter();
    let opened: UpstreamBody | undefined;
    const close = closing(() => {
      opened?.destroy();
      leave();
    });
    try {
      opened = await entry.upstream.blob(repository.name, digest, { signal, priority: () => 'live', paced: true });
      if (!opened) throw unknownBlob(digest);
      const { size } = opened;
      if (size !== undefined && size <= SMALL_BLOB) {
        const bytes = await this.#whole(entry, repository, digest, { size, opened }, signal);
        await close();
        return inMemory(bytes, FULL, pick);
      }
      const range = size === undefined ? undefined : pick(size);
      if (range && size !== undefined && standsAlone(range, size)) {
        await close();
        return await this.range(entry, repository, digest, size, range, 'disk-full', signal);
      }
      const from = range?.start ?? 0;
      const body = passThrough({ ...this.#passCall(entry, repository, digest, signal), size, from, opened });
      return { size, answered: FULL, range, body: range ? take(body, range.end - from) : body, close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** A small blob past the store. A bad one can still become an error, and is asked for once more before it does. */
  async #whole(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    first: { readonly size: number; readonly opened: UpstreamBody },
    signal: AbortSignal,
  ): Promise<Buffer> {
    const call = { ...this.#passCall(entry, repository, digest, signal), size: first.size, from: 0 };
    try {
      return await collect(passThrough({ ...call, opened: first.opened }));
    } catch (error) {
      if (!isAppError(error, 'UPSTREAM_INVALID')) throw error;
      return await collect(passThrough(call));
    }
  }

  /** What a follower still lacks of a fill that ran out of room. */
  async *rest(
    entry: UpstreamEntry,
    repository: Repository,
    spool: Spool,
    from: number,
    end: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, undefined> {
    const leave = this.#enter();
    try {
      const call = this.#passCall(entry, repository, spool.digest, signal);
      const bytes = passThrough({ ...call, size: spool.size, prefix: spool.stopped(), from });
      yield* end === undefined ? bytes : take(bytes, end - from);
    } finally {
      leave();
    }
  }

  #passCall(entry: UpstreamEntry, repository: Repository, digest: Digest, signal: AbortSignal) {
    return { upstream: entry.upstream, repository: repository.name, digest, clock: this.#clock, signal };
  }

  /** Counts one more stream past the store in, until the returned function is called. Throws OVERLOADED. */
  #enter(): () => void {
    if (this.#passing >= MOST) {
      const message = 'too many pulls go past the store already';
      throw new AppError('OVERLOADED', message, { retryAfter: RETRY_AFTER });
    }
    this.#passing++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#passing--;
    };
  }
}
