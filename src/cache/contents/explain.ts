/**
 * Explains one image or blob: whether it is here and whole, who may have it and until when, what keeps it and until when,
 * and how it was last asked for. Looks at what is here alone: no upstream is asked, and nothing counts as a use.
 */
import { refersToStored } from '../../catalog/edges.js';
import { prefixes, repositoryAfterDigest } from '../../catalog/keys.js';
import type { BlobRecord, Root } from '../../catalog/records.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { Clock } from '../../lib/clock.js';
import { isAppError } from '../../lib/errors.js';
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { isManifestType } from '../../oci/media-types.js';
import { formatImageReference, type Tag, type TagOrDigest } from '../../oci/reference.js';
import type { FlightState } from '../flight.js';
import { staleFor } from '../freshness.js';
import type { CollectorPolicy } from '../collect/collection.js';
import { Retention, rootKey, storedAt } from '../collect/retention.js';
import { Holdings } from '../prefetch/holdings.js';
import { formatPlatform, isNamed } from '../prefetch/platforms.js';
import type { MissingBlob } from '../prefetch/prefetch.js';
import type { PullThrough } from '../pull-through.js';
import type { Recollection } from '../recollection.js';
import { tagTtlOf, type UpstreamPolicy } from '../upstream-entry.js';
import type { Explanation, ExplainedLink, ExplainedTag, ExplainTarget, Keeper } from './explanation.js';
import { referenceTo, type ImageReader } from './image-reader.js';
import { ImageSharing } from './image-sharing.js';

const MOST_LISTED = 100;
const MOST_MISSING = 1000;
/** What upstream answers with who will not give it. */
const REFUSALS: readonly string[] = ['MANIFEST_UNKNOWN', 'BLOB_UNKNOWN', 'DENIED'];

export interface ExplainParts {
  readonly reader: ImageReader;
  readonly store: BlobStore;
  readonly pull: PullThrough;
  readonly recollection: Recollection;
  readonly policy: Pick<CollectorPolicy, 'retention' | 'gracePeriod'>;
  /** Whether an unfinished job works on it. */
  readonly inUse: (digest: Digest) => boolean;
  readonly clock: Clock;
}

/** What is asked about, as far as it is known: a blob by itself is looked at in no repository. */
interface Subject {
  readonly reference: string;
  readonly repository: Repository | undefined;
  readonly tag: Tag | undefined;
  readonly digest: Digest | undefined;
  readonly upstream: UpstreamPolicy | undefined;
}

/** Throws NAME_UNKNOWN and NOT_PERMITTED for images that are not to be had through here at all. */
export async function explain(parts: ExplainParts, target: ExplainTarget, signal: AbortSignal): Promise<Explanation> {
  return new Explaining(parts, await subjectOf(parts, target), signal).explanation();
}

async function subjectOf({ reader, pull }: ExplainParts, target: ExplainTarget): Promise<Subject> {
  if (target.kind === 'blob') {
    const { digest } = target;
    return { reference: digest, repository: undefined, tag: undefined, digest, upstream: undefined };
  }
  const { image } = target;
  const repository = reader.repositoryOf(image);
  const { policy } = pull.entry(repository);
  const tag = image.digest === undefined ? image.tag : undefined;
  const digest = image.digest ?? (tag && (await reader.catalog.tag(repository, tag)))?.digest;
  return { reference: formatImageReference(image), repository, tag, digest, upstream: policy };
}

class Explaining {
  readonly #parts: ExplainParts;
  readonly #subject: Subject;
  readonly #signal: AbortSignal;
  readonly #sharing: ImageSharing;
  readonly #holdings: Holdings;

  constructor(parts: ExplainParts, subject: Subject, signal: AbortSignal) {
    const { catalog } = parts.reader;
    this.#parts = parts;
    this.#subject = subject;
    this.#signal = signal;
    this.#sharing = new ImageSharing(catalog, undefined, signal);
    this.#holdings = new Holdings({ ...parts, catalog });
  }

