/**
 * The way of a blob through the cache: linked and stored -> hit; else join or start its flight and follow the spool;
 * with no room to store, straight through.
 */
import type { Catalog } from '../catalog/catalog.js';
import type { BlobSource, BlobStore } from '../content/blob-store.js';
import { abortable, type SingleFlight } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { isAppError } from '../lib/errors.js';
import type { Repository } from '../oci/descriptor.js';
import { isEmptyDigest, type Digest } from '../oci/digest.js';
import { isManifestType } from '../oci/media-types.js';
import { inMemory, standsAlone, type BlobAnswer, type PickRange } from './blob-answer.js';
import type { Access, Ask, Verdict } from './access.js';
import { FillBody } from './fill-body.js';
import { SMALL_BLOB, unknownBlob, type Flights, type Follower } from './flight.js';
import type { Losses } from './losses.js';
import { because, HIT, type Answered, type Reason } from './outcome.js';
import { PastStore } from './past-store.js';
import type { SmallBlobs } from './small-blobs.js';
import type { UpstreamEntry } from './upstream-entry.js';

/** A range that stands alone and begins this far ahead of the fill is fetched by itself, while the fill goes on. */
const FAR_AHEAD = 8 * 1024 * 1024;

export interface BlobParts {
  readonly store: BlobStore;
  readonly catalog: Catalog;
  readonly flights: Flights;
  readonly access: Access;
  readonly small: SmallBlobs;
  readonly losses: Losses;
  readonly heads: SingleFlight<{ readonly size: number | undefined } | undefined>;
  readonly clock: Clock;
  /** Aborted when the daemon stops; calls that several requests share run under it. */
  readonly signal: AbortSignal;
}

export class Blobs {
  readonly #parts: BlobParts;
  readonly #past: PastStore;

  constructor(parts: BlobParts) {
    this.#parts = parts;
    this.#past = new PastStore(parts.clock);
  }

  /** Streams under way that go past the store. */
  get passing(): number {
    return this.#past.passing;
  }

  /** Throws BLOB_UNKNOWN, DENIED, RANGE_INVALID, or what upstream's failure was. */
  async get(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    pick: PickRange,
    signal: AbortSignal,
  ): Promise<BlobAnswer> {
    if (isEmptyDigest(digest)) return inMemory(Buffer.alloc(0), HIT, pick);
    const verdict = await this.#verdict(entry, repository, digest, signal);
    if (verdict === 'refused') throw unknownBlob(digest);
    if (typeof verdict === 'string') return this.#fetch(entry, repository, digest, pick, verdict, signal);
    const stored = await this.#stored(digest, verdict, pick);
    if (!stored) return this.#fetch(entry, repository, digest, pick, 'lost', signal);
    this.#parts.catalog.noteUse(repository, digest, this.#parts.clock.now());
    return stored;
  }

  /** The size of a blob that this repository has; never downloads it. */
  async head(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly size: number | undefined; readonly answered: Answered }> {
    if (isEmptyDigest(digest)) return { size: 0, answered: HIT };
    const { catalog, store, losses, clock } = this.#parts;
    const verdict = await this.#verdict(entry, repository, digest, signal);
    if (verdict === 'refused') throw unknownBlob(digest);
    const isHere = typeof verdict !== 'string';
    if (isHere) {
      const info = await store.stat(digest);
      if (info) {
        catalog.noteUse(repository, digest, clock.now());
        return { size: info.size, answered: verdict };
      }
      await losses.missing(digest);
    }
    const joined = this.#parts.heads.has(headKey(repository, digest));
    const found = await this.#headUpstream(entry, repository, digest, signal);
    if (!found) throw unknownBlob(digest);
    return { size: found.size, answered: because(joined ? 'collapsed' : 'miss', isHere ? 'lost' : verdict) };
  }

  /**
   * Brings the blob into the store and links it to the repository. Resolves once both are recorded.
   * `fetched` is false when it was there already.
   */
  async fill(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    as: Follower,
    signal: AbortSignal,
  ): Promise<{ fetched: boolean }> {
    if (isEmptyDigest(digest)) return { fetched: false };
    const verdict = await this.#verdict(entry, repository, digest, signal);
    if (verdict === 'refused') throw unknownBlob(digest);
    if (typeof verdict !== 'string') {
      if (await this.#parts.store.stat(digest)) return { fetched: false };
      await this.#parts.losses.missing(digest);
    }
    const boarded = await this.#board(entry, repository, digest, as, signal);
    if (!boarded) return this.fill(entry, repository, digest, as, signal);
    const { flight, joined, leave } = boarded;
    try {
      await abortable(flight.done, signal);
      return { fetched: !joined };
    } catch (error) {
      if (joined && concernsOnly(flight.repository, repository, error))
        return await this.fill(entry, repository, digest, as, signal);
      throw error;
    } finally {
      leave();
    }
  }

  #verdict(entry: UpstreamEntry, repository: Repository, digest: Digest, signal: AbortSignal): Promise<Verdict> {
    return this.#parts.access.check(entry, repository, digest, this.#ask(entry, repository, digest), signal);
  }

