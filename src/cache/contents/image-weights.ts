/**
 * How large each image is, and how much of it other images have too: all of them from one pass over the blobs beside their
 * parent edges, both sorted, because following each image by itself would read a shared layer once for every image.
 * Memory grows with images and manifests, not with blobs; for so many images that even this is much, it is not done.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { firstDigest, lastDigest, prefixes } from '../../catalog/keys.js';
import type { Root } from '../../catalog/records.js';
import type { PagedRecords } from '../../catalog/stored-records.js';
import { Breath } from '../../lib/async.js';
import type { Digest } from '../../oci/digest.js';
import { DigestSet } from '../collect/digest-set.js';
import { rootKey } from '../collect/retention.js';
import { Ahead } from './disk-usage.js';

export interface ImageWeight {
  readonly root: Root;
  /** Bytes of all its stored blobs, each once. */
  readonly size: number;
  /** Those of them that another image has too. */
  readonly shared: number;
}

const MOST_IMAGES = 200_000;

type Weighing = { -readonly [name in keyof ImageWeight]: ImageWeight[name] };

/** By `rootKey`; undefined when there are too many. */
export async function weighImages(
  catalog: Catalog,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ImageWeight> | undefined> {
  const { records } = catalog;
  const weights = new Map<string, Weighing>();
  const own = new Map<Digest, Weighing[]>();
  for await (const root of catalog.roots()) {
    if (weights.size === MOST_IMAGES) return undefined;
    const weight = { root, size: 0, shared: 0 };
    weights.set(rootKey(root), weight);
    own.set(root.digest, [...(own.get(root.digest) ?? []), weight]);
  }
  const having = imagesHaving(own, await indexesAbove(records, signal));
  const parents = new Ahead(records, prefixes.parents);
  const breath = new Breath();
  try {
    await parents.advance();
    for await (const [key, { size, unseen }] of records.scan(prefixes.blobs)) {
      if (breath.due) {
        await breath.take();
        signal.throwIfAborted();
      }
      const digest = firstDigest(key);
      let images = having(digest);
      while (parents.digest <= digest) {
        if (parents.digest === digest) images = union(images, having(lastDigest(parents.key)));
        await parents.advance();
      }
      if (unseen) continue;
      for (const image of images) {
        image.size += size;
        if (images.size > 1) image.shared += size;
      }
    }
  } finally {
    await parents.close();
  }
  return weights;
}

/** By manifest, the indexes that name it. */
async function indexesAbove(records: PagedRecords, signal: AbortSignal): Promise<ReadonlyMap<Digest, Digest[]>> {
  const manifests = new DigestSet();
  for await (const [key] of records.scan(prefixes.manifests)) manifests.add(firstDigest(key));
  const above = new Map<Digest, Digest[]>();
  for await (const [key, { children }] of records.scan(prefixes.manifests)) {
    signal.throwIfAborted();
    for (const child of children) {
      if (manifests.has(child)) above.set(child, [...(above.get(child) ?? []), firstDigest(key)]);
    }
  }
  return above;
}

const NONE: ReadonlySet<Weighing> = new Set();

/** The images that a manifest is or belongs to. Digests form no cycles, so asking above ends. */
function imagesHaving(
  own: ReadonlyMap<Digest, readonly Weighing[]>,
  above: ReadonlyMap<Digest, readonly Digest[]>,
): (manifest: Digest) => ReadonlySet<Weighing> {
  const known = new Map<Digest, ReadonlySet<Weighing>>();
  const having = (manifest: Digest): ReadonlySet<Weighing> => {
    const before = known.get(manifest);
    if (before) return before;
    const roots = own.get(manifest);
    const indexes = above.get(manifest);
    if (!roots && !indexes) return NONE;
    const images = (indexes ?? []).map(having).reduce(union, new Set(roots));
    known.set(manifest, images);
    return images;
  };
  return having;
}

function union<T>(one: ReadonlySet<T>, other: ReadonlySet<T>): ReadonlySet<T> {
  if (one.size === 0 || one === other) return other;
  return other.size === 0 ? one : new Set([...one, ...other]);
}