  async explanation(): Promise<Explanation> {
    const { recollection } = this.#parts;
    const { reference, repository, digest, tag } = this.#subject;
    const record = digest === undefined ? undefined : await this.#stored(digest);
    const links = record && digest !== undefined ? await this.#links(digest) : [];
    const linked = repository === undefined || links.some((link) => isSame(link.repository, repository));
    const missing: MissingBlob[] = [];
    const unpulled: string[] = [];
    if (record && digest !== undefined) await this.#lookBelow(digest, record, missing, unpulled);
    const named = [tag, digest].filter((each) => each !== undefined);
    const fills = this.#fills([digest, ...missing.map((blob) => blob.digest)]);
    const presence = record
      ? ({ presence: linked ? 'here' : 'unlinked' } as const)
      : fills.length > 0
        ? ({ presence: 'filling' } as const)
        : await this.#absence(named);
    const keepers = digest === undefined ? [] : await this.#keepers(digest);
    return {
      reference,
      digest,
      ...presence,
      mediaType: record?.mediaType,
      size: record?.size,
      whole: record !== undefined && linked && missing.length === 0,
      missing: missing.slice(0, MOST_MISSING),
      unpulled,
      tag: await this.#tag(),
      links: links.slice(0, MOST_LISTED),
      linkCount: links.length,
      keepers: keepers.map(({ keeper }) => keeper).slice(0, MOST_LISTED),
      keeperCount: keepers.length,
      ...(record ? await this.#end(record, keepers) : { evictionOf: 0 }),
      fills: fills.slice(0, MOST_LISTED),
      asked: recollection.answers(repository, named).slice(0, MOST_LISTED),
    };
  }

  async #stored(digest: Digest): Promise<BlobRecord | undefined> {
    const record = await this.#parts.reader.record(digest);
    return record && (await this.#parts.store.stat(digest)) ? record : undefined;
  }

  /** In whatever repository of the upstream: whoever asks for the same blob there waits for the same download. */
  #fills(digests: readonly (Digest | undefined)[]): readonly FlightState[] {
    const { upstream } = this.#subject.repository ?? {};
    const wanted = new Set(digests);
    return this.#parts.pull.flights
      .states()
      .filter(
        ({ repository, digest }) => wanted.has(digest) && (upstream ?? repository.upstream) === repository.upstream,
      );
  }

