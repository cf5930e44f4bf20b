/**
 * Is this image whole offline? Answered from what is here alone: bytes and links of every blob that a pull of the chosen
 * platforms would ask for, and a tag that may still be served. Nothing is asked, fetched or noted.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { AppError } from '../../lib/errors.js';
import type { Clock } from '../../lib/clock.js';
import type { Descriptor, Repository } from '../../oci/descriptor.js';
import { isDigest, type Digest } from '../../oci/digest.js';
import { parseManifest } from '../../oci/manifest.js';
import { OCTET_STREAM } from '../../oci/media-types.js';
import { formatImageReference, type ImageReference, type TagOrDigest } from '../../oci/reference.js';
import type { Holding, Holdings } from './holdings.js';
import { walkImage, type FoundManifest, type WalkSource } from './image-walk.js';
import type { MissingBlob, OfflineReport, PlatformChoice } from './prefetch.js';
import { isFresh, staleFor } from '../freshness.js';
import type { PullThrough } from '../pull-through.js';
import type { UpstreamEntry } from '../upstream-entry.js';

export interface OfflineParts {
  readonly cache: PullThrough;
  readonly catalog: Catalog;
  readonly holdings: Holdings;
  readonly clock: Clock;
  readonly host: string;
}

/** Throws NAME_UNKNOWN, NOT_PERMITTED, and PLATFORM_UNKNOWN for a platform that the index lacks. */
export async function offlineReport(
  parts: OfflineParts,
  image: ImageReference,
  platforms: PlatformChoice,
  signal: AbortSignal,
): Promise<OfflineReport> {
  const { cache, catalog, clock, host, holdings } = parts;
  const reference = formatImageReference(image);
  const repository = { upstream: image.upstream, name: image.repository };
  const entry = cache.entry(repository);
  const { policy } = entry;
  const tagged = image.digest === undefined && image.tag !== undefined && (await catalog.tag(repository, image.tag));
  const digest = image.digest ?? (tagged || undefined)?.digest;
  if (digest === undefined) return { reference, platforms: [], whole: false, missing: [] };

  const missing = new Map<Digest, MissingBlob>();
  const source = new StoredSource(parts, entry, repository, missing, signal);
  const plain = { attestations: false, signatures: false, referrers: false };
  const walked = await walkImage(source, digest, reference, { ...plain, platforms, host });
  for (const blob of walked.blobs) {
    signal.throwIfAborted();
    note(missing, blob, await holdings.blob(repository, blob.digest, policy, 'offline'));
  }
  // What the tag says is believed for a while without upstream, not for ever.
  const believed =
    !tagged ||
    tagged.imported === true ||
    isFresh(tagged, policy.tagTtl, clock.now()) ||
    staleFor(tagged, catalog) < policy.staleIfError;
  if (!believed && !missing.has(digest)) {
    missing.set(digest, { digest, size: tagged.size, mediaType: tagged.mediaType, why: 'unlinked' });
  }
  return {
    reference,
    digest,
    platforms: walked.platforms,
    whole: missing.size === 0,
    missing: [...missing.values()],
  };
}

interface Wanted {
  readonly digest: Digest;
  readonly size?: number | undefined;
  readonly mediaType?: string | undefined;
}

function note(missing: Map<Digest, MissingBlob>, blob: Wanted, held: Holding): void {
  if (held === 'here') return;
  const { digest, size, mediaType = OCTET_STREAM } = blob;
  missing.set(digest, { digest, size, mediaType, why: held === 'unlinked' ? 'unlinked' : 'absent' });
}

class StoredSource implements WalkSource {
  readonly #parts: OfflineParts;
  readonly #entry: UpstreamEntry;
  readonly #repository: Repository;
  readonly #missing: Map<Digest, MissingBlob>;
  readonly #signal: AbortSignal;

  constructor(
    parts: OfflineParts,
    entry: UpstreamEntry,
    repository: Repository,
    missing: Map<Digest, MissingBlob>,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#entry = entry;
    this.#repository = repository;
    this.#missing = missing;
    this.#signal = signal;
  }

  async manifest(reference: TagOrDigest, known?: Descriptor): Promise<FoundManifest | undefined> {
    this.#signal.throwIfAborted();
    const { cache, catalog, holdings } = this.#parts;
    if (!isDigest(reference)) throw new AppError('INTERNAL', 'a tag has to be resolved before');
    const held = await holdings.manifest(this.#repository, reference, this.#entry.policy, 'offline');
    const record = await catalog.blob(reference);
    note(this.#missing, { mediaType: record?.mediaType, size: record?.size, ...known, digest: reference }, held);
    if (!record || held === 'absent') return undefined;
    const bytes = await cache.storedBytes(reference);
    if (!bytes) {
      note(this.#missing, { ...known, digest: reference }, 'absent');
      return undefined;
    }
    const { mediaType } = record;
    return {
      descriptor: { digest: reference, size: bytes.length, mediaType },
      manifest: parseManifest(bytes, mediaType),
    };
  }

  async config({ digest }: Descriptor): Promise<Buffer | undefined> {
    const held = await this.#parts.holdings.blob(this.#repository, digest, this.#entry.policy, 'offline');
    return held === 'absent' ? undefined : this.#parts.cache.storedBytes(digest);
  }

  referrers(): Promise<readonly Descriptor[]> {
    return Promise.resolve([]);
  }
}
