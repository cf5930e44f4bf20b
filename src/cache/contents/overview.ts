/**
 * What a page tells of the stored images: the largest, the least recently pulled, what they share, and which of them the
 * next eviction would take. It reads the index once through, so it is for an answer that is kept for a while, not for
 * every question.
 */
import type { Catalog } from '../../catalog/catalog.js';
import type { Root } from '../../catalog/records.js';
import { planEviction, type EvictionPlan } from '../collect/eviction-plan.js';
import { PLAN } from '../collect/eviction.js';
import type { CollectorPolicy } from '../collect/collection.js';
import { named, Retention, rootKey, type RetentionParts } from '../collect/retention.js';
import type { DiskUsage } from './contents.js';
import { referenceTo } from './image-reader.js';
import { weighImages, type ImageWeight } from './image-weights.js';

export interface ListedImage {
  /** `upstream/repository:tag`, or `…@digest` for an untagged one. */
  readonly reference: string;
  /** Bytes of all its stored blobs, each once; and those of them that other images have too. Undefined when not weighed. */
  readonly size: number | undefined;
  readonly shared: number | undefined;
  /** Milliseconds since the epoch; undefined when it was never pulled. */
  readonly lastPulledAt: number | undefined;
  readonly pulls: number;
  /** Bytes that the next eviction frees by taking it; undefined when it does not. */
  readonly frees?: number | undefined;
}

export interface Overview {
  /** Milliseconds since the epoch: when it was looked up. */
  readonly at: number;
  readonly usage: DiskUsage;
  /** Undefined when there are too many images to weigh. */
  readonly largest: readonly ListedImage[] | undefined;
  /** Of those that may leave: neither pinned nor needed by a job. */
  readonly leastUsed: readonly ListedImage[];
  /** Its images are only counted: the first of them are the least used ones. */
  readonly plan: Omit<EvictionPlan, 'images'> & { readonly images: number };
}

export interface OverviewParts extends RetentionParts {
  readonly policy: CollectorPolicy;
  readonly diskUsage: (signal: AbortSignal) => Promise<DiskUsage>;
  readonly now: () => number;
}

const LISTED = 10;
/** Images that the next eviction is thought through to. */
const PLANNED = 256;

export async function overview(parts: OverviewParts, signal: AbortSignal): Promise<Overview> {
  const { catalog, policy, diskUsage, now } = parts;
  const at = now();
  const usage = await diskUsage(signal);
  const weights = await weighImages(catalog, signal);
  const victims = await new Retention(parts).leastRecent(PLAN, () => true);
  signal.throwIfAborted();
  const used = usage.bytes + usage.spoolBytes;
  const plan = await planEviction({ ...parts, policy, used, victims, most: PLANNED, signal });
  const frees = new Map(plan.images.map(({ reference, bytes }) => [reference, bytes]));
  const listed = async (roots: readonly Root[]) => {
    const images = await list(catalog, roots, weights);
    return images.map((image) => ({ ...image, frees: frees.get(image.reference) }));
  };
  return {
    at,
    usage,
    largest: weights && (await listed(heaviest(weights))),
    leastUsed: await listed(victims.slice(0, LISTED).map(({ root }) => root)),
    plan: { ...plan, images: plan.images.length },
  };
}

async function list(
  catalog: Catalog,
  roots: readonly Root[],
  weights: ReadonlyMap<string, ImageWeight> | undefined,
): Promise<readonly Omit<ListedImage, 'frees'>[]> {
  const images = await named(
    catalog,
    roots.map((root) => ({ root, lastPulledAt: 0, chosenAt: 0 })),
  );
  return Promise.all(
    images.map(async ({ root, tags: [tag] }) => {
      const { repository, digest } = root;
      const pulls = await catalog.pullsOf(repository, digest);
      const { size, shared } = weights?.get(rootKey(root)) ?? { size: undefined, shared: undefined };
      return {
        reference: referenceTo({ repository, digest, tag }),
        size,
        shared,
        lastPulledAt: pulls > 0 ? (await catalog.lastUse(repository, digest))?.at : undefined,
        pulls,
      };
    }),
  );
}

const heaviest = (weights: ReadonlyMap<string, ImageWeight>): readonly Root[] =>
  [...weights.values()]
    .sort((a, b) => b.size - a.size)
    .slice(0, LISTED)
    .map(({ root }) => root);
