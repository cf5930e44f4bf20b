/** What is counted, of one repository in one hour or of many together, and how it is written down. */
import type { HourRecord } from '../../catalog/records.js';

/** Of manifests, or of blobs. Every request has exactly one outcome. */
export interface Counts {
  readonly hits: number;
  readonly misses: number;
  readonly collapsed: number;
  readonly revalidated: number;
  readonly stale: number;
  readonly bypassed: number;
  /** Bytes of bodies sent to clients. */
  readonly bytesServed: number;
  /** Bytes of bodies received from upstream for clients' requests. */
  readonly bytesFromUpstream: number;
  /** Bytes of bodies received from upstream for prefetch jobs. */
  readonly bytesPrefetched: number;
  /** GETs that upstream answered with a body, for clients and prefetch jobs. Of manifests: what registries call a pull, and limit. */
  readonly upstreamGets: number;
  /** GETs of clients that were answered without a GET upstream. Of manifests: the pulls that were saved. */
  readonly savedGets: number;
}

export interface Tally {
  readonly manifests: Counts;
  readonly blobs: Counts;
}

export type Kind = keyof Tally;

/** The same, to count on. */
export type Counters = { -readonly [name in keyof Counts]: number };
export interface Counting extends Tally {
  readonly manifests: Counters;
  readonly blobs: Counters;
}

/** The order of the numbers in an hour's record. New ones go to the end: what an old record lacks is 0. */
const WRITTEN = [
  'hits',
  'misses',
  'collapsed',
  'revalidated',
  'stale',
  'bypassed',
  'bytesServed',
  'bytesFromUpstream',
  'bytesPrefetched',
  'upstreamGets',
  'savedGets',
] as const satisfies readonly (keyof Counts)[];

export const nothing = (): Counting => ({ manifests: zero(), blobs: zero() });

export function add(to: Counting, tally: Tally): void {
  for (const kind of ['manifests', 'blobs'] as const) for (const name of WRITTEN) to[kind][name] += tally[kind][name];
}

export function sum(...tallies: readonly Tally[]): Tally {
  const total = nothing();
  for (const tally of tallies) add(total, tally);
  return total;
}

export const toRecord = ({ manifests, blobs }: Tally): HourRecord => ({
  manifests: WRITTEN.map((name) => manifests[name]),
  blobs: WRITTEN.map((name) => blobs[name]),
});

export const fromRecord = (record: HourRecord): Tally => ({
  manifests: named(record.manifests),
  blobs: named(record.blobs),
});

export interface Ratios {
  readonly requests: number;
  /** From 0 to 1; 0 without requests. */
  readonly hitRatio: number;
  /** From 0 to 1; 0 when nothing was served. */
  readonly byteHitRatio: number;
}

/** Of manifests and blobs together. What they mean: docs/statistics.md. */
export function ratiosOf({ manifests, blobs }: Tally): Ratios {
  const of = (name: keyof Counts): number => manifests[name] + blobs[name];
  const saved = of('hits') + of('revalidated') + of('stale') + of('collapsed');
  const requests = saved + of('misses') + of('bypassed');
  const served = of('bytesServed');
  return {
    requests,
    hitRatio: requests === 0 ? 0 : saved / requests,
    byteHitRatio: served === 0 ? 0 : Math.max(0, 1 - of('bytesFromUpstream') / served),
  };
}

function named(numbers: readonly number[]): Counters {
  const counters = zero();
  for (const [index, name] of WRITTEN.entries()) counters[name] = numbers[index] ?? 0;
  return counters;
}

const zero = (): Counters => ({
  hits: 0,
  misses: 0,
  collapsed: 0,
  revalidated: 0,
  stale: 0,
  bypassed: 0,
  bytesServed: 0,
  bytesFromUpstream: 0,
  bytesPrefetched: 0,
  upstreamGets: 0,
  savedGets: 0,
});
