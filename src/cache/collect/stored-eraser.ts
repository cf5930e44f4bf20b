/**
 * Deletes for good: the record first, the bytes after it. Whether a digest is needed and its going are one turn of the
 * write queue, and its mutex spans that and the unlink, so that bytes which arrive at the same moment are not taken for
 * the old ones. A crash between the two leaves a file without a record, which the next collection finds.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { eraseDigest, isNeeded } from '../../catalog/edges.js';
import { keys } from '../../catalog/keys.js';
import { removeTag } from '../../catalog/tags.js';
import type { BlobStore } from '../../content/blob-store.js';
import { Mutex, type KeyedMutex } from '../../lib/async.js';
import { AppError } from '../../lib/errors.js';
import type { Digest } from '../../oci/digest.js';
import type { Erased, Eraser } from './eraser.js';
import { mayGo, type NamedVictim } from './retention.js';

export interface EraserParts {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  /** Spans {decide, unlink} here and {rename, record} in flights. */
  readonly digestLocks: KeyedMutex;
  /** Whether an unfinished job works on it. */
  readonly inUse: (digest: Digest) => boolean;
}

/** Throws REBUILDING while the index does not know everything yet, and what the index and the store throw. */
export class StoredEraser implements Eraser {
  readonly #parts: EraserParts;
  /** Only one batch holds locks at a time: two could wait for each other. */
  readonly #batches = new Mutex();

  constructor(parts: EraserParts) {
    this.#parts = parts;
  }

  dropRoots(victims: readonly NamedVictim[]): Promise<readonly NamedVictim[]> {
    const { catalog } = this.#parts;
    return catalog.turn(async (tx) => {
      assertComplete(catalog);
      const dropped: NamedVictim[] = [];
      for (const victim of victims) {
        if (!(await mayGo(this.#parts, tx, victim))) continue;
        const { repository, digest } = victim.root;
        tx.delete(keys.root(digest, repository));
        for (const tag of victim.tags) {
          if ((await tx.get(keys.tag(repository, tag)))?.digest === digest) await removeTag(tx, repository, tag);
        }
        dropped.push(victim);
      }
      return dropped;
    });
  }

  erase(digests: readonly Digest[]): Promise<readonly Erased[]> {
    const { store } = this.#parts;
    return this.#batches.run(() =>
      this.#locked(digests, async () => {
        const erased = await this.#forget(digests);
        await Promise.all(erased.map(({ digest }) => store.delete(digest)));
        return erased;
      }),
    );
  }

  isGone(): boolean {
    return false;
  }

  isDropped(): boolean {
    return false;
  }

  #forget(digests: readonly Digest[]): Promise<readonly Erased[]> {
    const { catalog, inUse } = this.#parts;
    return catalog.turn(async (tx) => {
      assertComplete(catalog);
      // All are read before any is changed: what one of them needed may go with it, in a turn of its own.
      const needed = await Promise.all(digests.map((digest) => isNeeded(tx, digest)));
      const unneeded = digests.filter((digest, index) => needed[index] === false && !inUse(digest));
      return Promise.all(
        unneeded.map(async (digest) => {
          const size = (await tx.get(keys.blob(digest)))?.size;
          return { digest, size, freed: await eraseDigest(tx, digest) };
        }),
      );
    });
  }

  #locked<T>(digests: readonly Digest[], task: () => Promise<T>): Promise<T> {
    const [first, ...others] = digests;
    if (first === undefined) return task();
    return this.#parts.digestLocks.run(first, () => this.#locked(others, task));
  }
}

export function assertComplete(catalog: Catalog): void {
  if (catalog.rebuilding) throw new AppError('REBUILDING', 'nothing is deleted while the index is being rebuilt');
}
