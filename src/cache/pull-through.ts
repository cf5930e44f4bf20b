/**
 * The heart: what a client asks for, answered from the store where that is allowed and right, and from upstream, through
 * the store, where it is not. Every pull begins here; blobs.ts and manifests.ts follow their two ways.
 */
import { setMaxListeners } from 'node:events';
import type { Catalog } from '../catalog/catalog.js';
import type { BlobStore } from '../content/blob-store.js';
import type { SpoolArea } from '../content/spool-area.js';
import { abortable, SingleFlight, type KeyedMutex } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { AppError, isAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { TagOrDigest } from '../oci/reference.js';
import type { Page, TagPage } from '../upstream/upstream.js';
import { Access } from './access.js';
import type { BlobAnswer, PickRange } from './blob-answer.js';
import { Blobs } from './blobs.js';
import { CountedUpstream, type UpstreamCount } from './statistics/counted-upstream.js';
import { Flights, type Follower } from './flight.js';
import { Losses } from './losses.js';
import { Manifests, type ManifestAnswer, type Want } from './manifests.js';
import type { Answered } from './outcome.js';
import type { MakeRoom } from './collect/room.js';
import { SmallBlobs } from './small-blobs.js';
import { Holdings } from './prefetch/holdings.js';
import { Referrers, type ReferrersAnswer } from './referrers.js';
import { requirePermitted, type UpstreamEntry } from './upstream-entry.js';
import { WholeImages } from './whole-images.js';

export interface PullThroughParts {
  readonly spools: SpoolArea;
  readonly store: BlobStore;
  readonly catalog: Catalog;
  readonly digestLocks: KeyedMutex;
  /** Asked before anything is not stored for lack of space. */
  readonly makeRoom: MakeRoom;
  /** Counts what comes from upstream. */
  readonly count: UpstreamCount;
  readonly clock: Clock;
  readonly log: Logger;
}

export class PullThrough {
  readonly flights: Flights;
  readonly #blobs: Blobs;
  readonly #manifests: Manifests;
  readonly #catalog: Catalog;
  readonly #small: SmallBlobs;
  readonly #referrers: Referrers;
  readonly #stopping = new AbortController();
  readonly #count: UpstreamCount;
  #upstreams: Readonly<Record<Follower, ReadonlyMap<string, UpstreamEntry>>>;

  constructor(parts: PullThroughParts, upstreams: ReadonlyMap<string, UpstreamEntry>) {
    this.#catalog = parts.catalog;
    this.#count = parts.count;
    this.#upstreams = this.#counted(upstreams);
    // Every call that several requests share listens to it until it ends, so many listeners are no leak.
    setMaxListeners(0, this.#stopping.signal);
    const shared = { ...parts, signal: this.#stopping.signal };
    const access = new Access(shared);
    const losses = new Losses(parts);
    const small = new SmallBlobs({ store: parts.store, losses });
    this.#small = small;
    this.#referrers = new Referrers({ ...parts, small, holdings: new Holdings(parts) });
    const whole = new WholeImages({ ...shared, access });
    this.flights = new Flights(parts);
    this.#blobs = new Blobs({
      ...shared,
      access,
      small,
      losses,
      flights: this.flights,
      heads: new SingleFlight(),
    });
    this.#manifests = new Manifests({ ...shared, access, small, whole });
  }

  /** Streams under way that go past the store. */
  get passing(): number {
    return this.#blobs.passing;
  }

  /** Takes effect for the next request; those under way finish with the upstreams they began with. */
  replaceUpstreams(upstreams: ReadonlyMap<string, UpstreamEntry>): void {
    this.#upstreams = this.#counted(upstreams);
  }

  /** The upstream of a repository, with its policy. What it sends counts for `as`. Throws NAME_UNKNOWN, NOT_PERMITTED. */
  entry(repository: Repository, as: Follower = 'live'): UpstreamEntry {
    const entry = this.#upstreams[as].get(repository.upstream);
    if (!entry) throw new AppError('NAME_UNKNOWN', `no upstream is named ${repository.upstream}`);
    requirePermitted(entry, repository);
    return entry;
  }

  /** A small blob as it is stored, whoever may have it, hashed again. Asks no upstream, and is no use of it. */
  storedBytes(digest: Digest): Promise<Buffer | undefined> {
    return this.#small.read(digest);
  }

  manifest(
    repository: Repository,
    reference: TagOrDigest,
    want: Want,
    signal: AbortSignal,
    as: Follower = 'live',
  ): Promise<ManifestAnswer> {
    const entry = this.entry(repository, as);
    return this.#undamaged(() => this.#manifests.get(entry, repository, reference, want, signal, as), signal);
  }

  /** See Manifests. */
  missingFor(repository: Repository, reference: TagOrDigest): number | undefined {
    return this.#manifests.missingFor(repository, reference);
  }

  blob(repository: Repository, digest: Digest, pick: PickRange, signal: AbortSignal): Promise<BlobAnswer> {
    const entry = this.entry(repository);
    return this.#undamaged(() => this.#blobs.get(entry, repository, digest, pick, signal), signal);
  }

  headBlob(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly size: number | undefined; readonly answered: Answered }> {
    const entry = this.entry(repository);
    return this.#undamaged(() => this.#blobs.head(entry, repository, digest, signal), signal);
  }

  /** Brings a blob into the store without a client that reads it. */
  fillBlob(
    repository: Repository,
    digest: Digest,
    as: Follower,
    signal: AbortSignal,
  ): Promise<{ readonly fetched: boolean }> {
    const entry = this.entry(repository);
    return this.#undamaged(() => this.#blobs.fill(entry, repository, digest, as, signal), signal);
  }

  /** Tags are upstream's to list: what we hold is only what somebody pulled. */
  async tags(repository: Repository, page: Page, signal: AbortSignal): Promise<TagPage> {
    const found = await this.entry(repository).upstream.tags(repository.name, page, { signal });
    if (!found)
      throw new AppError('NAME_UNKNOWN', `repository ${repository.name} is unknown to ${repository.upstream}`);
    return found;
  }

  referrers(repository: Repository, digest: Digest, signal: AbortSignal): Promise<ReferrersAnswer> {
    const entry = this.entry(repository);
    return this.#undamaged(() => this.#referrers.get(entry, repository, digest, signal), signal);
  }

  /** Lets flights finish until `deadline` is aborted, then keeps what they have. */
  async close(deadline: AbortSignal): Promise<void> {
    await this.flights.close(deadline);
    this.#stopping.abort(new AppError('DRAINING', 'Cistern is stopping'));
  }

  /** Who comes across damage of the index is answered from the new one, once that is there, and refused when it cannot be made. */
  async #undamaged<T>(answer: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await answer();
    } catch (error) {
      if (!isAppError(error, 'INDEX_CORRUPT')) throw error;
      await abortable(this.#catalog.recover(), signal);
      return answer();
    }
  }

  #counted(
    upstreams: ReadonlyMap<string, UpstreamEntry>,
  ): Readonly<Record<Follower, ReadonlyMap<string, UpstreamEntry>>> {
    const as = (follower: Follower) =>
      new Map(
        [...upstreams].map(([name, entry]): [string, UpstreamEntry] => [
          name,
          { ...entry, upstream: new CountedUpstream(entry.upstream, this.#count, follower) },
        ]),
      );
    return { live: as('live'), prefetch: as('prefetch') };
  }
}