  async #absence(
    named: readonly TagOrDigest[],
  ): Promise<Pick<Explanation, 'presence' | 'since' | 'by' | 'negativeUntil'>> {
    const { reader, recollection, pull, clock } = this.#parts;
    const { repository, tag, digest } = this.#subject;
    if (digest !== undefined) {
      if (tag !== undefined) return { presence: 'absent' };
      for await (const _ of reader.catalog.parentsOf(digest)) return { presence: 'absent' };
    }
    const [removal] = named.flatMap((each) => recollection.removal(repository, each) ?? []);
    const refusal = recollection.answers(repository, named).find(({ outcome }) => REFUSALS.includes(outcome));
    const [left] = named.flatMap((each) => (repository && pull.missingFor(repository, each)) ?? []);
    const negativeUntil = left === undefined ? undefined : clock.now() + left;
    if (left !== undefined || (refusal && refusal.at > (removal?.at ?? 0)))
      return { presence: 'gone', since: refusal?.at, negativeUntil };
    return removal
      ? { presence: 'removed', since: removal.at, by: removal.why === 'operator' ? 'operator' : 'collection' }
      : { presence: 'unknown' };
  }

  /** Of what a manifest names, and of what that names. */
  async #lookBelow(
    digest: Digest,
    { mediaType }: BlobRecord,
    missing: MissingBlob[],
    unpulled: string[],
  ): Promise<void> {
    const manifest = isManifestType(mediaType) ? await this.#parts.reader.manifest(digest) : undefined;
    for (const child of manifest?.children ?? []) {
      this.#signal.throwIfAborted();
      const record = await this.#stored(child.digest);
      if (!record && isManifestType(child.mediaType)) {
        const platform = manifest?.manifests.find((each) => each.digest === child.digest)?.platform;
        unpulled.push(isNamed(platform) ? formatPlatform(platform) : child.digest);
        continue;
      }
      const { repository, upstream } = this.#subject;
      const held =
        repository && upstream
          ? await this.#holdings.blob(repository, child.digest, upstream, 'offline')
          : record && 'here';
      if (held !== 'here') missing.push({ ...child, why: held === 'unlinked' ? held : 'absent' });
      if (record) await this.#lookBelow(child.digest, record, missing, unpulled);
    }
  }

  async #links(digest: Digest): Promise<readonly ExplainedLink[]> {
    const links: ExplainedLink[] = [];
    for await (const [key, link] of this.#parts.reader.catalog.records.scan(prefixes.linksOf(digest))) {
      const repository = repositoryAfterDigest(key);
      const policy = this.#policyOf(repository);
      const asked = policy?.credentialed === true && link.imported !== true;
      const until = asked ? link.checkedAt + policy.linkTtl : undefined;
      links.push({ repository, checkedAt: link.checkedAt, until });
    }
    return links;
  }

  /** Undefined for what was stored through an upstream that is configured no longer, or not for this. */
  #policyOf(repository: Repository): UpstreamPolicy | undefined {
    try {
      return this.#parts.pull.entry(repository).policy;
    } catch (error) {
      if (isAppError(error, 'NAME_UNKNOWN', 'NOT_PERMITTED')) return undefined;
      throw error;
    }
  }

  async #tag(): Promise<ExplainedTag | undefined> {
    const { catalog } = this.#parts.reader;
    const { repository, tag, upstream } = this.#subject;
    const record = repository && tag && (await catalog.tag(repository, tag));
    if (!record || !upstream) return undefined;
    const { checkedAt, imported } = record;
    const ttl = tagTtlOf(upstream, tag);
    const unlimited = imported === true || (await catalog.hasPin(repository, tag));
    const freshUntil = checkedAt + ttl;
    const staleUntil = this.#parts.clock.now() + upstream.staleIfError - staleFor(record, catalog);
    return { checkedAt, freshUntil, servedUntil: unlimited ? undefined : Math.max(freshUntil, staleUntil) };
  }

  async #keepers(digest: Digest): Promise<readonly Kept[]> {
    const { reader, inUse } = this.#parts;
    const { catalog } = reader;
    const kept: Kept[] = [];
    for (const root of await this.#sharing.imagesOf(digest)) {
      const use = await catalog.lastUse(root.repository, root.digest);
      const reference = await this.#sharing.referenceOf(root);
      const kind = root.digest === digest ? root.by : 'image';
      const pinned = (await this.#pinsOn(root.digest)).length > 0;
      const ran = use && Math.max(use.ran, await storedAt(catalog.records, root.digest));
      kept.push({ keeper: { kind, reference, pinned, lastUsedAt: use?.at }, root, ran });
    }
    if (!kept.some(({ root }) => root?.digest === digest))
      for (const reference of await this.#pinsOn(digest))
        kept.push({ keeper: { kind: 'pin', reference, pinned: true } });
    const subject = (await refersToStored(catalog.records, digest)) && (await catalog.manifest(digest))?.subject;
    if (subject) kept.push({ keeper: { kind: 'subject', reference: subject, pinned: false } });
    if (inUse(digest)) kept.push({ keeper: { kind: 'job', reference: '', pinned: false } });
    return kept;
  }

  async #pinsOn(digest: Digest): Promise<readonly string[]> {
    const pins: string[] = [];
    for await (const [key] of this.#parts.reader.catalog.records.scan(prefixes.pinsOn(digest)))
      pins.push(referenceTo({ repository: repositoryAfterDigest(key), tag: undefined, digest }));
    return pins;
  }

  /** When it goes, as far as its age and the room it takes decide that. */
  async #end(
    record: BlobRecord,
    kept: readonly Kept[],
  ): Promise<Pick<Explanation, 'expiresAt' | 'evictionPlace' | 'evictionOf'>> {
    const { reader, policy, clock, inUse } = this.#parts;
    const { catalog } = reader;
    if (kept.some(({ keeper, root }) => keeper.pinned || !root)) return { evictionOf: 0 };
    const now = catalog.runningTime;
    // As the collector decides: what no image has is kept for the grace period, or longer after a rebuild.
    const young = record.recoveredAt === undefined ? policy.gracePeriod : policy.retention;
    const lives =
      kept.length === 0 ? record.ran + young : Math.max(...kept.map(({ ran = now }) => ran)) + policy.retention;
    const expiresAt = clock.now() + Math.max(0, lives - now);
    if (kept.length === 0) return { expiresAt, evictionOf: 0 };
    const order = await new Retention({ catalog, inUse }).leastRecent(Number.MAX_SAFE_INTEGER, () => true);
    const places = new Map(order.map(({ root }, index) => [rootKey(root), index + 1]));
    // It stays until the last of its images goes.
    const last = Math.max(...kept.map(({ root }) => (root && places.get(rootKey(root))) ?? Infinity));
    return { expiresAt, ...(Number.isFinite(last) && { evictionPlace: last }), evictionOf: order.length };
  }
}

interface Kept {
  readonly keeper: Keeper;
  /** Undefined for what is kept whatever its age. */
  readonly root?: Root;
  /** The running time of its last use; undefined when that is not known, which is as new as can be. */
  readonly ran?: number | undefined;
}

const isSame = (a: Repository, b: Repository): boolean => a.upstream === b.upstream && a.name === b.name;
