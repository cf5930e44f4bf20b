/** Jobs as they are asked for, as they are kept, and as they are told. */
import type { JobRecord } from '../../catalog/records.js';
import { formatImagePattern, parseImagePattern } from '../../oci/image-pattern.js';
import type { PrefetchedImage, PrefetchJob, PrefetchSpec } from './prefetch.js';

type SpecRecord = Pick<
  JobRecord,
  'images' | 'platforms' | 'allPlatforms' | 'attestations' | 'signatures' | 'referrers'
>;

/** The same text for the same spec. */
export const specText = (record: SpecRecord): string => {
  const { images, platforms, allPlatforms, attestations, signatures, referrers } = record;
  return JSON.stringify([images, platforms, allPlatforms, attestations, signatures, referrers]);
};

export const specRecord = (spec: PrefetchSpec): SpecRecord => ({
  images: spec.images.map(formatImagePattern),
  platforms: spec.platforms.platforms,
  allPlatforms: spec.platforms.all,
  attestations: spec.attestations,
  signatures: spec.signatures,
  referrers: spec.referrers,
});

export const specOf = (record: SpecRecord): PrefetchSpec => ({
  images: record.images.map(parseImagePattern),
  platforms: { platforms: record.platforms, all: record.allPlatforms },
  attestations: record.attestations,
  signatures: record.signatures,
  referrers: record.referrers,
});

export function jobOf(record: JobRecord, images: readonly PrefetchedImage[]): PrefetchJob {
  const { id, origin, state, createdAt, startedAt, finishedAt, error } = record;
  return { id, spec: specOf(record), origin, state, createdAt, startedAt, finishedAt, images, error };
}
