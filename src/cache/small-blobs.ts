/**
 * Manifests and other blobs up to 1 MiB, whole and in memory. What comes from the disk is hashed again before anybody
 * sees it; what does not match is quarantined and forgotten, so that the next request fetches it anew.
 */
import { LRUCache } from 'lru-cache';
import type { BlobStore } from '../content/blob-store.js';
import { SingleFlight } from '../lib/async.js';
import { AppError, isAppError } from '../lib/errors.js';
import { digestAlgorithm, digestOf, type Digest } from '../oci/digest.js';
import type { Losses } from './losses.js';

const MEMORY = 64 * 1024 * 1024;
/** What an entry costs besides its bytes, about. */
const PER_ENTRY = 200;

export class SmallBlobs {
  readonly #store: BlobStore;
  readonly #losses: Losses;
  readonly #memory = new LRUCache<Digest, Buffer>({
    maxSize: MEMORY,
    sizeCalculation: (bytes) => bytes.length + PER_ENTRY,
  });
  readonly #reads = new SingleFlight<Buffer | undefined>();

  constructor(parts: { readonly store: BlobStore; readonly losses: Losses }) {
    this.#store = parts.store;
    this.#losses = parts.losses;
  }

  /** The caller may not change the bytes. Undefined when they are not (or no longer) there. */
  async read(digest: Digest): Promise<Buffer | undefined> {
    return this.#memory.get(digest) ?? (await this.#reads.run(digest, () => this.#load(digest)));
  }

  /** Remembers bytes that were just verified. */
  remember(digest: Digest, bytes: Buffer): void {
    this.#memory.set(digest, bytes);
  }

  async #load(digest: Digest): Promise<Buffer | undefined> {
    const found = await this.#readStored(digest);
    if (found === undefined) await this.#losses.missing(digest);
    if (!(found instanceof Error)) {
      if (found) this.#memory.set(digest, found);
      return found;
    }
    await this.#losses.bad(digest, async () => {
      const again = await this.#readStored(digest);
      return again instanceof Error ? again : undefined;
    });
    return undefined;
  }

  /** Good bytes, undefined when there are none, or why they are bad. */
  async #readStored(digest: Digest): Promise<Buffer | Error | undefined> {
    const chunks: Buffer[] = [];
    try {
      const source = await this.#store.open(digest);
      if (!source) return undefined;
      for await (const chunk of source) chunks.push(Buffer.from(chunk));
    } catch (error) {
      if (isAppError(error, 'BLOB_CORRUPT')) return error;
      throw error;
    }
    const bytes = Buffer.concat(chunks);
    if (digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes;
    return new AppError('BLOB_CORRUPT', 'the stored bytes do not match their digest');
  }
}
