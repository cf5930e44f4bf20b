/**
 * What the parts know of themselves at one moment, in plain numbers: what a scrape is made from. Whatever could not be read
 * just then is undefined and left out, because a number that cannot be had is no reason to give none.
 */
import type { CatalogHealth } from '../catalog/catalog.js';
import type { ScrubReport } from '../catalog/records.js';
import type { CollectorState } from '../cache/collect/collection.js';
import type { UpstreamState } from '../cache/doctor/upstream-states.js';
import type { Follower } from '../cache/flight.js';
import type { JobState } from '../cache/prefetch/prefetch.js';
import type { SinceStart } from '../cache/statistics/statistics.js';
import type { ErrorCode } from '../lib/errors.js';
import type { RequestTally } from '../upstream/request-tally.js';

export interface SeenUpstream extends UpstreamState {
  /** Undefined until something was pulled from it. */
  readonly counted: SinceStart | undefined;
  readonly requests: RequestTally | undefined;
}

/** Counts are since the start of the process, times in milliseconds since the epoch, sizes in bytes. */
export interface Seen {
  readonly at: number;
  readonly version: string;
  readonly ready: boolean;
  readonly upstreams: readonly SeenUpstream[];
  /** Answers to clients that were errors. */
  readonly errors: ReadonlyMap<ErrorCode, number>;
  readonly failedLogins: number;
  /** Ends of the listeners' certificates. */
  readonly certificates: Readonly<Record<'registry' | 'control', number | undefined>>;
  readonly flights: number;
  readonly followers: Readonly<Record<Follower, number>>;
  readonly passing: number;
  /** Unfinished now, and ended since the start. */
  readonly prefetches: ReadonlyMap<JobState, number>;
  readonly stored: { readonly blobs: number; readonly bytes: number } | undefined;
  readonly maxBytes: number;
  readonly spoolBytes: number;
  readonly freeBytes: number | undefined;
  readonly minFreeBytes: number;
  readonly quarantined: { readonly blobs: number; readonly bytes: number | undefined };
  readonly indexHealth: CatalogHealth;
  readonly indexBytes: number | undefined;
  readonly erased: { readonly blobs: number; readonly bytes: number };
  readonly collection: (CollectorState & { readonly failures: number }) | undefined;
  readonly scrub: ScrubReport | undefined;
  readonly flushes: { readonly at: number | undefined; readonly failures: number };
}
