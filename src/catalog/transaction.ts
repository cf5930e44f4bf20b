/**
 * What a turn of the write queue wants to change, on top of what the turns before it in the same batch do. It reads the index as
 * if all of that were written already.
 */
import type { Mutation } from '../metadata/metadata-store.js';
import type { Digest } from '../oci/digest.js';
import type { Key, Prefix } from './keys.js';
import { ReadAhead } from './read-ahead.js';
import type { PagedRecords, Records } from './stored-records.js';

export class Transaction implements Records {
  readonly #stored: PagedRecords;
  #ahead: Records;
  /** By key; undefined for a key that is deleted. */
  readonly #changes: Map<string, { readonly value: unknown } | undefined>;

  /** `stored` remembers nothing: a turn reads what is written. `before`: what is already changed. */
  constructor(stored: PagedRecords, before?: ReadonlyMap<string, { readonly value: unknown } | undefined>) {
    this.#stored = stored;
    this.#ahead = stored;
    this.#changes = new Map(before);
  }

  /** That of the turn after this one. What it changes is its own: nothing of it shows here. */
  next(): Transaction {
    return new Transaction(this.#stored, this.#changes);
  }

  /** Neither this turn nor one before it changes anything. */
  get isEmpty(): boolean {
    return this.#changes.size === 0;
  }

  /** For much that is asked about digests which lie close together; they are sorted. Changes nothing but the speed. */
  async readAhead(digests: readonly Digest[]): Promise<void> {
    this.#ahead = await ReadAhead.open(this.#stored, digests);
  }

  async get<T>(key: Key<T>): Promise<T | undefined> {
    if (this.#changes.has(key)) return this.#changes.get(key)?.value as T | undefined;
    return this.#stored.get(key);
  }

  async *scan<T>(prefix: Prefix<T>, after?: string): AsyncIterable<readonly [string, T]> {
    const own = [...this.#changes.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || key > after))
      .sort();
    let next = 0;
    for await (const [key, value] of this.#ahead.scan(prefix, after)) {
      for (let mine = own[next]; mine !== undefined && mine < key; mine = own[++next]) yield* this.#change<T>(mine);
      if (!this.#changes.has(key)) yield [key, value];
    }
    for (const mine of own.slice(next)) yield* this.#change<T>(mine);
  }

  put<T>(key: Key<T>, value: NoInfer<T>): void {
    this.#changes.set(key, { value });
  }

  /** Reads and writes in one go, whatever else the turn does meanwhile. */
  async update<T>(key: Key<T>, change: (value: T | undefined) => NoInfer<T>): Promise<void> {
    const stored = await this.#stored.get(key);
    const own = this.#changes.get(key);
    this.put(key, change(this.#changes.has(key) ? (own?.value as T | undefined) : stored));
  }

  delete(key: string): void {
    this.#changes.set(key, undefined);
  }

  /** Deletes every key that begins with `prefix`. */
  async deleteAll(prefix: string): Promise<void> {
    for await (const [key] of this.scan(prefix)) this.delete(key);
  }

  batch(): readonly Mutation[] {
    return [...this.#changes].map(([key, change]) =>
      change ? { type: 'put', key, value: JSON.stringify(change.value) } : { type: 'delete', key },
    );
  }

  /** A key that this turn changed, at its place in a scan. Deleted ones, and those written during it, do not show. */
  *#change<T>(key: string): Iterable<readonly [string, T]> {
    const change = this.#changes.get(key);
    if (change) yield [key, change.value as T];
  }
}
