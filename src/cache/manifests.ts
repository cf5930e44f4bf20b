/**
 * The way of a manifest through the cache. By digest: a hit if linked and stored, else fetched. By tag: fresh -> hit;
 * older -> upstream is asked by HEAD whether it moved; cannot answer -> stale, within the operator's window.
 */
import { LRUCache } from 'lru-cache';
import type { Catalog, TagRecord } from '../catalog/catalog.js';
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
import type { Tag, TagOrDigest } from '../oci/reference.js';
import type { RawManifest } from '../upstream/upstream.js';
import type { Access, Ask } from './access.js';
import { isFresh, staleFor } from './freshness.js';
import { cannotBeWritten, note } from './notes.js';
import { because, HIT, reasonNotKept, reasonOfFailure, type Answered, type Reason } from './outcome.js';
import { ResolvedTags } from './resolved-tags.js';
import { withRoom, type MakeRoom } from './collect/room.js';
import type { Follower } from './flight.js';
import type { SmallBlobs } from './small-blobs.js';
import { isNoAnswer, tagTtlOf, upstreamStatus, type UpstreamEntry } from './upstream-entry.js';
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

/** What upstream is asked, and what was known before. */
interface Question {
  readonly entry: UpstreamEntry;
  readonly repository: Repository;
  readonly reference: TagOrDigest;
  readonly want: Want;
  /** Where the tag pointed. */
  readonly known?: TagRecord | undefined;
  /** Why what is stored will not do; undefined where upstream’s answer decides that. */
  readonly why?: Reason | undefined;
}

export class Manifests {
  readonly #parts: ManifestParts;
  readonly #calls = new SingleFlight<ManifestAnswer>();
  readonly #noting = new SingleFlight<void>();
  readonly #resolved = new ResolvedTags();
  readonly #missing = new LRUCache<string, { readonly until: number; readonly error: AppError }>({ max: 10_000 });
  /** Tags that are gone upstream and still in the index, because it took no writes. */
  readonly #gone = new LRUCache<string, true>({ max: 10_000 });

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

  /** For how many milliseconds it is refused without asking upstream, who said a moment ago that there is no such thing. */
  missingFor(repository: Repository, reference: TagOrDigest): number | undefined {
    return this.#missingNow(repository, reference)?.left;
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
    const record = link ? undefined : await catalog.blob(digest);
    const isManifest = link ? link.mediaType !== undefined : isManifestType(record?.mediaType ?? '');
    let why: Reason = link || record ? 'not-linked' : 'not-stored';
    if (isManifest) {
      // As for one that is not stored: nobody is told by the difference that it is.
      if (!link) this.#requireNotMissing(repository, digest);
      const ask: Ask = (until) => entry.upstream.resolve(repository.name, digest, { signal: until });
      const verdict = await this.#parts.access.check(entry, repository, digest, ask, signal);
      if (verdict === 'refused') throw this.#missed(entry, repository, digest, unknownManifest(digest));
      const stored = typeof verdict === 'string' ? verdict : await this.#stored(repository, digest, verdict);
      if (typeof stored !== 'string') {
        this.#askedFor(repository, stored.descriptor);
        return stored;
      }
      why = stored;
    }
    return this.#upstreamAnswer({ entry, repository, reference: digest, want, why }, signal);
  }

