/** What a garbage collection is asked, and what it tells: the words that the collector and its callers share. */
import type { CollectionCounts, CollectionReport, CollectionTrigger } from '../../catalog/records.js';
import type { Digest } from '../../oci/digest.js';

export type { CollectionCounts, CollectionReport, CollectionTrigger } from '../../catalog/records.js';

/** `expired`: not pulled for `retention`. `evicted`: to make room, least recently pulled first. */
export type CollectionReason = 'expired' | 'evicted';

export interface CollectedImage {
  /** `upstream/repository:tag`, or `…@digest` for an untagged one. */
  readonly reference: string;
  readonly digest: Digest;
  readonly reason: CollectionReason;
  /** Bytes that go with it and nothing else: what dropping it frees at that point of the plan. */
  readonly bytes: number;
  /** Milliseconds since the epoch; undefined when never pulled. */
  readonly lastPulledAt?: number | undefined;
}

export type CollectionPhase = 'plan' | 'images' | 'sweep' | 'leftovers';

export type CollectionEvent =
  | { readonly kind: 'progress'; readonly phase: CollectionPhase; readonly counts: CollectionCounts }
  /** At most 500 at once. Each image is named once, when its root has been dropped or, in a dry run, chosen. */
  | { readonly kind: 'images'; readonly images: readonly CollectedImage[] }
  /** The last event. */
  | { readonly kind: 'report'; readonly report: CollectionReport };

export interface CollectorState {
  /** The run under way. */
  readonly running?:
    { readonly trigger: CollectionTrigger; readonly dryRun: boolean; readonly startedAt: number } | undefined;
  /** The last run that ended, dry ones apart. Kept over restarts. */
  readonly last?: CollectionReport | undefined;
  /** Milliseconds since the epoch; undefined without a schedule. */
  readonly nextAt?: number | undefined;
}

export interface Collector {
  /**
   * Throws ALREADY_RUNNING while another run, by cron or by anybody, is under way. An abort stops it after the batch in
   * hand: what is deleted stays so, all else stays whole, and the next run goes on.
   */
  run(options: { readonly dryRun: boolean }, signal: AbortSignal): AsyncIterable<CollectionEvent>;
  state(): Promise<CollectorState>;
}

/** The operator's: sizes in bytes, watermarks as shares of `maxSize`, durations in milliseconds. */
export interface CollectorPolicy {
  readonly maxSize: number;
  readonly highWatermark: number;
  readonly lowWatermark: number;
  readonly minFree: number;
  readonly gracePeriod: number;
  readonly retention: number;
}
