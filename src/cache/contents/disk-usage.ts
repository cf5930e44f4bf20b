/**
 * How much is stored, and how much of it several images share, one has, or none does. The manifests are looked at first:
 * whose each is takes some words of memory. Then one pass over the blobs beside their parent edges, both sorted, tells the
 * rest, so that memory grows with images and not with blobs. Exact for an index at rest; what comes or goes meanwhile
 * is counted as before or after.
 *
 * An image here is a root, however many tags it has; what is pinned alone counts as one too, because nothing of it can be
 * reclaimed.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { firstDigest, lastDigest, prefixes, type Prefix } from '../../catalog/keys.js';
import type { Records } from '../../catalog/stored-records.js';
import type { Digest } from '../../oci/digest.js';
import { DigestSet } from '../collect/digest-set.js';

export interface StoredShares {
  readonly blobs: number;
  readonly bytes: number;
  readonly images: number;
  readonly sharedBytes: number;
  readonly uniqueBytes: number;
  readonly reclaimableBytes: number;
}

/** The number of the image that has it. */
type Owner = number;
const NONE: Owner = 0;
const SEVERAL: Owner = -1;

/** How often it looks whether it is to stop, in records. */
const CHECK_EVERY = 1000;

export async function sharesOf(catalog: Catalog, signal: AbortSignal): Promise<StoredShares> {
  const { records } = catalog;
  const owners = await Owners.read(records, signal);
  const roots = new Ahead(records, prefixes.roots);
  const parents = new Ahead(records, prefixes.parents);
  const total = { blobs: 0, images: 0, none: 0, one: 0, several: 0 };
  let looked = 0;
  try {
    await roots.advance();
    await parents.advance();
    for await (const [key, { size, unseen }] of records.scan(prefixes.blobs)) {
      const digest = firstDigest(key);
      if (looked++ % CHECK_EVERY === 0) signal.throwIfAborted();
      // What only a snapshot remembers may not be there.
      if (unseen) continue;
      while (roots.digest <= digest) {
        if (roots.digest === digest) total.images++;
        await roots.advance();
      }
      let owner = owners.of(digest);
      while (parents.digest <= digest) {
        if (parents.digest === digest) owner = both(owner, owners.of(lastDigest(parents.key)));
        await parents.advance();
      }
      total.blobs++;
      total[owner === NONE ? 'none' : owner === SEVERAL ? 'several' : 'one'] += size;
    }
  } finally {
    for (const range of [roots, parents]) await range.close();
  }
  return {
    blobs: total.blobs,
    bytes: total.none + total.one + total.several,
    images: total.images,
    sharedBytes: total.several,
    uniqueBytes: total.one,
    reclaimableBytes: total.none,
  };
}

/** Whose manifests are. */
class Owners {
  readonly #own: ReadonlyMap<Digest, Owner>;
  /** Manifests that name a manifest, and what a referrer refers to: either keeps it. */
  readonly #above = new Map<Digest, Digest[]>();
  readonly #known = new Map<Digest, Owner>();

  private constructor(own: ReadonlyMap<Digest, Owner>) {
    this.#own = own;
  }

  static async read(records: Records, signal: AbortSignal): Promise<Owners> {
    const owners = new Owners(await ownImages(records, signal));
    const manifests = new DigestSet();
    for await (const [key] of records.scan(prefixes.manifests)) manifests.add(firstDigest(key));
    for await (const [key, { children, subject }] of records.scan(prefixes.manifests)) {
      signal.throwIfAborted();
      const manifest = firstDigest(key);
      for (const child of children) if (manifests.has(child)) owners.#put(child, manifest);
      if (subject !== undefined && manifests.has(subject)) owners.#put(manifest, subject);
    }
    return owners;
  }

  /** Digests form no cycles, so this ends. */
  of(digest: Digest): Owner {
    const above = this.#above.get(digest);
    const own = this.#own.get(digest) ?? NONE;
    if (!above) return own;
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    const owner = above.reduce((so, each) => both(so, this.of(each)), own);
    this.#known.set(digest, owner);
    return owner;
  }

  #put(below: Digest, above: Digest): void {
    const known = this.#above.get(below);
    if (known) known.push(above);
    else this.#above.set(below, [above]);
  }
}

/** What was asked for or pinned itself. A root that is pinned as well is one image. */
async function ownImages(records: Records, signal: AbortSignal): Promise<ReadonlyMap<Digest, Owner>> {
  const own = new Map<Digest, Owner>();
  const roots = new Ahead(records, prefixes.roots);
  const pins = new Ahead(records, prefixes.pinned);
  try {
    await roots.advance();
    await pins.advance();
    for (let count = 1; roots.digest < END || pins.digest < END; count++) {
      if (count % CHECK_EVERY === 0) signal.throwIfAborted();
      const digest = roots.digest < pins.digest ? roots.digest : pins.digest;
      const repositories = new Set<string>();
      for (const range of [roots, pins]) {
        while (range.digest === digest) {
          repositories.add(range.repository);
          await range.advance();
        }
      }
      own.set(digest as Digest, repositories.size > 1 ? SEVERAL : count);
    }
  } finally {
    for (const range of [roots, pins]) await range.close();
  }
  return own;
}

/** Sorts after every digest. */
const END = '~';

/** A range of records that begin with a digest, one record at a time: most blobs have none, and that must cost nothing. */
export class Ahead<T> {
  readonly #range: AsyncIterator<readonly [string, T]>;
  readonly #from: number;
  /** Of the record in hand; after the last one, `END`. */
  digest: string = '';
  key = '';

  constructor(records: Records, prefix: Prefix<T>) {
    this.#range = records.scan(prefix)[Symbol.asyncIterator]();
    this.#from = prefix.length;
  }

  async advance(): Promise<void> {
    const next = await this.#range.next();
    if (next.done === true) {
      this.digest = END;
      return;
    }
    [this.key] = next.value;
    const end = this.key.indexOf(' ', this.#from);
    this.digest = this.key.slice(this.#from, end === -1 ? undefined : end);
  }

  /** `root`, `pinned`: the repository follows the digest. */
  get repository(): string {
    return this.key.split(' ').slice(2, 4).join(' ');
  }

  async close(): Promise<void> {
    await this.#range.return?.();
  }
}

const both = (one: Owner, other: Owner): Owner => {
  if (one === NONE || one === other) return other;
  return other === NONE ? one : SEVERAL;
};
