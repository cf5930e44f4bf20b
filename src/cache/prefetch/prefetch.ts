/**
 * What prefetch is asked, and what it tells: the words that the prefetcher and its callers share. A job brings images here
 * before anybody pulls them. It belongs to nobody: it outlives the call that made it, and any number of callers watch it.
 */
import type { JobError, JobState } from '../../catalog/records.js';
import type { Page, PageRequest } from '../../lib/page.js';
import type { Digest } from '../../oci/digest.js';
import type { ImagePattern } from '../../oci/image-pattern.js';
import type { ImageReference } from '../../oci/reference.js';

export type { JobError, JobState } from '../../catalog/records.js';

/** Which of an index's images are meant. */
export interface PlatformChoice {
  /** `OS/ARCHITECTURE[/VARIANT]`. Empty and not `all`: the platform this daemon runs on, as a plain pull would choose. */
  readonly platforms: readonly string[];
  readonly all: boolean;
}

export interface PrefetchSpec {
  readonly images: readonly ImagePattern[];
  readonly platforms: PlatformChoice;
  /** The index's attestation manifests (provenance, SBOM) of the chosen platforms. */
  readonly attestations: boolean;
  /** cosign's `sha256-<hex>.sig`, `.att` and `.sbom` tags. */
  readonly signatures: boolean;
  /** What the referrers API lists for the image and its chosen platforms. */
  readonly referrers: boolean;
}

export interface LayerProgress {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Bytes that are here, 0 to `size`. */
  readonly received: number;
  /** `reused`: it was here before, or comes with another image of the job, which counts it. */
  readonly state: JobState | 'reused';
}

export interface PrefetchedImage {
  /** The full reference, with the tag a pattern found. */
  readonly reference: string;
  /** Once resolved. */
  readonly digest?: Digest | undefined;
  readonly platforms: readonly string[];
  readonly state: JobState;
  /** Manifests, configs and layers, each counted once in a job. */
  readonly blobs: number;
  /** Bytes of these, as far as they are known. */
  readonly bytesTotal: number;
  /** Bytes that came from upstream for this job, manifests included. */
  readonly bytesFetched: number;
  /** Bytes that were here already, manifests included. */
  readonly bytesReused: number;
  /** Also configs and manifests below an index. An image that has not changed since the last snapshot keeps this very array. */
  readonly layers: readonly LayerProgress[];
  /** Why it failed. */
  readonly error?: JobError | undefined;
}

/** The job waits, because going on would use up what the upstream still lets clients pull. */
export interface HeldBack {
  readonly upstream: string;
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds since the epoch: when it is looked at again. */
  readonly until: number;
}

export interface PrefetchJob {
  readonly id: string;
  readonly spec: PrefetchSpec;
  readonly origin: 'request' | 'schedule';
  readonly state: JobState;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  /** One that has not changed since the last snapshot is the same object: watchers are sent only what changed. */
  readonly images: readonly PrefetchedImage[];
  readonly heldBack?: HeldBack | undefined;
  /** Why the job failed as a whole; what a single image failed of is with that image. */
  readonly error?: JobError | undefined;
}

export interface PlannedImage {
  readonly reference: string;
  readonly digest: Digest;
  readonly platforms: readonly string[];
  readonly blobs: number;
  readonly bytesTotal: number;
  /** Bytes that would be fetched. A blob of several images is missing in the first of them only. */
  readonly bytesMissing: number;
}

export interface MissingBlob {
  readonly digest: Digest;
  /** Bytes; undefined for what only a missing manifest could tell. */
  readonly size?: number | undefined;
  readonly mediaType: string;
  /** `unlinked`: the bytes are here but this repository may not serve them yet. */
  readonly why: 'absent' | 'unlinked';
}

/** Whether a pull would succeed with every upstream gone. */
export interface OfflineReport {
  readonly reference: string;
  /** Undefined when not even the tag is known. */
  readonly digest?: Digest | undefined;
  readonly platforms: readonly string[];
  readonly whole: boolean;
  readonly missing: readonly MissingBlob[];
}

export interface Prefetches {
  /**
   * Queues a job, durably. The same `requestId` with the same spec gives the job it made before; with another spec it
   * throws REQUEST_ID_REUSED. Throws NAME_UNKNOWN for an upstream that is not configured, OVERLOADED for too many jobs.
   */
  create(spec: PrefetchSpec, requestId?: string): Promise<PrefetchJob>;
  /** What a job would do. Asks upstream for tags and manifests, fetches no layer. Throws what an image fails of, naming it. */
  plan(spec: PrefetchSpec, signal: AbortSignal): Promise<readonly PlannedImage[]>;
  get(id: string): Promise<PrefetchJob | undefined>;
  /** Newest first. `states` empty: all. */
  list(states: readonly JobState[], page: PageRequest): Promise<Page<PrefetchJob>>;
  /**
   * The job now, again after every change, and at last as it ended. Latest wins: a slow reader misses snapshots in
   * between, never the last, and slows nobody. Undefined for an unknown job.
   */
  watch(id: string, signal: AbortSignal): Promise<AsyncIterable<PrefetchJob> | undefined>;
  /** Ends a job that has not ended; what it fetched stays. Resolves when nothing of it runs any more. */
  cancel(id: string): Promise<PrefetchJob | undefined>;
  /** Asks no upstream. Throws PLATFORM_UNKNOWN for one that the index lacks. */
  offline(image: ImageReference, platforms: PlatformChoice, signal: AbortSignal): Promise<OfflineReport>;
}
