/**
 * The smallest engine of the MetadataStore port: a map that is lost with the process. It can be told to fail its next
 * write, before or after the write was made, because a caller cannot know which of the two happened.
 */
import { AppError } from '../../src/lib/errors.js';
import type { Entry, MetadataState, MetadataStore, Mutation, Part } from '../../src/metadata/metadata-store.js';

export class MemoryMetadataStore implements MetadataStore {
  readonly #values = new Map<string, string>();
  #state: MetadataState = 'ready';
  #failure: { readonly state: 'full' | 'failed'; readonly written: boolean } | undefined;
  #closed = false;
  /** While false, a full store stays full. */
  hasSpace = true;
  /** Batches that were written. */
  writes = 0;

  get state(): MetadataState {
    return this.#state;
  }

  failNextWrite(state: 'full' | 'failed', { written = false } = {}): void {
    this.#failure = { state, written };
  }

  get(key: string): Promise<string | undefined> {
    this.#assertOpen();
    return Promise.resolve(this.#values.get(key));
  }

  async write(batch: readonly Mutation[]): Promise<void> {
    this.#assertOpen();
    await Promise.resolve();
    if (this.#state !== 'ready') throw refusal(this.#state);
    const failure = this.#failure;
    this.#failure = undefined;
    if (!failure || failure.written) this.#apply(batch);
    if (!failure) return;
    this.#state = failure.state;
    throw refusal(failure.state);
  }

  async *scan(prefix: string, after?: string): AsyncIterable<readonly [string, string]> {
    this.#assertOpen();
    await Promise.resolve();
    const keys = [...this.#values.keys()].filter(
      (key) => key.startsWith(prefix) && (after === undefined || key > after),
    );
    for (const key of keys.sort()) {
      const value = this.#values.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  async *pages(prefix: string, part?: Part): AsyncIterable<readonly Entry[]> {
    for await (const entry of this.scan(prefix)) {
      const rest = entry[0].slice(prefix.length);
      if (!part || (rest >= part.from && rest < part.before)) yield [entry];
    }
  }

  async reopen(): Promise<void> {
    this.#assertOpen();
    await Promise.resolve();
    if (this.#state === 'full' && !this.hasSpace) throw refusal('full');
    this.#state = 'ready';
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #apply(batch: readonly Mutation[]): void {
    this.writes++;
    for (const mutation of batch) {
      if (mutation.type === 'put') this.#values.set(mutation.key, mutation.value);
      else this.#values.delete(mutation.key);
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new AppError('INDEX_FAILED', 'the index is closed');
  }
}

const refusal = (state: 'full' | 'failed'): AppError =>
  new AppError(state === 'full' ? 'STORE_FULL' : 'INDEX_FAILED', `told to be ${state}`);
