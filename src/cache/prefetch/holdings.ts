/**
 * Whether a blob can be served to a repository without its upstream: the record, the link, and the bytes themselves.
 * Reads only; what it finds is noted nowhere.
 */
import type { Catalog, LinkRecord } from '../../catalog/catalog.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { Clock } from '../../lib/clock.js';
import type { Repository } from '../../oci/descriptor.js';
import { isEmptyDigest, type Digest } from '../../oci/digest.js';
import { isManifestType } from '../../oci/media-types.js';
import { isFresh, staleFor } from '../freshness.js';
import type { UpstreamPolicy } from '../upstream-entry.js';

/**
 * `unlinked`: the bytes are here, but upstream has to be asked whether this repository may have them; `elsewhere`: they
 * came from another upstream that is not public, so its word is not enough and they have to be fetched again.
 */
export type Holding = 'here' | 'unlinked' | 'elsewhere' | 'absent';

/** `now`: as a pull just now. `offline`: as a pull that finds no upstream. */
export type Moment = 'now' | 'offline';

export class Holdings {
  readonly #catalog: Catalog;
  readonly #store: BlobStore;
  readonly #clock: Clock;

  constructor(parts: { readonly catalog: Catalog; readonly store: BlobStore; readonly clock: Clock }) {
    this.#catalog = parts.catalog;
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  async blob(repository: Repository, digest: Digest, policy: UpstreamPolicy, moment: Moment): Promise<Holding> {
    if (isEmptyDigest(digest)) return 'here';
    const record = await this.#catalog.blob(digest);
    if (!record || !(await this.#store.stat(digest))) return 'absent';
    const link = await this.#catalog.link(repository, digest);
    if (link) return this.#holds(link, policy, moment) ? 'here' : 'unlinked';
    return record.via.some((via) => via.upstream === repository.upstream || via.public) ? 'unlinked' : 'elsewhere';
  }

  /** The same bytes may have come as a blob; then they are served as none. */
  async manifest(repository: Repository, digest: Digest, policy: UpstreamPolicy, moment: Moment): Promise<Holding> {
    const record = await this.#catalog.blob(digest);
    return record && isManifestType(record.mediaType) ? this.blob(repository, digest, policy, moment) : 'absent';
  }

  /** As access.ts decides. */
  #holds(link: LinkRecord, policy: UpstreamPolicy, moment: Moment): boolean {
    if (!policy.credentialed || link.imported === true) return true;
    if (isFresh(link, policy.linkTtl, this.#clock.now())) return true;
    return moment === 'offline' && staleFor(link, this.#catalog) < policy.linkTtl + policy.staleIfError;
  }
}
