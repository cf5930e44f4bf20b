/**
 * A place in a range of keys that begin with a digest, for walks of several such ranges side by side. It holds one page.
 * Most steps stay on it and cost no turn of the event loop: a million of them are made in a row.
 */
import type { Entry } from '../metadata/metadata-store.js';
import type { PagedRecords } from './stored-records.js';

/** Sorts after every digest. */
export const END = '~';

export class Cursor {
  readonly #pages: AsyncIterator<readonly string[]>;
  readonly #from: number;
  #page: readonly string[] = [];
  #at = 0;
  /** Of the key in hand; after the last one, `END`. */
  digest: string = '';
  key = '';

  private constructor(pages: AsyncIterable<readonly string[]>, from: number) {
    this.#pages = pages[Symbol.asyncIterator]();
    this.#from = from;
  }

  /** At the first key that begins with `prefix`, whose next word is the digest. */
  static open(records: PagedRecords, prefix: string): Promise<Cursor> {
    return Cursor.#begin(keysOf(records.pages(prefix)), prefix.length);
  }

  /** At the first of the digests. */
  static over(digests: AsyncIterable<readonly string[]>): Promise<Cursor> {
    return Cursor.#begin(digests, 0);
  }

  static async #begin(pages: AsyncIterable<readonly string[]>, from: number): Promise<Cursor> {
    const cursor = new Cursor(pages, from);
    await cursor.step();
    return cursor;
  }

  /** To the next key. Gives something to wait for only where the page ends. */
  step(): Promise<void> | undefined {
    const key = this.#page[this.#at++];
    if (key === undefined) return this.#turn();
    this.key = key;
    const end = key.indexOf(' ', this.#from);
    this.digest = key.slice(this.#from, end === -1 ? undefined : end);
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

async function* keysOf(pages: AsyncIterable<readonly Entry[]>): AsyncIterable<readonly string[]> {
  for await (const page of pages) yield page.map(([key]) => key);
}
