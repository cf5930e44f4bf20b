/**
 * What the status page tells, at a moment. Repositories, digests and what failures say of them are told only to those who
 * may know: `withoutNames` takes them out before anything is rendered.
 */
import type { CollectorState } from '../../cache/collect/collection.js';
import type { Overview } from '../../cache/contents/overview.js';
import type { UpstreamState } from '../../cache/doctor/upstream-states.js';
import type { FlightState } from '../../cache/flight.js';
import type { JobState } from '../../cache/prefetch/prefetch.js';
import type { ScrubReport, StoredTotal } from '../../catalog/records.js';
import { referenceTo } from '../../cache/contents/image-reader.js';
import type { Counted } from './history.js';

/** Undefined is what could not be looked up, or not yet. */
export interface Status {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly version: string;
  /** Milliseconds since the start. */
  readonly uptime: number;
  /** Why no traffic should come, or undefined when it may. */
  readonly unready: string | undefined;
  /** Of the index. */
  readonly health: string;
  readonly stored: StoredTotal | undefined;
  /** Bytes: storage.maxSize, and storage.minFree. */
  readonly maxSize: number;
  readonly minFree: number;
  readonly counted: Counted | undefined;
  readonly fills: readonly Fill[];
  readonly overview: Overview | undefined;
  /** Bytes that the store grows by in a day; undefined before a whole day is recorded. */
  readonly growth: number | undefined;
  readonly upstreams: readonly UpstreamState[];
  readonly collection: CollectorState | undefined;
  readonly scrub: { readonly last: ScrubReport | undefined; readonly nextAt: number | undefined };
  readonly jobs: readonly JobStatus[] | undefined;
  /** Whether names are in it, could be after a login, or never are. */
  readonly names: 'shown' | 'after login' | 'never';
}

/** A blob that is being downloaded. */
export interface Fill {
  /** `upstream/repository@digest`; only the upstream without names. */
  readonly name: string;
  readonly received: number;
  readonly size: number | undefined;
  readonly clients: number;
  readonly prefetches: number;
}

export interface JobStatus {
  readonly id: string;
  readonly origin: 'request' | 'schedule';
  readonly state: JobState;
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
  /** As it was asked. */
  readonly asked: readonly string[];
  readonly images: number;
  readonly bytes: number;
  readonly bytesHere: number;
  readonly error: string | undefined;
}

export function fillOf({ repository, digest, received, size, followers }: FlightState): Fill {
  const name = referenceTo({ repository, digest, tag: undefined });
  return { name, received, size, clients: followers.live, prefetches: followers.prefetch };
}

export function withoutNames(status: Status, names: Exclude<Status['names'], 'shown'>): Status {
  const { fills, overview, jobs } = status;
  return {
    ...status,
    names,
    fills: fills.map((fill) => ({ ...fill, name: fill.name.split('/', 1)[0] ?? '' })),
    overview: overview && { ...overview, largest: overview.largest && [], leastUsed: [] },
    jobs: jobs?.map((job) => ({ ...job, asked: [], error: job.error && 'failed' })),
  };
}
