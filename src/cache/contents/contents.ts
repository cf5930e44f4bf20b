/**
 * What an operator is told of the stored images, and may do with them: the words that the parts of this folder which do it
 * share with their callers. Sizes are of blobs as they travel and are stored, which for layers means compressed.
 */
import type { Page, PageRequest } from '../../lib/page.js';
import type { Digest } from '../../oci/digest.js';
import type { ImageReference } from '../../oci/reference.js';
import type { Explanation, ExplainTarget } from './explanation.js';

export interface ImageQuery {
  readonly upstream?: string | undefined;
  /** A repository's name, or a pattern of names such as `library/*`. */
  readonly repository?: string | undefined;
  /** Only images that no tag points to any more, or that were only ever pulled by digest. */
  readonly untagged: boolean;
  /** Milliseconds since the epoch: only images not pulled since then. */
  readonly pulledBefore?: number | undefined;
}

/** An image is a root: what somebody asked for by name or by digest. A tag that moved on leaves an untagged one. */
export interface StoredImage {
  readonly upstream: string;
  readonly repository: string;
  /** Undefined for an untagged one. */
  readonly tag?: string | undefined;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Of the stored manifests, `OS/ARCHITECTURE[/VARIANT]`, sorted; `unknown` left out. */
  readonly platforms: readonly string[];
  /** Bytes of all its stored blobs, compressed as they travel, each once. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number;
  readonly lastPulledAt?: number | undefined;
  /** How often a manifest request named it, since statistics began. */
  readonly pulls: number;
  readonly pinned: boolean;
}

export interface InspectedLayer {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes, compressed. */
  readonly size: number;
  readonly stored: boolean;
  /** Other stored images that have it, as references; at most 20. */
  readonly sharedWith: readonly string[];
  /** How many there are in all. */
  readonly sharedCount: number;
}

/** As `docker history` shows it, oldest first. Source: OCI image specification, config.md "history". */
export interface HistoryEntry {
  readonly createdAt?: number | undefined;
  readonly createdBy: string;
  readonly comment: string;
  readonly emptyLayer: boolean;
  /** The layer it made. */
  readonly layer?: Digest | undefined;
  /** Bytes of that layer, compressed; 0 without one. */
  readonly size: number;
}

export interface InspectedPlatform {
  /** Empty for an artifact that names none. */
  readonly platform: string;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Whether its manifest is stored; without it nothing below is known. */
  readonly stored: boolean;
  /** Whether all of its blobs are stored and linked: a pull needs no upstream. */
  readonly whole: boolean;
  /** Bytes: manifest, config and layers, compressed. */
  readonly size: number;
  readonly createdAt?: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly layers: readonly InspectedLayer[];
  readonly history: readonly HistoryEntry[];
}

export interface PastDigest {
  readonly digest: Digest;
  /** Milliseconds since the epoch: when the tag was seen to point here, and when it was seen to have moved on. */
  readonly from: number;
  readonly until: number;
  readonly stored: boolean;
}

export interface InspectedImage extends StoredImage {
  /** When upstream last said that the tag points here. */
  readonly checkedAt?: number | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  readonly images: readonly InspectedPlatform[];
  /** Attestations, signatures and other referrers that are stored. */
  readonly referrers: readonly { readonly digest: Digest; readonly artifactType: string; readonly size: number }[];
  /** Newest first. */
  readonly past: readonly PastDigest[];
}

export type { Explanation, ExplainTarget } from './explanation.js';

export interface Evicted {
  readonly digest: Digest;
  readonly blobs: number;
  readonly bytes: number;
  /** Blobs that stayed because other images need them. */
  readonly keptBlobs: number;
  readonly keptBytes: number;
}

export interface DiskUsage {
  readonly blobs: number;
  readonly bytes: number;
  /** storage.maxSize. */
  readonly maxBytes: number;
  readonly images: number;
  /** Of blobs that more than one image has, each once. */
  readonly sharedBytes: number;
  /** Of blobs that exactly one image has. */
  readonly uniqueBytes: number;
  /** Of blobs that no image has. */
  readonly reclaimableBytes: number;
  /** Fills under way and partial ones. */
  readonly spoolBytes: number;
  readonly quarantinedBytes: number;
  /** Of the file system. */
  readonly freeBytes: number;
}

