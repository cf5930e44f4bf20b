/**
 * The port to a registry that images come from. Absence (404, and 401 with nothing better to try) is `undefined`; every
 * other failure is an AppError: DENIED (403), UPSTREAM_RATE_LIMITED, UPSTREAM_UNAVAILABLE, UPSTREAM_UNREACHABLE,
 * UPSTREAM_TIMEOUT, UPSTREAM_CREDENTIALS, UPSTREAM_FORBIDDEN_ADDRESS, UPSTREAM_INVALID; OVERLOADED when no connection of ours
 * became free, DRAINING after `close`. An aborted call fails with its signal's reason.
 */
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { TagOrDigest } from '../oci/reference.js';
import type { BreakerState } from './breaker.js';
import type { RateLimit } from './rate-limit.js';

export interface Call {
  readonly signal: AbortSignal;
  /** How long a metadata call may take in all, in milliseconds, when shorter than the upstream's own limits. */
  readonly timeout?: number;
  readonly meter?: Meter;
}

/** Who waits for a body: a client, a prefetch job, or nobody any more. The first are served first. */
export type Priority = 'live' | 'prefetch' | 'idle';

/** Is told of what a call transfers. */
export interface Meter {
  /** Upstream has answered a GET of a manifest or blob with a body; once, also for a blob that comes in pieces. */
  answered(): void;
  /** So many more bytes of it have come, wanted or not. */
  received(bytes: number): void;
}

export interface BlobCall extends Call {
  /** First byte wanted; 0 without it. */
  readonly offset?: number;
  /** First byte no longer wanted; the blob's end without it. */
  readonly end?: number;
  /**
   * The body goes straight to one client, at that client's pace: it takes none of the slots that fills wait for, so that
   * slow clients hold up nobody. Whoever sets it bounds how many there are.
   */
  readonly paced?: boolean;
  /** Asked again whenever a slot falls free, so a flight that a client joins moves up. */
  readonly priority: () => Priority;
}

export interface UpstreamBody {
  /** Of the whole blob, in bytes; undefined when upstream did not say. */
  readonly size: number | undefined;
  /** Fetched without credentials from a public address: anybody could have had these bytes. */
  readonly public: boolean;
  /**
   * The bytes from `offset` on, also when upstream ignored the Range (what comes before is discarded). Throws AppError
   * when the transfer breaks, stalls, or ends short of the announced length. Each chunk is fresh memory.
   * CANCELLED 'yielded' (also from `blob` itself) means that the slot of an idle fill went to a client.
   */
  readonly bytes: AsyncIterable<Buffer>;
  /** Frees the connection and its slot at once. Idempotent; must be called when `bytes` is not read to its end. */
  destroy(): void;
}

export interface RawManifest extends Descriptor {
  readonly bytes: Buffer;
  readonly public: boolean;
}

export interface Page {
  /** At most 1000. */
  readonly n?: number;
  /** Where to go on: the `next` of another page, or a tag. */
  readonly last?: string;
}

export interface TagPage {
  /** Sorted, without duplicates, nulls and digests. */
  readonly tags: readonly string[];
  /** Undefined when there are no more. */
  readonly next?: string | undefined;
}

export interface UpstreamStatus {
  readonly breaker: BreakerState;
  /** As the last answer's headers told, as far as that still holds; undefined when none ever did. */
  readonly rateLimit: RateLimit | undefined;
  /** After a 429: until when it had us wait, in milliseconds since the epoch. */
  readonly heldBackUntil?: number | undefined;
  /** Undefined when it is asked anonymously. */
  readonly credential: CredentialState | undefined;
}

/** What upstream is logged in to with. */
export interface CredentialState {
  /** In a few words and without a secret: `user alice`. */
  readonly about: string;
  /** When the one in use ends, in milliseconds since the epoch; undefined when it does not, or none was needed yet. */
  readonly until: number | undefined;
  /** Why logging in failed when it was last tried; undefined when it did not. */
  readonly failure: string | undefined;
}

export interface Upstream {
  readonly name: string;
  /** As of now, without asking. */
  status(): UpstreamStatus;
  /** HEAD of a manifest; where upstream refuses HEAD or omits the digest, a GET. */
  resolve(repository: string, reference: TagOrDigest, call: Call): Promise<Descriptor | undefined>;
  /** At most 4 MiB; `digest` is computed from the bytes, and equals `reference` when that is a digest. */
  manifest(repository: string, reference: TagOrDigest, call: Call): Promise<RawManifest | undefined>;
  /** HEAD of a blob; where HEAD is refused, the headers of a GET. `size` is undefined when upstream did not say. */
  statBlob(repository: string, digest: Digest, call: Call): Promise<{ readonly size: number | undefined } | undefined>;
  /** Throws RANGE_INVALID when upstream answers 416 to `offset`. */
  blob(repository: string, digest: Digest, call: BlobCall): Promise<UpstreamBody | undefined>;
  tags(repository: string, page: Page, call: Call): Promise<TagPage | undefined>;
  /** From the API or the fallback tag; an empty list when there are none. */
  referrers(repository: string, digest: Digest, call: Call): Promise<readonly ReferrerDescriptor[]>;
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface ReferrerDescriptor extends Descriptor {
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}
