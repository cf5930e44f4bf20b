/**
 * Finds what nothing refers to, and files without a record, by walking sorted ranges side by side: everything that is
 * stored or was, everything that may keep it, and the files, when they are looked at too. It holds one record of each range and no set, whatever the size of the index. The
 * ranges are read in pages at slightly different moments, so it names candidates; the eraser decides.
 */
import { firstDigest, prefixes, type Prefix } from '../../catalog/keys.js';
import type { BlobRecord } from '../../catalog/records.js';
import type { Records } from '../../catalog/stored-records.js';
import type { Digest } from '../../oci/digest.js';

export interface Swept {
  readonly digest: Digest;
  /** Undefined for edges whose bytes were forgotten, and for a file without a record. */
  readonly blob: BlobRecord | undefined;
  readonly referred: boolean;
  /** A file that no record names. */
  readonly orphan: boolean;
}

/** Every blob, every manifest without a blob, and every file without either, ordered by digest. */
export async function* sweep(records: Records, files: AsyncIterable<Digest>): AsyncIterable<Swept> {
  const stored = await Range.over(files);
  const blobs = await Range.open(records, prefixes.blobs);
  const manifests = await Range.open(records, prefixes.manifests);
  const keepers = [
    await Range.open(records, prefixes.parents),
    await Range.open(records, prefixes.roots),
    await Range.open(records, prefixes.pinned),
  ];
  try {
    for (;;) {
      const digest = lower(stored.digest, lower(blobs.digest, manifests.digest));
      if (digest === undefined) return;
      let referred = false;
      for (const keeper of keepers) {
        while (keeper.digest !== undefined && keeper.digest < digest) await keeper.step();
        referred ||= keeper.digest === digest;
      }
      const blob = blobs.digest === digest ? blobs.value : undefined;
      yield { digest, blob, referred, orphan: !blob && stored.digest === digest };
      if (stored.digest === digest) await stored.step();
      if (blob) await blobs.step();
      if (manifests.digest === digest) await manifests.step();
    }
  } finally {
    for (const range of [stored, blobs, manifests, ...keepers]) await range.close();
  }
}

/** A place in a range that is sorted by digest. */
class Range<T> {
  readonly #entries: AsyncIterator<readonly [Digest, T]>;
  digest: Digest | undefined;
  value: T | undefined;

  private constructor(entries: AsyncIterator<readonly [Digest, T]>) {
    this.#entries = entries;
  }

  static open<T>(records: Records, prefix: Prefix<T>): Promise<Range<T>> {
    return Range.#begin(byDigest(records, prefix));
  }

  static over(digests: AsyncIterable<Digest>): Promise<Range<undefined>> {
    return Range.#begin(alone(digests));
  }

  static async #begin<T>(entries: AsyncIterable<readonly [Digest, T]>): Promise<Range<T>> {
    const range = new Range(entries[Symbol.asyncIterator]());
    await range.step();
    return range;
  }

  async step(): Promise<void> {
    const next = await this.#entries.next();
    this.digest = next.done === true ? undefined : next.value[0];
    this.value = next.done === true ? undefined : next.value[1];
  }

  async close(): Promise<void> {
    await this.#entries.return?.();
  }
}

async function* byDigest<T>(records: Records, prefix: Prefix<T>): AsyncIterable<readonly [Digest, T]> {
  for await (const [key, value] of records.scan(prefix)) yield [firstDigest(key), value];
}

async function* alone(digests: AsyncIterable<Digest>): AsyncIterable<readonly [Digest, undefined]> {
  for await (const digest of digests) yield [digest, undefined];
}

const lower = (a: Digest | undefined, b: Digest | undefined): Digest | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a;
