/** What the index says: the value behind each kind of key in keys.ts. Times are milliseconds since the Unix epoch. */
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { Tag, TagOrDigest } from '../oci/reference.js';

/** When upstream last said so, and the running time then, in milliseconds. */
export interface Checked {
  readonly checkedAt: number;
  readonly ran: number;
}

export interface TagRecord extends Checked {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  /** When upstream first said that the tag points here. */
  readonly fetchedAt: number;
  /** Pointed here by an operator's import: no stale limit. */
  readonly imported?: true;
}

/** Where a tag pointed before it moved on. */
export interface PastTag {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly from: number;
  readonly until: number;
}

/** An upstream that the bytes came through, and whether anybody could have had them there. */
export interface Provenance {
  readonly upstream: string;
  readonly public: boolean;
}

export interface BlobRecord {
  readonly size: number;
  readonly mediaType: string;
  readonly storedAt: number;
  /** The running time when it was last stored or recovered, in milliseconds: what age is measured in. */
  readonly ran: number;
  readonly via: readonly Provenance[];
  /** When a rebuild of the index found it in the store. Without an edge it is kept for `retention` from then on. */
  readonly recoveredAt?: number;
  /** What `ran` was before that, where a snapshot told. */
  readonly ranBefore?: number;
  /** Read from a snapshot; whether the bytes are there is not known yet. Gone when the rebuild ends. */
  readonly unseen?: true;
}

export interface LinkRecord extends Checked {
  /** What a manifest is here: the same bytes may be called otherwise elsewhere. Undefined for what came as a blob. */
  readonly mediaType?: string;
  /** Granted by an operator's import: no stale limit. */
  readonly imported?: true;
}

/** What a stored manifest names. Kept apart from its bytes so that edges can be removed without reading them. */
export interface ManifestRecord {
  readonly children: readonly Digest[];
  readonly subject?: Digest;
}

export interface RootRecord {
  /** `digest`-made roots give way to those of a parent that is stored later. */
  readonly by: 'tag' | 'digest';
  readonly at: number;
}

export interface UseRecord {
  /** How often a manifest request named it. */
  readonly pulls?: number;
  readonly at: number;
  /** The running time then, in milliseconds: what age is measured in. */
  readonly ran: number;
}

/** All blob records together. */
export interface StoredTotal {
  readonly blobs: number;
  readonly bytes: number;
}

/** `schedule`: cron. `room`: too much was stored. */
export type CollectionTrigger = 'request' | 'schedule' | 'room';

export interface CollectionCounts {
  readonly scannedBlobs: number;
  readonly reachableBlobs: number;
  /** Deleted, or in a dry run: would be. */
  readonly sweptBlobs: number;
  readonly sweptBytes: number;
  /** Never referenced by a manifest and younger than gracePeriod. */
  readonly keptByGrace: number;
  /** Files without a record, and spools that nobody fills. */
  readonly leftoverFiles: number;
  readonly leftoverBytes: number;
}

/** What a garbage collection did. */
export interface CollectionReport extends CollectionCounts {
  readonly dryRun: boolean;
  readonly trigger: CollectionTrigger;
  readonly startedAt: number;
  readonly durationMs: number;
  /** How many images went, or would go. Which ones is told while it runs. */
  readonly images: number;
}

/** What the last scheduled scrub found. */
export interface ScrubReport {
  readonly startedAt: number;
  readonly durationMs: number;
  readonly checked: number;
  readonly bytes: number;
  readonly corrupt: number;
}

/** How many bytes were stored at a time. */
export type StoredSample = readonly [at: number, bytes: number];

export interface PinRecord {
  readonly at: number;
}

export interface EpochRecord {
  readonly epoch: number;
  readonly format: number;
}

/** `snapshot`: its records are being restored, nothing is served yet. `survey`: they are; stored bytes are being looked at. */
export interface RebuildRecord {
  readonly stage: 'snapshot' | 'survey';
}

export interface Pin {
  readonly repository: Repository;
  readonly reference: TagOrDigest;
  readonly at: number;
  /** What is pinned at present; undefined for a tag that is not known. */
  readonly digest: Digest | undefined;
}

export interface Root extends RootRecord {
  readonly repository: Repository;
  readonly digest: Digest;
}

export interface TagEntry extends TagRecord {
  readonly repository: Repository;
  readonly tag: Tag;
}

/** What was counted for one repository in one hour. Numbers in a fixed order, because there are many such records. */
export interface HourRecord {
  readonly manifests: readonly number[];
  readonly blobs: readonly number[];
}

export interface HourEntry extends HourRecord {
  /** When the hour begins. */
  readonly at: number;
  readonly repository: Repository;
}

/** A prefetch job. What it is asked for stays text, as it was said. */
export interface JobRecord {
  readonly id: string;
  readonly images: readonly string[];
  readonly platforms: readonly string[];
  readonly allPlatforms: boolean;
  readonly attestations: boolean;
  readonly signatures: boolean;
  readonly referrers: boolean;
  readonly origin: 'request' | 'schedule';
  readonly requestId?: string;
  readonly state: JobState;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** Patterns have become images: the job's image records are there. */
  readonly expanded?: true;
  readonly error?: JobError;
}

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** Why something of a job failed. */
export interface JobError {
  /** A row of the error table. */
  readonly code: string;
  /** A line for people. */
  readonly message: string;
}

export interface JobImageRecord {
  readonly reference: string;
  readonly digest?: Digest;
  readonly platforms: readonly string[];
  readonly state: JobState;
  readonly blobs: number;
  readonly bytesTotal: number;
  readonly bytesFetched: number;
  readonly bytesReused: number;
  readonly error?: JobError;
}

export interface JobBlobRecord {
  readonly digest: Digest;
  readonly size: number;
  readonly received: number;
  /** `reused`: it was here before, or another image of the job brings it. */
  readonly state: JobState | 'reused';
  /** Whether it is this image, of all in the job, that counts it. */
  readonly counted: boolean;
}
