/** Images go: chosen ones together, or the least recently pulled until enough is freed. */
import type { Catalog } from '../../catalog/catalog.js';
import { keys } from '../../catalog/keys.js';
import { formatImageReference } from '../../oci/reference.js';
import type { Digest } from '../../oci/digest.js';
import type { CollectedImage, CollectionReason } from './collection.js';
import { cascade, type Erased, type Eraser } from './eraser.js';
import { named, type NamedVictim, type Retention, type Victim } from './retention.js';

/** Images that go together: their roots in one turn, and what they alone need in few. */
export const BATCH = 64;
/** Images chosen from one look at all roots. */
const PLAN = 10_000;

export interface Dropping {
  readonly catalog: Catalog;
  readonly eraser: Eraser;
  /** Called for each digest that goes. */
  readonly gone: (erased: Erased) => void;
}

/** Drops the images that may still go, with all that nothing else needs. Resolves to them. */
export async function dropImages(
  { catalog, eraser, gone }: Dropping,
  victims: readonly Victim[],
  reason: CollectionReason,
): Promise<readonly CollectedImage[]> {
  const dropped = await eraser.dropRoots(await named(catalog, victims));
  const bytes = dropped.map(() => 0);
  await cascade(
    dropped.map(({ root }) => root.digest),
    {
      eraser,
      gone: (erased, owner) => {
        bytes[owner] = (bytes[owner] ?? 0) + (erased.size ?? 0);
        gone(erased);
      },
    },
  );
  return dropped.map((victim, index) => ({
    reference: referenceOf(victim),
    digest: victim.root.digest,
    reason,
    bytes: bytes[index] ?? 0,
    lastPulledAt: victim.lastPulledAt,
  }));
}

export interface Eviction extends Dropping {
  readonly retention: Retention;
  /** Bytes that still have to go. */
  readonly excess: () => Promise<number> | number;
  readonly dropped: (images: readonly CollectedImage[]) => Promise<void> | void;
  readonly signal: AbortSignal;
}

/** Drops images, the least recently pulled first, until there is no excess or nothing is left that may go. */
export async function evict(eviction: Eviction): Promise<void> {
  const { catalog, eraser, retention, excess, dropped, signal } = eviction;
  for (let victims: readonly Victim[], went = true; went;) {
    victims = await retention.leastRecent(PLAN, (root) => !eraser.isDropped(root));
    went = false;
    for (let at = 0; at < victims.length;) {
      signal.throwIfAborted();
      const left = await excess();
      if (left <= 0) return;
      const batch: Victim[] = [];
      // However much they share, all but the last of these together free less than is needed.
      for (let most = 0; most < left && batch.length < BATCH; at++) {
        const victim = victims[at];
        if (!victim) break;
        batch.push(victim);
        most += await sizeOf(catalog, victim.root.digest);
      }
      const images = await dropImages(eviction, batch, 'evicted');
      went ||= images.length > 0;
      await dropped(images);
    }
  }
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
