/**
 * Space on a full disk: partials go first, then the least recently pulled images. While the index itself is full it takes
 * no writes, not even deletions; then bytes are unlinked ahead of their records, and the records follow once it has
 * recovered. A record without bytes is a miss, so a crash in between costs nothing but that.
 */
import type { CatalogHealth } from '../../catalog/catalog.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { SpoolArea } from '../../content/spool-area.js';
import { Mutex } from '../../lib/async.js';
import { isAppError } from '../../lib/errors.js';
import type { Logger } from '../../lib/log.js';
import { slices } from '../../lib/page.js';
import type { Digest } from '../../oci/digest.js';
import type { Recollection, RemovedImage } from '../recollection.js';
import { cascadeFrom } from './eraser.js';
import { BATCH, evict } from './eviction.js';
import { ImaginedEraser } from './imagined-eraser.js';
import { Retention } from './retention.js';
import { StoredEraser, type EraserParts } from './stored-eraser.js';

/** Sees to it that so many more bytes can be written. False when not enough may go. */
export type MakeRoom = (bytes: number) => Promise<boolean>;

/** What a full index needs before it is opened again, with some to spare. */
const INDEX_ROOM = 32 * 1024 * 1024;
/** More than was asked for is freed, as a share of what is stored, so that the next fill need not ask again. */
const SPARE = 0.01;

/** Runs `work`, and once more if it failed for lack of space and there is some by then. */
export async function withRoom<T>(makeRoom: MakeRoom, bytes: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isAppError(error, 'STORE_FULL') || !(await makeRoom(bytes))) throw error;
    return work();
  }
}

export interface RoomParts extends EraserParts {
  readonly store: BlobStore;
  readonly spools: SpoolArea;
  readonly eraser: StoredEraser;
  readonly recollection: Pick<Recollection, 'removed'>;
  readonly minFree: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface Ahead {
  readonly eraser: ImaginedEraser;
  /** Whose bytes are gone. */
  readonly digests: Digest[];
}

export class Room {
  readonly #parts: RoomParts;
  readonly #retention: Retention;
  readonly #mutex = new Mutex();
  /** What went while the index was full: its records are still there. One for each time that it was full without a break. */
  readonly #ahead: Ahead[] = [];
  /** The last of them while the index is full: what was imagined before it took writes again may not be true any more. */
  #current: Ahead | undefined;

  constructor(parts: RoomParts) {
    this.#parts = parts;
    this.#retention = new Retention(parts);
    parts.catalog.onStateChange((health) => {
      if (!isFull(health)) this.#current = undefined;
    });
  }

  /** Callers wait for each other: room that was made for one may do for the next. */
  make(bytes: number): Promise<boolean> {
    return this.#mutex.run(() => this.#make(bytes));
  }

  /** To be called now and then: helps a full index, and catches up with it once it has recovered. */
  async tend(): Promise<void> {
    const { health } = this.#parts.catalog;
    if (health === 'full') await this.make(INDEX_ROOM);
    else if (health === 'ready') await this.#mutex.run(() => this.#catchUp());
  }

  async #make(bytes: number): Promise<boolean> {
    const { spools, minFree, catalog, log } = this.#parts;
    // Before anything is measured: what has gone ahead makes no room a second time.
    if (catalog.health === 'ready') await this.#catchUp();
    const missing = bytes + minFree - (await spools.free());
    if (missing <= 0) return true;
    const wanted = missing + Math.ceil((await catalog.stored()).bytes * SPARE);
    const fromPartials = await spools.dropPartials({ bytes: wanted });
    const fromImages = await this.#evict(wanted - fromPartials);
    log.info({ bytes: fromPartials + fromImages, wanted, partials: fromPartials }, 'made room');
    return fromPartials + fromImages >= missing;
  }

  /** Resolves to the bytes freed. */
  async #evict(wanted: number): Promise<number> {
    const { catalog, eraser, recollection, signal } = this.#parts;
    let freed = 0;
    const eviction = {
      catalog,
      retention: this.#retention,
      excess: () => wanted - freed,
      gone: ({ size }: { readonly size: number | undefined }) => void (freed += size ?? 0),
      removed: (image: RemovedImage) => recollection.removed(image, 'disk-full'),
      dropped: () => undefined,
      signal,
    };
    if (wanted <= 0 || catalog.rebuilding) return 0;
    try {
      if (!isFull(catalog.health)) await evict({ ...eviction, eraser });
    } catch (error) {
      if (!isAppError(error, 'STORE_FULL')) throw error;
    }
    if (isFull(catalog.health)) {
      const ahead = (this.#current ??= this.#goAhead());
      // Nothing is unlinked ahead of an index that takes writes again, however much is still wanted.
      const excess = () => (ahead === this.#current ? wanted - freed : 0);
      await evict({ ...eviction, excess, eraser: ahead.eraser });
    }
    return freed;
  }

  /** Its eraser knows what has gone already. */
  #goAhead(): Ahead {
    const { catalog, store, digestLocks } = this.#parts;
    const unlink = (digest: Digest) =>
      digestLocks.run(digest, async () => {
        // With an index that writes again, somebody may have come to need it since it was looked up.
        const went = ahead === this.#current && isFull(catalog.health) && (await store.delete(digest));
        if (went) ahead.digests.push(digest);
        return went;
      });
    const ahead: Ahead = { eraser: new ImaginedEraser(this.#parts, unlink), digests: [] };
    this.#ahead.push(ahead);
    return ahead;
  }

  /**
   * The records of what was unlinked follow: by the usual way where nothing needs them now, else alone. What fails is tried
   * again, and keeps nobody from making room meanwhile: a record without bytes is a miss.
   */
  async #catchUp(): Promise<void> {
    try {
      for (let ahead = this.#ahead[0]; ahead; ahead = this.#ahead[0]) {
        await this.#forget(ahead);
        this.#ahead.shift();
      }
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'the index could not catch up with what went while it was full');
    }
  }

  async #forget({ eraser: imagined, digests }: Ahead): Promise<void> {
    const { catalog, eraser, store, digestLocks } = this.#parts;
    for (const batch of slices(imagined.victims, BATCH)) {
      await cascadeFrom(await eraser.dropRoots(batch), catalog.records, { eraser, gone: () => undefined });
    }
    for (const digest of digests) {
      await digestLocks.run(digest, async () => {
        if ((await catalog.blob(digest)) && !(await store.stat(digest))) await catalog.forgetBlob(digest);
      });
    }
  }
}

const isFull = (health: CatalogHealth): boolean => health === 'full';
