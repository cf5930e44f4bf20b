/**
 * What refers to a manifest: its signatures, bills of materials, indexes of its layers. Upstream says; while it cannot, those
 * that are stored are told, so that what was prefetched or imported with an image can be found without a network.
 */
import type { Catalog } from '../catalog/catalog.js';
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { parseManifest } from '../oci/manifest.js';
import type { ReferrerDescriptor } from '../upstream/upstream.js';
import { reasonOfFailure, type Answered } from './outcome.js';
import type { Holdings } from './prefetch/holdings.js';
import type { SmallBlobs } from './small-blobs.js';
import { isNoAnswer, upstreamStatus, type UpstreamEntry } from './upstream-entry.js';

export interface ReferrersAnswer {
  readonly referrers: readonly ReferrerDescriptor[];
  /** Upstream could not answer: there may be more. */
  readonly stale?: Answered;
}

/** More are not read one by one to answer a request. */
const MOST_STORED = 1000;

export class Referrers {
  readonly #catalog: Catalog;
  readonly #small: SmallBlobs;
  readonly #holdings: Holdings;

  constructor(parts: { readonly catalog: Catalog; readonly small: SmallBlobs; readonly holdings: Holdings }) {
    this.#catalog = parts.catalog;
    this.#small = parts.small;
    this.#holdings = parts.holdings;
  }

  /** Throws what upstream's failure was when none are stored, for then nothing is known. */
  async get(
    entry: UpstreamEntry,
    repository: Repository,
    subject: Digest,
    signal: AbortSignal,
  ): Promise<ReferrersAnswer> {
    try {
      return { referrers: await entry.upstream.referrers(repository.name, subject, { signal }) };
    } catch (error) {
      if (!isNoAnswer(error) || entry.policy.staleIfError === 0) throw error;
      const referrers = await this.#stored(entry, repository, subject);
      if (referrers.length === 0) throw error;
      const stale: Answered = {
        outcome: 'stale',
        reason: reasonOfFailure(error),
        upstreamStatus: upstreamStatus(error),
      };
      return { referrers, stale };
    }
  }

  /** Only what this repository may serve. */
  async #stored(entry: UpstreamEntry, repository: Repository, subject: Digest): Promise<ReferrerDescriptor[]> {
    const found: ReferrerDescriptor[] = [];
    for await (const digest of this.#catalog.referrersOf(subject)) {
      if (found.length >= MOST_STORED) break;
      if ((await this.#holdings.manifest(repository, digest, entry.policy, 'offline')) !== 'here') continue;
      const mediaType = (await this.#catalog.link(repository, digest))?.mediaType;
      const bytes = await this.#small.read(digest);
      if (mediaType === undefined || !bytes) continue;
      const { kind, config, artifactType, annotations } = parseManifest(bytes, mediaType);
      const type = artifactType ?? (kind === 'index' ? undefined : config?.mediaType);
      found.push({
        mediaType,
        digest,
        size: bytes.length,
        ...(type !== undefined && { artifactType: type }),
        ...(annotations && { annotations }),
      });
    }
    return found;
  }
}
