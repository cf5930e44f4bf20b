/** Images go: chosen ones together, or the least recently pulled until enough is freed. */
import type { Catalog } from '../../catalog/catalog.js';
import type { Erased } from '../../catalog/edges.js';
import { keys } from '../../catalog/keys.js';
import { slices } from '../../lib/page.js';
import { formatImageReference } from '../../oci/reference.js';
import type { Digest } from '../../oci/digest.js';
import type { RemovedImage } from '../recollection.js';
import type { CollectedImage, CollectionReason } from './collection.js';
import { cascadeFrom, TURN, type Eraser } from './eraser.js';
import { named, type NamedVictim, type Retention, type Victim } from './retention.js';

/** Images that go together: their roots in one turn, and what they alone need in few. */
export const BATCH = 64;
/** Images chosen from one look at all roots. */
export const PLAN = 10_000;

export interface Dropping {
  readonly catalog: Catalog;
  readonly eraser: Eraser;
  /** Called for each image that goes. */
  readonly removed: (image: RemovedImage, reason: CollectionReason) => void;
  /** Called for each digest that goes. */
  readonly gone: (erased: Erased) => void;
  /** Given when a sweep follows: it finds what was freed much faster than each can be looked up. */
  readonly sweep?: {
    /** Bytes of this digest when it takes it, once nothing needs it; else undefined. */
    readonly takes: (freed: Digest) => Promise<number | undefined>;
    /** Called with the bytes of what is left to it. */
    readonly left: (bytes: number) => void;
  };
}

/** Drops the images that may still go, with all that nothing else needs. Resolves to them. */
export async function dropImages(
  { catalog, eraser, removed, gone, sweep }: Dropping,
  victims: readonly Victim[],
  reason: CollectionReason,
): Promise<readonly CollectedImage[]> {
  const dropped = await eraser.dropRoots(await named(catalog, victims));
  for (const { root, tags } of dropped) removed({ ...root, tags }, reason);
  /** By the place among those dropped. */
  const bytes = new Map<number, number>();
  const count = (size: number, owner: number) => bytes.set(owner, (bytes.get(owner) ?? 0) + size);
  /** With the last of the images that named them. */
  const left = new Map<Digest, { readonly size: number; readonly owner: number }>();
  await cascadeFrom(dropped, catalog.records, {
    eraser,
    gone: (erased, owner) => {
      count(erased.size ?? 0, owner);
      gone(erased);
    },
    leave:
      sweep &&
      (async (freed, owner) => {
        const size = await sweep.takes(freed);
        if (size !== undefined) left.set(freed, { size, owner: Math.max(owner, left.get(freed)?.owner ?? owner) });
        return size !== undefined;
      }),
  });
  for (const some of slices([...left], TURN)) {
    await Promise.all(
      some.map(async ([digest, { size, owner }]) => {
        if (await isNamed(catalog, eraser, digest)) return;
        count(size, owner);
        sweep?.left(size);
      }),
    );
  }
  return dropped.map((victim, index) => ({
    reference: referenceOf(victim),
    digest: victim.root.digest,
    reason,
    bytes: bytes.get(index) ?? 0,
    lastPulledAt: victim.lastPulledAt,
  }));
}

export interface Eviction extends Dropping {
  readonly retention: Pick<Retention, 'leastRecent'>;
  /** Bytes that still have to go. */
  readonly excess: () => Promise<number> | number;
  readonly dropped: (images: readonly CollectedImage[]) => Promise<void> | void;
  readonly signal: AbortSignal;
}

/**
 * Drops images, the least recently pulled first, until there is no excess or nothing is left that may go. Resolves to how
 * many went.
 */
export async function evict(eviction: Eviction): Promise<number> {
  const { catalog, eraser, retention, excess, dropped, signal } = eviction;
  let went = 0;
  for (let victims: readonly Victim[], before = -1; before < went;) {
    victims = await retention.leastRecent(PLAN, (root) => !eraser.isDropped(root));
    before = went;
    for (let at = 0; at < victims.length;) {
      signal.throwIfAborted();
      const left = await excess();
      if (left <= 0) return went;
      const batch: Victim[] = [];
      // However much they share, all but the last of these together free less than is needed.
      for (let most = 0; most < left && batch.length < BATCH; at++) {
        const victim = victims[at];
        if (!victim) break;
        batch.push(victim);
        most += await sizeOf(catalog, victim.root.digest);
      }
      const images = await dropImages(eviction, batch, 'evicted');
      went += images.length;
      await dropped(images);
    }
  }
  return went;
}

async function isNamed(catalog: Catalog, eraser: Eraser, digest: Digest): Promise<boolean> {
  for await (const parent of catalog.parentsOf(digest)) if (!eraser.isGone(parent)) return true;
  return false;
}

/** Bytes of all that an image names and that is stored, shared or not. */
async function sizeOf(catalog: Catalog, digest: Digest): Promise<number> {
  const { records } = catalog;
  let bytes = (await records.get(keys.blob(digest)))?.size ?? 0;
  for (const child of (await records.get(keys.manifest(digest)))?.children ?? []) bytes += await sizeOf(catalog, child);
  return bytes;
}

function referenceOf({ root, tags }: NamedVictim): string {
  const { upstream, name } = root.repository;
  const [tag] = tags;
  return formatImageReference({
    upstream,
    repository: name,
    ...(tag === undefined ? { digest: root.digest } : { tag }),
  });
}
