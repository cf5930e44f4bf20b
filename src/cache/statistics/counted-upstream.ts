/**
 * An upstream whose answers are counted: each GET that brings a body, and each byte of it, for whoever waits at that moment.
 * Everything that comes from upstream, by whichever way through the cache, comes through here, so nothing is counted twice
 * or forgotten.
 */
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { TagOrDigest } from '../../oci/reference.js';
import type {
  BlobCall,
  Call,
  Meter,
  Page,
  Priority,
  RawManifest,
  ReferrerDescriptor,
  Upstream,
  UpstreamBody,
  UpstreamStatus,
} from '../../upstream/upstream.js';
import type { Kind } from './counts.js';
import type { Follower } from '../flight.js';

export interface UpstreamCount {
  /** Upstream answered a GET with a body. */
  fetched(repository: Repository, kind: Kind): void;
  /** So many bytes of a body have come. */
  received(repository: Repository, kind: Kind, bytes: number, as: Follower): void;
}

export class CountedUpstream implements Upstream {
  readonly name: string;
  readonly #upstream: Upstream;
  readonly #count: UpstreamCount;
  readonly #as: Follower;

  /** `as`: who waits for manifests. Blobs say so themselves, and it may change while they come. */
  constructor(upstream: Upstream, count: UpstreamCount, as: Follower) {
    this.name = upstream.name;
    this.#upstream = upstream;
    this.#count = count;
    this.#as = as;
  }

  status(): UpstreamStatus {
    return this.#upstream.status();
  }

  // A registry that does not do HEAD is asked by GET, which counts.
  resolve(repository: string, reference: TagOrDigest, call: Call): ReturnType<Upstream['resolve']> {
    return this.#upstream.resolve(repository, reference, { ...call, meter: this.#meter(repository, 'manifests') });
  }

  manifest(repository: string, reference: TagOrDigest, call: Call): Promise<RawManifest | undefined> {
    return this.#upstream.manifest(repository, reference, { ...call, meter: this.#meter(repository, 'manifests') });
  }

  statBlob(repository: string, digest: Digest, call: Call): ReturnType<Upstream['statBlob']> {
    return this.#upstream.statBlob(repository, digest, call);
  }

  blob(repository: string, digest: Digest, call: BlobCall): Promise<UpstreamBody | undefined> {
    const meter = this.#meter(repository, 'blobs', call.priority);
    return this.#upstream.blob(repository, digest, { ...call, meter });
  }

  tags(repository: string, page: Page, call: Call): ReturnType<Upstream['tags']> {
    return this.#upstream.tags(repository, page, call);
  }

  referrers(repository: string, digest: Digest, call: Call): Promise<readonly ReferrerDescriptor[]> {
    return this.#upstream.referrers(repository, digest, call);
  }

  close(): Promise<void> {
    return this.#upstream.close();
  }

  /** What comes while nobody waits any more counts for the last one who did. */
  #meter(name: string, kind: Kind, priority?: () => Priority): Meter {
    const repository = { upstream: this.name, name };
    let as = this.#as;
    return {
      answered: () => this.#count.fetched(repository, kind),
      received: (bytes) => {
        const now = priority?.() ?? 'idle';
        if (now !== 'idle') as = now;
        this.#count.received(repository, kind, bytes, as);
      },
    };
  }
}
