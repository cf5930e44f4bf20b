/**
 * Deletes for good: the record first, the bytes after it. Whether a digest is needed, and still what it was when it was
 * chosen, and its going are one turn of the write queue, and its mutex spans that and the unlink, so that bytes which arrive
 * meanwhile are not taken for the old ones. A crash between the two leaves a file without a record, which the next collection finds.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { eraseDigests, isNeeded, type Candidate, type Erased } from '../../catalog/edges.js';
import { keys } from '../../catalog/keys.js';
import { removeTag } from '../../catalog/tags.js';
import type { Transaction } from '../../catalog/transaction.js';
import type { BlobStore } from '../../content/blob-store.js';
import { Mutex, Semaphore, type KeyedMutex } from '../../lib/async.js';
import type { Digest } from '../../oci/digest.js';
import type { Eraser } from './eraser.js';
import { mayGo, type NamedVictim } from './retention.js';

export interface EraserParts {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  /** Spans {decide, unlink} here and {rename, record} in flights. */
  readonly digestLocks: KeyedMutex;
  /** Whether an unfinished job works on it. */
  readonly inUse: (digest: Digest) => boolean;
}

/** Of the four threads that all files and the index are read with, clients keep the others. */
const UNLINKS_AT_ONCE = 2;

/** Throws REBUILDING while the index does not know everything yet, and what the index and the store throw. */
export class StoredEraser implements Eraser {
  /** Since the start: by collections, to make room, and on request. */
  readonly erased = { blobs: 0, bytes: 0 };
  readonly #parts: EraserParts;
  /** Only one batch holds locks at a time: two could wait for each other. */
  readonly #batches = new Mutex();
  readonly #unlinks = new Semaphore(UNLINKS_AT_ONCE);

  constructor(parts: EraserParts) {
    this.#parts = parts;
  }

  async dropRoots(victims: readonly NamedVictim[]): Promise<readonly NamedVictim[]> {
    const { catalog } = this.#parts;
    return catalog.turn(async (tx) => {
      catalog.assertComplete();
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

  erase(candidates: readonly Candidate[]): Promise<readonly Erased[]> {
    return this.#erase(candidates, () => Promise.resolve());
  }

  eraseNeighbours(candidates: readonly Candidate[]): Promise<readonly Erased[]> {
    return this.#erase(candidates, (tx) => tx.readAhead(candidates.map(({ digest }) => digest)));
  }

  isGone(): boolean {
    return false;
  }

  isDropped(): boolean {
    return false;
  }

  #erase(candidates: readonly Candidate[], prepare: (tx: Transaction) => Promise<void>): Promise<readonly Erased[]> {
    const { catalog, store } = this.#parts;
    return this.#batches.run(() =>
      this.#locked(candidates, async () => {
        const erased = await catalog.turn(async (tx) => {
          catalog.assertComplete();
          await prepare(tx);
          // All are read before any is changed: what one of them needed may go with it, in a turn of its own.
          const may = await Promise.all(candidates.map((candidate) => this.#isStillSo(tx, candidate)));
          return eraseDigests(
            tx,
            candidates.filter((_, index) => may[index]).map(({ digest }) => digest),
          );
        });
        await Promise.all(erased.map(({ digest }) => this.#unlinks.run(() => store.delete(digest))));
        for (const { size } of erased) {
          if (size === undefined) continue;
          this.erased.blobs++;
          this.erased.bytes += size;
        }
        return erased;
      }),
    );
  }

  async #isStillSo(tx: Transaction, { digest, ran }: Candidate): Promise<boolean> {
    if (this.#parts.inUse(digest) || (await isNeeded(tx, digest))) return false;
    return (await tx.get(keys.blob(digest)))?.ran === ran;
  }

  #locked<T>(candidates: readonly Candidate[], task: () => Promise<T>): Promise<T> {
    const { digestLocks } = this.#parts;
    return candidates.reduceRight(
      (inner, { digest }) =>
        () =>
          digestLocks.run(digest, inner),
      task,
    )();
  }
}
