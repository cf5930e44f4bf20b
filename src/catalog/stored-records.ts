/**
 * Reads of the index as typed records, the hot ones from memory. What is remembered is never older than the last batch
 * that was written: every batch takes its keys out, and a read that was under way meanwhile is not remembered.
 */
import { LRUCache } from 'lru-cache';
import { isAppError, type AppError } from '../lib/errors.js';
import type { Entry, MetadataStore, Part } from '../metadata/metadata-store.js';
import type { Key, Prefix } from './keys.js';

export interface Records {
  get<T>(key: Key<T>): Promise<T | undefined>;
  /** In byte order of the key. */
  scan<T>(prefix: Prefix<T>, after?: string): AsyncIterable<readonly [key: string, value: T]>;
}

export interface PagedRecords extends Records {
  /** For those who read much: in pages, and values as the JSON they are kept as. */
  pages(prefix: string, part?: Part): AsyncIterable<readonly Entry[]>;
}

/** About 300 bytes each. */
const REMEMBERED = 100_000;

export class StoredRecords implements PagedRecords {
  readonly #store: MetadataStore;
  /** Absence is remembered too: most links that are asked for and missing are asked for again. */
  readonly #memory = new LRUCache<string, { readonly value: unknown }>({ max: REMEMBERED });
  /** Told of every read that found damage. */
  readonly #damaged: (error: AppError) => void;
  #writes = 0;
  /** Settles when another index has been put in the place of this one; reads wait for it. */
  #replaced: Promise<unknown> | undefined;

  constructor(store: MetadataStore, damaged: (error: AppError) => void = () => undefined) {
    this.#store = store;
    this.#damaged = damaged;
  }

  async get<T>(key: Key<T>): Promise<T | undefined> {
    const known = this.#memory.get(key);
    if (known) return known.value as T | undefined;
    const writes = this.#writes;
    const value = await this.getFresh(key);
    if (writes === this.#writes) this.#memory.set(key, { value });
    return value;
  }

  /** Past the memory, for those who read much of the index once. */
  get fresh(): PagedRecords {
    return {
      get: (key) => this.getFresh(key),
      scan: (prefix, after) => this.scan(prefix, after),
      pages: (prefix, part) => this.pages(prefix, part),
    };
  }

  /** Past the memory, for reads that would only push useful records out of it. */
  async getFresh<T>(key: Key<T>): Promise<T | undefined> {
    if (this.#replaced) await this.#replaced;
    try {
      const text = await this.#store.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as T);
    } catch (error) {
      throw this.#told(error);
    }
  }

  async *scan<T>(prefix: Prefix<T>, after?: string): AsyncIterable<readonly [string, T]> {
    if (this.#replaced) await this.#replaced;
    try {
      for await (const [key, text] of this.#store.scan(prefix, after)) yield [key, JSON.parse(text) as T];
    } catch (error) {
      throw this.#told(error);
    }
  }

  async *pages(prefix: string, part?: Part): AsyncIterable<readonly Entry[]> {
    if (this.#replaced) await this.#replaced;
    try {
      yield* this.#store.pages(prefix, part);
    } catch (error) {
      throw this.#told(error);
    }
  }

  forget(written: Iterable<string>): void {
    this.#writes++;
    for (const key of written) this.#memory.delete(key);
  }

  /**
   * Runs `work`, which puts another index in the place of this one. Reads wait until it is over: half of an index would say of
   * much that it is not stored. What is remembered is told meanwhile.
   */
  async replace(work: () => Promise<void>): Promise<void> {
    const replaced = work();
    this.#replaced = replaced.catch(() => undefined);
    try {
      await replaced;
    } finally {
      this.#replaced = undefined;
      this.forgetAll();
    }
  }

  forgetAll(): void {
    this.#writes++;
    this.#memory.clear();
  }

  #told(error: unknown): unknown {
    if (isAppError(error, 'INDEX_CORRUPT')) this.#damaged(error);
    return error;
  }
}
