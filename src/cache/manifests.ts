/**
 * The way of a manifest through the cache. By digest: a hit if linked and stored, else fetched. By tag: fresh -> hit;
 * older -> upstream is asked by HEAD whether it moved; cannot answer -> stale, within the operator's window.
 */
import { LRUCache } from 'lru-cache';
import type { Catalog } from '../catalog/catalog.js';
import type { BlobStore } from '../content/blob-store.js';
import type { SpoolArea } from '../content/spool-area.js';
import { abortable, SingleFlight, type KeyedMutex } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { AppError, isAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Descriptor, Repository } from '../oci/descriptor.js';
import { isDigest, type Digest } from '../oci/digest.js';
import { parseManifest } from '../oci/manifest.js';
import { isManifestType } from '../oci/media-types.js';
import { isCompanionTag, type Tag, type TagOrDigest } from '../oci/reference.js';
import type { RawManifest } from '../upstream/upstream.js';
import type { Access, Ask } from './access.js';
import { isFresh, staleFor } from './freshness.js';
import { cannotBeWritten, note } from './notes.js';
import { COLLAPSED, HIT, MISS, REVALIDATED, type Answered } from './outcome.js';
import { ResolvedTags } from './resolved-tags.js';
import { withRoom, type MakeRoom } from './collect/room.js';
import type { Follower } from './flight.js';
import type { SmallBlobs } from './small-blobs.js';
import { isNoAnswer, upstreamStatus, type UpstreamEntry } from './upstream-entry.js';
import type { WholeImages } from './whole-images.js';

export interface ManifestAnswer {
  readonly descriptor: Descriptor;
  /** Undefined where only the descriptor was asked for and the manifest is not stored. */
  readonly bytes: Buffer | undefined;
  readonly answered: Answered;
  /** Why the manifest, which was fetched, is not in the store. */
  readonly unstored?: AppError | undefined;
}

/** `headers`: the descriptor will do (HEAD). */
export type Want = 'headers' | 'body';

export interface ManifestParts {
  readonly spools: SpoolArea;
  readonly store: BlobStore;
  readonly catalog: Catalog;
  readonly access: Access;
  readonly small: SmallBlobs;
  readonly whole: WholeImages;
  readonly digestLocks: KeyedMutex;
  readonly makeRoom: MakeRoom;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when the daemon stops; calls that several requests share run under it. */
  readonly signal: AbortSignal;
}

/** What upstream answered about a tag. */
type Resolved = ManifestAnswer;

export class Manifests {
  readonly #parts: ManifestParts;
  readonly #calls = new SingleFlight<Resolved>();
  readonly #resolved = new ResolvedTags();
  readonly #missing = new LRUCache<string, { readonly until: number; readonly error: AppError }>({ max: 10_000 });

  constructor(parts: ManifestParts) {
    this.#parts = parts;
  }

  /** Throws MANIFEST_UNKNOWN, DENIED, or what upstream's failure was. */
  async get(
    entry: UpstreamEntry,
    repository: Repository,
    reference: TagOrDigest,
    want: Want,
    signal: AbortSignal,
    as: Follower = 'live',
  ): Promise<ManifestAnswer> {
    const answer = isDigest(reference)
      ? await this.#byDigest(entry, repository, reference, want, signal)
      : await this.#byTag(entry, repository, reference, want, signal);
    const { catalog, clock } = this.#parts;
    // What a job brings stays for a while, but nobody has pulled it yet.
    if (as === 'prefetch') catalog.noteUse(repository, answer.descriptor.digest, clock.now());
    else catalog.notePull(repository, answer.descriptor.digest, clock.now());
    return answer;
  }