  async #byTag(
    entry: UpstreamEntry,
    repository: Repository,
    tag: Tag,
    want: Want,
    signal: AbortSignal,
  ): Promise<ManifestAnswer> {
    const { catalog, clock } = this.#parts;
    const { policy } = entry;
    const tagTtl = tagTtlOf(policy, tag);
    const known = await this.#known(repository, tag);
    let why: Reason | undefined;
    if (known && isFresh(known, tagTtl, clock.now())) {
      const stored = await this.#stored(repository, known.digest, HIT);
      if (typeof stored !== 'string') return stored;
      why = stored;
    }
    const resolved = this.#resolved.get(repository, tag);
    if (want === 'headers' && resolved && isFresh(resolved, tagTtl, clock.now())) {
      return { descriptor: resolved, bytes: undefined, answered: HIT };
    }
    try {
      return await this.#upstreamAnswer({ entry, repository, reference: tag, want, known, why }, signal);
    } catch (error) {
      const gone = isAppError(error, 'MANIFEST_UNKNOWN', 'DENIED');
      if (!known || !(gone || isNoAnswer(error))) throw error;
      const age = staleFor(known, catalog);
      const limit = gone ? policy.staleIfGone : policy.staleIfError;
      // What an operator imported is served until upstream says something newer, for as long as that takes; what is pinned,
      // until upstream answers at all.
      let reason: Reason | undefined;
      if (age < limit) reason = gone ? 'gone-upstream' : reasonOfFailure(error);
      else if (known.imported) reason = 'imported';
      else if (!gone && (await catalog.hasPin(repository, tag))) reason = 'pinned';
      if (reason !== undefined) {
        const stale = await this.#stored(repository, known.digest, {
          outcome: 'stale',
          reason,
          upstreamStatus: upstreamStatus(error),
          age: Math.round(age / 1000),
        });
        if (typeof stale !== 'string') return stale;
      } else if (gone) {
        // Its bytes stay until retention, by digest.
        await this.#drop(repository, tag);
      }
      throw error;
    }
  }

  /** What is gone does not come back with the next outage, even if the index could not be told. */
  async #known(repository: Repository, tag: Tag): Promise<TagRecord | undefined> {
    if (!this.#gone.has(tagKey(repository, tag))) return this.#parts.catalog.tag(repository, tag);
    await this.#drop(repository, tag);
    return undefined;
  }

  async #drop(repository: Repository, tag: Tag): Promise<void> {
    const { catalog, log } = this.#parts;
    const dropped = await note(log, 'a tag that is gone', catalog.dropTag(repository, tag));
    if (dropped) this.#gone.delete(tagKey(repository, tag));
    else this.#gone.set(tagKey(repository, tag), true);
  }

  async #point(repository: Repository, tag: Tag, descriptor: Descriptor, at: number): Promise<void> {
    const { catalog, log } = this.#parts;
    const pointed = await note(log, 'where a tag points', catalog.pointTag(repository, tag, descriptor, at));
    if (pointed) this.#gone.delete(tagKey(repository, tag));
  }

  /** Concurrent callers share one conversation with upstream. */
  async #upstreamAnswer(question: Question, signal: AbortSignal): Promise<ManifestAnswer> {
    const { entry, repository, reference, want } = question;
    this.#requireNotMissing(repository, reference);
    const key = tagKey(repository, reference);
    try {
      const call = () =>
        want === 'headers' || !isDigest(reference)
          ? this.#resolve(question)
          : this.#fetch(question, question.why ?? 'not-stored');
      const joined = this.#calls.has(`${want} ${key}`);
      const answer = await abortable(this.#calls.run(`${want} ${key}`, call), signal);
      const { outcome, reason } = answer.answered;
      return joined && outcome === 'miss' ? { ...answer, answered: because('collapsed', reason) } : answer;
    } catch (error) {
      throw isAppError(error, 'MANIFEST_UNKNOWN') ? this.#missed(entry, repository, reference, error) : error;
    }
  }

  /** Throws what was answered a moment ago. */
  #requireNotMissing(repository: Repository, reference: TagOrDigest): void {
    const missing = this.#missingNow(repository, reference);
    if (missing) throw missing.error;
  }

  #missingNow(repository: Repository, reference: TagOrDigest) {
    const missing = this.#missing.get(tagKey(repository, reference));
    const left = missing ? missing.until - this.#parts.clock.monotonic() : 0;
    return missing && left > 0 ? { error: missing.error, left } : undefined;
  }

  /** Remembers the answer for those who ask again. */
  #missed({ policy }: UpstreamEntry, repository: Repository, reference: TagOrDigest, error: AppError): AppError {
    const until = this.#parts.clock.monotonic() + policy.negativeTtl;
    if (policy.negativeTtl > 0)
      this.#missing.set(tagKey(repository, reference), { until, error: new NegativeAnswer(error.message) });
    return error;
  }

  /** Asks by HEAD first when that may save a download: the tag is known, or only headers are wanted. */
  async #resolve(question: Question): Promise<ManifestAnswer> {
    const { entry, repository, reference, want, known } = question;
    const { catalog, clock, signal } = this.#parts;
    if (!known && want === 'body') return this.#fetch(question, 'tag-unknown');
    const call = known ? { signal, timeout: entry.policy.revalidateTimeout } : { signal };
    const descriptor = await entry.upstream.resolve(repository.name, reference, call);
    if (!descriptor) throw unknownManifest(reference);
    const at = clock.now();
    let why = question.why ?? 'not-stored';
    if (!isDigest(reference)) {
      await this.#parts.access.confirm(entry, repository, descriptor);
      const moved = known?.digest !== descriptor.digest;
      why = question.why ?? (!known ? 'tag-unknown' : moved ? 'tag-moved' : 'tag-expired');
      const stored = await this.#stored(repository, descriptor.digest, because('revalidated', why));
      if (typeof stored !== 'string') {
        if (!moved) catalog.checkedTag(repository, reference, at);
        else await this.#point(repository, reference, stored.descriptor, at);
        return stored;
      }
      if (why === 'tag-expired') why = stored;
      if (want === 'headers') this.#resolved.set(repository, reference, { ...descriptor, checkedAt: at });
    }
    if (want === 'headers') return { descriptor, bytes: undefined, answered: because('miss', why) };
    return this.#fetch(question, why);
  }

  async #fetch({ entry, repository, reference }: Question, why: Reason): Promise<ManifestAnswer> {
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
      return { descriptor, bytes: raw.bytes, answered: because('miss', reasonNotKept(error)), unstored: error };
    }
    return { descriptor, bytes: raw.bytes, answered: because('miss', why) };
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
      this.#gone.delete(tagKey(repository, tag));
    }
    log.info(
      { upstream: repository.upstream, repository: repository.name, reference, digest: raw.digest, bytes: raw.size },
      'stored',
    );
  }

  /**
   * A stored manifest was asked for by digest: a tag may wait for it, and without a parent it is an image by itself. Whether
   * it has one is a look at the disk, for which no client waits.
   */
  #askedFor(repository: Repository, descriptor: Descriptor): void {
    const { catalog, clock, log } = this.#parts;
    const noted = this.#noting.run(tagKey(repository, descriptor.digest), async () => {
      for (const tag of this.#resolved.awaiting(repository, descriptor.digest)) {
        await this.#point(repository, tag, descriptor, clock.now());
        this.#resolved.delete(repository, tag);
      }
      await note(log, 'who asked for a manifest', catalog.noteRoot(repository, descriptor.digest));
    });
    noted.catch((error: unknown) => log.warn({ err: error }, 'who asked for a manifest was not written down'));
  }

  /** Or why this repository may not be served it: it is not there after all, for example, or turned out bad. */
  async #stored(repository: Repository, digest: Digest, answered: Answered): Promise<ManifestAnswer | Reason> {
    const { catalog, small } = this.#parts;
    if (!(await catalog.blob(digest))) return 'not-stored';
    const mediaType = (await catalog.link(repository, digest))?.mediaType;
    if (mediaType === undefined) return 'not-linked';
    const bytes = await small.read(digest);
    if (!bytes) return 'lost';
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
