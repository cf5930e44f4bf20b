/**
 * A place in a range of keys that begin with a digest, for walks of several such ranges side by side. It holds one page.
 * Most steps stay on it and cost no turn of the event loop: a million of them are made in a row.
 */
import type { Entry } from '../metadata/metadata-store.js';
import type { Digest } from '../oci/digest.js';
import type { PagedRecords } from './stored-records.js';

/** Sorts after every digest. */
export const END = '~';

type Page = readonly (Entry | Digest)[];

export class Cursor {
  readonly #pages: AsyncIterator<Page>;
  readonly #from: number;
  #page: Page = [];
  #at = 0;
  /** Of the key in hand; after the last one, `END`. */
  digest: string = '';
  key = '';

  private constructor(pages: AsyncIterable<Page>, from: number) {
    this.#pages = pages[Symbol.asyncIterator]();
    this.#from = from;
  }

  /** At the first key that begins with `prefix`, whose next word is the digest. */
  static open(records: PagedRecords, prefix: string): Promise<Cursor> {
    return Cursor.#begin(records.pages(prefix), prefix.length);
  }

  /** At the first of the digests. */
  static over(digests: AsyncIterable<readonly Digest[]>): Promise<Cursor> {
    return Cursor.#begin(digests, 0);
  }

  static async #begin(pages: AsyncIterable<Page>, from: number): Promise<Cursor> {
    const cursor = new Cursor(pages, from);
    await cursor.step();
    return cursor;
  }

  /** To the next key. Gives something to wait for only where the page ends. */
  step(): Promise<void> | undefined {
    const item = this.#page[this.#at++];
    if (item === undefined) return this.#turn();
    this.key = typeof item === 'string' ? item : item[0];
    const end = this.key.indexOf(' ', this.#from);
    this.digest = this.key.slice(this.#from, end === -1 ? undefined : end);
    return undefined;
  }

  async close(): Promise<void> {
    await this.#pages.return?.();
  }

  async #turn(): Promise<void> {
    for (;;) {
      const next = await this.#pages.next();
      if (next.done === true) {
        this.digest = END;
        return;
      }
      if (next.value.length === 0) continue;
      this.#page = next.value;
      this.#at = 0;
      void this.step();
      return;
    }
  }
}
