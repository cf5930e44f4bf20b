/** The port to the index: an ordered map of strings whose batches are atomic and durable. */

export type Mutation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string };

export type Entry = readonly [key: string, value: string];

/** Keys that go on after the prefix with `from` or what sorts after it, up to what sorts before `before`. */
export interface Part {
  readonly from: string;
  readonly before: string;
}

/** `ready`: reads and writes. `full`: no space; reads only, until it recovers by itself. `failed`: an unknown outcome. */
export type MetadataState = 'ready' | 'full' | 'failed';

export interface WriteOptions {
  /**
   * Whether the batch survives a power cut once it is written; it does without this. `all`: so does every batch before it
   * that need not have.
   */
  readonly durable?: boolean | 'all';
}

export interface MetadataStore {
  readonly state: MetadataState;
  get(key: string): Promise<string | undefined>;
  /**
   * All or nothing.
   * Throws AppError STORE_FULL (no space) or INDEX_FAILED; after either no write is taken until `reopen` succeeds.
   */
  write(batch: readonly Mutation[], options?: WriteOptions): Promise<void>;
  /** Entries whose key begins with `prefix`, in byte order of the key, after the key `after`. Read in pages: no snapshot is held. */
  scan(prefix: string, after?: string): AsyncIterable<Entry>;
  /** The same for those who read much of it, page by page; `part` of it when that is given. */
  pages(prefix: string, part?: Part): AsyncIterable<readonly Entry[]>;
  /** Closes and opens again after a failed write. Reads wait meanwhile. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}