/** Everything, one image with all that it names, or one blob. */
export type VerifyTarget =
  | { readonly kind: 'all' }
  | { readonly kind: 'image'; readonly image: ImageReference }
  | { readonly kind: 'blob'; readonly digest: Digest };

export interface CorruptBlob {
  readonly digest: Digest;
  /**
   * `refetched`: quarantined, and good bytes are here again. `quarantined`: they could not be fetched now; the next pull
   * will. `missing`: a record without bytes; the record went.
   */
  readonly action: 'quarantined' | 'refetched' | 'missing';
  /** Why it could not be fetched, for people. */
  readonly message?: string | undefined;
}

export interface VerifyCounts {
  readonly checked: number;
  readonly bytes: number;
}

export type VerifyEvent =
  /** `total…`: as far as it is known beforehand. */
  | {
      readonly kind: 'progress';
      readonly counts: VerifyCounts;
      readonly totalBlobs: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'corrupt'; readonly blob: CorruptBlob }
  /** The last event. */
  | { readonly kind: 'done'; readonly counts: VerifyCounts; readonly durationMs: number };

export interface ImageArchive {
  /** Of the whole archive. */
  readonly bytes: number;
  /** An OCI image layout in a tar file. Throws BLOB_CORRUPT rather than let out a wrong byte as if it were right. */
  readonly chunks: AsyncIterable<Buffer>;
}

export interface ImportedImage {
  readonly reference: string;
  readonly digest: Digest;
  readonly blobs: number;
  /** Bytes that were new here, and that were here already. */
  readonly bytesAdded: number;
  readonly bytesReused: number;
}

/** Where an image that must be here is not, IMAGE_UNKNOWN is thrown, with the reference. */
export interface Contents {
  /** Sorted by upstream, repository, tag, digest. */
  list(query: ImageQuery, page: PageRequest): Promise<Page<StoredImage>>;
  inspect(image: ImageReference, signal: AbortSignal): Promise<InspectedImage>;
  /** Of what is not here, too. Throws NAME_UNKNOWN and NOT_PERMITTED for what is not to be had here at all. */
  explain(target: ExplainTarget, signal: AbortSignal): Promise<Explanation>;
  /** A pin on a tag follows the tag; on a digest it holds that. Pinning what is pinned changes nothing. */
  pin(image: ImageReference): Promise<StoredImage>;
  unpin(image: ImageReference): Promise<StoredImage>;
  /** Drops the root and deletes now what nothing else needs. Throws IMAGE_PINNED unless unpinned before. */
  evict(image: ImageReference, signal: AbortSignal): Promise<Evicted>;
  diskUsage(signal: AbortSignal): Promise<DiskUsage>;
  /** `rate`: bytes a second; undefined: scrub.rate. */
  verify(target: VerifyTarget, rate: number | undefined, signal: AbortSignal): AsyncIterable<VerifyEvent>;
  /** Throws IMAGE_INCOMPLETE when not everything of an image's chosen platforms is stored. `platforms` empty: all that are stored whole. */
  export(images: readonly ImageReference[], platforms: readonly string[], signal: AbortSignal): Promise<ImageArchive>;
  /**
   * Reads an OCI image layout. Every blob is verified on its way in. An image's reference is `as` (for an archive of one
   * image), else the annotation `org.opencontainers.image.ref.name` or containerd's `io.containerd.image.name`.
   * Throws ARCHIVE_INVALID, also for an archive that lacks what it names: one whose sender broke off may just end, and
   * `signal` is aborted only a moment later.
   */
  import(
    archive: AsyncIterable<Buffer>,
    as: ImageReference | undefined,
    signal: AbortSignal,
  ): Promise<readonly ImportedImage[]>;
}
