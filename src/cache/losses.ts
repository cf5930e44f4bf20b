/**
 * What is done when stored bytes are not what their record says: gone, too short, unreadable, rotten. The blob is forgotten,
 * so that the next request fetches it anew; what is bad is set aside first. All of them look again under the digest's lock,
 * because a flight may have published good bytes since the caller looked.
 */
import type { Catalog } from '../catalog/catalog.js';
import type { BlobSource, BlobStore } from '../content/blob-store.js';
import type { KeyedMutex } from '../lib/async.js';
import type { Logger } from '../lib/log.js';
import type { Digest } from '../oci/digest.js';
import { note } from './notes.js';

export interface LossParts {
  readonly store: BlobStore;
  readonly catalog: Catalog;
  readonly digestLocks: KeyedMutex;
  readonly log: Logger;
}

export class Losses {
  readonly #parts: LossParts;

  constructor(parts: LossParts) {
    this.#parts = parts;
  }

  /** There was no file. */
  async missing(digest: Digest): Promise<void> {
    const { store, catalog, digestLocks, log } = this.#parts;
    await digestLocks.run(digest, async () => {
      if (await store.stat(digest)) return;
      log.warn({ digest }, 'stored blob is gone; it will be fetched again');
      await note(log, 'a lost blob', catalog.forgetBlob(digest));
    });
  }

  /** `isBad` looks at what is stored now, and says why it is bad or undefined. */
  async bad(digest: Digest, isBad: () => Promise<unknown>): Promise<void> {
    const { store, catalog, digestLocks, log } = this.#parts;
    await digestLocks.run(digest, async () => {
      const why = await isBad();
      if (why === undefined) return;
      log.error({ digest, err: why }, 'stored blob is bad: quarantined, to be fetched again');
      await store.quarantine(digest);
      await note(log, 'a lost blob', catalog.forgetBlob(digest));
    });
  }

  /** What was read from `source` is bad, which says nothing of bytes that have taken its place. */
  badAsRead(digest: Digest, source: BlobSource, why: unknown): Promise<void> {
    return this.bad(digest, async () => ((await source.isCurrent().catch(() => true)) ? why : undefined));
  }
}