  async #byDigest(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    want: Want,
    signal: AbortSignal,
  ): Promise<ManifestAnswer> {
    const { catalog } = this.#parts;
    // The same bytes may have come as a blob; only what is a manifest in this repository is served as one.
    const link = await catalog.link(repository, digest);
    const isManifest = link
      ? link.mediaType !== undefined
      : isManifestType((await catalog.blob(digest))?.mediaType ?? '');
    if (isManifest) {
      // As for one that is not stored: nobody is told by the difference that it is.
      if (!link) this.#requireNotMissing(repository, digest);
      const ask: Ask = (until) => entry.upstream.resolve(repository.name, digest, { signal: until });
      const verdict = await this.#parts.access.check(entry, repository, digest, ask, signal);
      if (verdict === 'refused') throw this.#missed(entry, repository, digest, unknownManifest(digest));
      if (verdict !== 'unstored') {
        const stored = await this.#stored(repository, digest, verdict);
        if (stored) {
          await this.#askedFor(repository, stored.descriptor);
          return stored;
        }
      }
    }
    return this.#upstreamAnswer(entry, repository, digest, want, signal);
  }

  async #byTag(
    entry: UpstreamEntry,
    repository: Repository,
    tag: Tag,
    want: Want,
    signal: AbortSignal,
  ): Promise<ManifestAnswer> {
    const { catalog, clock, log } = this.#parts;
    const { policy } = entry;
    // A signature that is added has to be seen as soon as the first one.
    const tagTtl = isCompanionTag(tag) ? Math.min(policy.tagTtl, policy.negativeTtl) : policy.tagTtl;
    const known = await catalog.tag(repository, tag);
    if (known && isFresh(known, tagTtl, clock.now())) {
      const stored = await this.#stored(repository, known.digest, HIT);
      if (stored) return stored;
    }
    const resolved = this.#resolved.get(repository, tag);
    if (want === 'headers' && resolved && isFresh(resolved, tagTtl, clock.now())) {
      return { descriptor: resolved, bytes: undefined, answered: HIT };
    }
    try {
      return await this.#upstreamAnswer(entry, repository, tag, want, signal);
    } catch (error) {
      const gone = isAppError(error, 'MANIFEST_UNKNOWN', 'DENIED');
      if (!known || !(gone || isNoAnswer(error))) throw error;
      const age = staleFor(known, catalog);
      const limit = gone ? policy.staleIfGone : policy.staleIfError;
      // What an operator imported is served until upstream says something newer, for as long as that takes; what is pinned,
      // until upstream answers at all.
      if (known.imported || age < limit || (!gone && (await catalog.hasPin(repository, tag)))) {
        const answered = {
          outcome: 'stale',
          upstreamStatus: upstreamStatus(error),
          age: Math.round(age / 1000),
        } as const;
        const stale = await this.#stored(repository, known.digest, answered);
        if (stale) return stale;
      } else if (gone) {
        // Its bytes stay until retention, by digest.
        await note(log, 'a tag that is gone', catalog.dropTag(repository, tag));
      }
      throw error;
    }
  }

  /** Concurrent callers share one conversation with upstream. */
  async #upstreamAnswer(
    entry: UpstreamEntry,
    repository: Repository,
    reference: TagOrDigest,
    want: Want,
    signal: AbortSignal,
  ): Promise<ManifestAnswer> {
    this.#requireNotMissing(repository, reference);
    const key = tagKey(repository, reference);
    try {
      const call = () =>
        want === 'headers' || !isDigest(reference)
          ? this.#resolve(entry, repository, reference, want)
          : this.#fetch(entry, repository, reference);
      const joined = this.#calls.has(`${want} ${key}`);
      const answer = await abortable(this.#calls.run(`${want} ${key}`, call), signal);
      return joined && answer.answered === MISS ? { ...answer, answered: COLLAPSED } : answer;
    } catch (error) {
      throw isAppError(error, 'MANIFEST_UNKNOWN') ? this.#missed(entry, repository, reference, error) : error;
    }
  }

  /** Throws what was answered a moment ago. */
  #requireNotMissing(repository: Repository, reference: TagOrDigest): void {
    const missing = this.#missing.get(tagKey(repository, reference));
    if (missing && this.#parts.clock.monotonic() < missing.until) throw missing.error;
  }

  /** Remembers the answer for those who ask again. */
  #missed({ policy }: UpstreamEntry, repository: Repository, reference: TagOrDigest, error: AppError): AppError {
    const until = this.#parts.clock.monotonic() + policy.negativeTtl;
    if (policy.negativeTtl > 0)
      this.#missing.set(tagKey(repository, reference), { until, error: new NegativeAnswer(error.message) });
    return error;
  }

  /** Asks by HEAD first when that may save a download: the tag is known, or only headers are wanted. */
  async #resolve(entry: UpstreamEntry, repository: Repository, reference: TagOrDigest, want: Want): Promise<Resolved> {
    const { catalog, clock, log, signal } = this.#parts;
    const known = isDigest(reference) ? undefined : await catalog.tag(repository, reference);
    if (!known && want === 'body') return this.#fetch(entry, repository, reference);
    const call = known ? { signal, timeout: entry.policy.revalidateTimeout } : { signal };
    const descriptor = await entry.upstream.resolve(repository.name, reference, call);
    if (!descriptor) throw unknownManifest(reference);
    const at = clock.now();
    if (!isDigest(reference)) {
      await this.#parts.access.confirm(entry, repository, descriptor);
      const stored = await this.#stored(repository, descriptor.digest, REVALIDATED);
      if (stored) {
        if (known?.digest === descriptor.digest) catalog.checkedTag(repository, reference, at);
        else await note(log, 'a moved tag', catalog.pointTag(repository, reference, stored.descriptor, at));
        return stored;
      }
      if (want === 'headers') this.#resolved.set(repository, reference, { ...descriptor, checkedAt: at });
    }
    if (want === 'headers') return { descriptor, bytes: undefined, answered: MISS };
    return this.#fetch(entry, repository, reference);
  }

  async #fetch(entry: UpstreamEntry, repository: Repository, reference: TagOrDigest): Promise<Resolved> {
    const { log, makeRoom, signal, small, whole } = this.#parts;
    const raw = await entry.upstream.manifest(repository.name, reference, { signal });
    if (!raw) throw unknownManifest(reference);
    const manifest = parseManifest(raw.bytes, raw.mediaType);
    const descriptor = { mediaType: raw.mediaType, digest: raw.digest, size: raw.size };
    small.remember(raw.digest, raw.bytes);
    try {
      await withRoom(makeRoom, raw.size, () => this.#store(repository, reference, raw, manifest));
      whole.link(entry, repository, manifest.children);
    } catch (error) {
      // The client still gets what it came for; the next one will have to ask upstream again.
      if (!cannotBeWritten(error)) throw error;
      log.warn(
        { upstream: repository.upstream, repository: repository.name, digest: raw.digest, err: error },
        'not stored',
      );
      return { descriptor, bytes: raw.bytes, answered: MISS, unstored: error };
    }
    return { descriptor, bytes: raw.bytes, answered: MISS };
  }

  /** Bytes, then the records, then the tag that points to them. */
  async #store(
    repository: Repository,
    reference: TagOrDigest,
    raw: RawManifest,
    manifest: ReturnType<typeof parseManifest>,
  ): Promise<void> {
    const { catalog, digestLocks, log, spools, store } = this.#parts;
    const tags = isDigest(reference) ? this.#resolved.awaiting(repository, raw.digest) : [reference];
    const descriptor = { mediaType: raw.mediaType, digest: raw.digest, size: raw.size };
    await digestLocks.run(raw.digest, async () => {
      await store.publish(await spools.verified(raw.digest, raw.bytes));
      const [tag, ...others] = tags;
      await catalog.recordManifest({
        repository,
        descriptor,
        public: raw.public,
        children: manifest.children,
        subject: manifest.subject,
        asked: tag === undefined ? 'digest' : 'tag',
        tag,
      });
      for (const other of others) await catalog.pointTag(repository, other, descriptor, this.#parts.clock.now());
    });
    for (const tag of tags) {
      this.#resolved.delete(repository, tag);
      this.#missing.delete(tagKey(repository, tag));
    }
    log.info(
      { upstream: repository.upstream, repository: repository.name, reference, digest: raw.digest, bytes: raw.size },
      'stored',
    );
  }

  /** A stored manifest was asked for by digest: a tag may wait for it, and without a parent it is an image by itself. */
  async #askedFor(repository: Repository, descriptor: Descriptor): Promise<void> {
    const { catalog, clock, log } = this.#parts;
    for (const tag of this.#resolved.awaiting(repository, descriptor.digest)) {
      await note(log, 'a tag', catalog.pointTag(repository, tag, descriptor, clock.now()));
      this.#resolved.delete(repository, tag);
    }
    await note(log, 'who asked for a manifest', catalog.noteRoot(repository, descriptor.digest));
  }

  /** Undefined when this repository may not serve it, it is not there after all, or it turned out bad. */
  async #stored(repository: Repository, digest: Digest, answered: Answered): Promise<ManifestAnswer | undefined> {
    const { catalog, small } = this.#parts;
    const mediaType = (await catalog.link(repository, digest))?.mediaType;
    if (mediaType === undefined || !(await catalog.blob(digest))) return undefined;
    const bytes = await small.read(digest);
    if (!bytes) return undefined;
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes, answered };
  }
}

/** A 404 that was remembered rather than asked for. */
export class NegativeAnswer extends AppError {
  constructor(message: string) {
    super('MANIFEST_UNKNOWN', message);
  }
}

const tagKey = (repository: Repository, reference: TagOrDigest): string =>
  `${repository.upstream} ${repository.name} ${reference}`;

const unknownManifest = (reference: TagOrDigest): AppError =>
  new AppError('MANIFEST_UNKNOWN', `manifest ${reference} is unknown to this repository`);
