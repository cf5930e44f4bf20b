/**
 * All that the index says of some digests, read in one sweep over each range from the first of them to the last. Looking
 * each up by itself costs six searches of the disk a digest; for digests that lie close together this costs a fraction.
 * What is asked about other digests is looked up as ever.
 */
import type { Entry } from '../metadata/metadata-store.js';
import type { Digest } from '../oci/digest.js';
import { prefixes, type Key, type Prefix } from './keys.js';
import type { PagedRecords, Records } from './stored-records.js';

const RANGES: readonly string[] = [
  prefixes.parents,
  prefixes.roots,
  prefixes.pinned,
  prefixes.referrers,
  prefixes.uses,
  prefixes.links,
];

export class ReadAhead implements Records {
  readonly #records: PagedRecords;
  /** By prefix, for each range and digest: also where there is nothing. */
  readonly #found: ReadonlyMap<string, readonly Entry[]>;

  private constructor(records: PagedRecords, found: ReadonlyMap<string, readonly Entry[]>) {
    this.#records = records;
    this.#found = found;
  }

  /** The digests are sorted. */
  static async open(records: PagedRecords, digests: readonly Digest[]): Promise<ReadAhead> {
    const found = new Map<string, Entry[]>();
    const [first] = digests;
    const last = digests.at(-1);
    if (first !== undefined && last !== undefined) {
      for (const range of RANGES) for (const digest of digests) found.set(`${range}${digest} `, []);
      const part = { from: `${first} `, before: `${last}!` };
      await Promise.all(
        RANGES.map(async (range) => {
          for await (const page of records.pages(range, part)) {
            for (const entry of page) found.get(prefixIn(entry[0], range))?.push(entry);
          }
        }),
      );
    }
    return new ReadAhead(records, found);
  }

  get<T>(key: Key<T>): Promise<T | undefined> {
    return this.#records.get(key);
  }

  async *scan<T>(prefix: Prefix<T>, after?: string): AsyncIterable<readonly [string, T]> {
    const found = this.#found.get(prefix);
    if (!found) {
      yield* this.#records.scan(prefix, after);
      return;
    }
    for (const [key, text] of found) {
      if (after === undefined || key > after) yield [key, JSON.parse(text) as T];
    }
  }
}

/** The range and the digest, as a prefix. */
const prefixIn = (key: string, range: string): string => key.slice(0, key.indexOf(' ', range.length) + 1);