  #ask(entry: UpstreamEntry, repository: Repository, digest: Digest): Ask {
    return async (signal) => {
      if (await entry.upstream.statBlob(repository.name, digest, { signal })) return {};
      // Registries do not list manifests among the blobs, and the link is one for both.
      if (!isManifestType((await this.#parts.catalog.blob(digest))?.mediaType ?? '')) return undefined;
      return entry.upstream.resolve(repository.name, digest, { signal });
    };
  }

  /** Concurrent callers share the question. */
  #headUpstream(entry: UpstreamEntry, repository: Repository, digest: Digest, signal: AbortSignal) {
    const ask = () => entry.upstream.statBlob(repository.name, digest, { signal: this.#parts.signal });
    return abortable(this.#parts.heads.run(headKey(repository, digest), ask), signal);
  }

  /** Undefined when the bytes are not there after all, or turned out bad: then it is a miss. */
  async #stored(digest: Digest, answered: Answered, pick: PickRange): Promise<BlobAnswer | undefined> {
    const { catalog, store, small, losses } = this.#parts;
    const record = await catalog.blob(digest);
    if (!record) return undefined;
    if (record.size <= SMALL_BLOB) {
      const bytes = await small.read(digest);
      return bytes && inMemory(bytes, answered, pick);
    }
    const range = pick(record.size);
    let source;
    try {
      source = await store.open(digest, range);
    } catch (error) {
      if (!isAppError(error, 'BLOB_CORRUPT')) throw error;
      await losses.bad(digest, () => whyNotOpened(store, digest));
      return undefined;
    }
    if (!source) {
      await losses.missing(digest);
      return undefined;
    }
    if (source.size !== record.size) {
      await source.close();
      await losses.bad(digest, async () => {
        const size = (await store.stat(digest))?.size;
        return size === undefined || size === record.size
          ? undefined
          : `it has ${size} bytes instead of ${record.size}`;
      });
      return undefined;
    }
    const { path } = source;
    const close = () => source.close();
    return { size: record.size, answered, range, path, body: this.#watched(source, digest), close };
  }

  /** A read error on the way means that the disk no longer has what it had: set it aside at once. */
  async *#watched(source: BlobSource, digest: Digest): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* source;
    } catch (error) {
      if (isAppError(error, 'BLOB_CORRUPT')) await this.#parts.losses.badAsRead(digest, source, error);
      throw error;
    }
  }

  /** Follows the flight of this digest, starting it if need be. */
  async #fetch(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    pick: PickRange,
    why: Reason,
    signal: AbortSignal,
  ): Promise<BlobAnswer> {
    const boarded = await this.#board(entry, repository, digest, 'live', signal);
    if (!boarded) return this.get(entry, repository, digest, pick, signal);
    const { flight, joined, leave } = boarded;
    try {
      const spool = await abortable(flight.ready, signal);
      const size = spool.size;
      const range = size === undefined || spool.ended ? undefined : pick(size);
      const farAhead = range !== undefined && range.start > flight.received + FAR_AHEAD;
      if (farAhead && size !== undefined && standsAlone(range, size)) {
        // Whatever goes wrong there, also that too many go past the store already, the fill gets to these bytes in the end.
        const ahead = await this.#past
          .range(entry, repository, digest, size, range, 'range-ahead', signal)
          .catch(() => undefined);
        if (ahead) {
          leave();
          return ahead;
        }
      }
      // Also while upstream was asked for what is ahead.
      if (spool.ended) {
        leave();
        await abortable(flight.done, signal);
        return await this.get(entry, repository, digest, pick, signal);
      }
      const from = range?.start ?? 0;
      const follower = spool.follow(from, range?.end ?? size, signal);
      const close = async () => {
        await follower.return?.();
        leave();
      };
      const rest = (at: number) => this.#past.rest(entry, repository, spool, at, range?.end ?? spool.size, signal);
      const onWhole = () => this.#parts.catalog.noteUse(repository, digest, this.#parts.clock.now());
      const body = new FillBody({ follower, from, rest, onWhole });
      return { size, answered: because(joined ? 'collapsed' : 'miss', why), range, body, close };
    } catch (error) {
      leave();
      if (isAppError(error, 'STORE_FULL')) return this.#past.blob(entry, repository, digest, pick, signal);
      if (joined && concernsOnly(flight.repository, repository, error))
        return this.#fetch(entry, repository, digest, pick, why, signal);
      throw error;
    }
  }

  /**
   * Joins the flight of this digest, or starts it. Joining one of another repository needs upstream's word first;
   * undefined when that flight has ended, and so what is stored has to be looked at again.
   */
  async #board(entry: UpstreamEntry, repository: Repository, digest: Digest, as: Follower, signal: AbortSignal) {
    const { flights } = this.#parts;
    const running = flights.find(repository.upstream, digest);
    if (running?.failed === true) {
      await abortable(
        running.done.catch(() => undefined),
        signal,
      );
      return undefined;
    }
    if (running && !running.entitles(repository)) {
      if (!(await this.#headUpstream(entry, repository, digest, signal))) throw unknownBlob(digest);
      await running.entitle(repository);
      if (flights.find(repository.upstream, digest) !== running) return undefined;
    }
    const flight = running ?? flights.start(entry.upstream, repository, digest);
    return { flight, joined: running !== undefined, leave: flight.enter(as) };
  }
}

/** What upstream said to the repository that started a flight binds nobody else. */
const concernsOnly = (starter: Repository, joiner: Repository, error: unknown): boolean =>
  starter.name !== joiner.name && isAppError(error, 'BLOB_UNKNOWN', 'DENIED');

/** Undefined when it can be, or is not there. */
async function whyNotOpened(store: BlobStore, digest: Digest): Promise<unknown> {
  try {
    await (await store.open(digest))?.close();
    return undefined;
  } catch (error) {
    if (isAppError(error, 'BLOB_CORRUPT')) return error;
    throw error;
  }
}

const headKey = (repository: Repository, digest: Digest): string =>
  `${repository.upstream} ${repository.name} ${digest}`;
