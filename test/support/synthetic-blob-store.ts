/** An engine of the BlobStore port that keeps names and sizes and no bytes: for what is about blobs and never reads them. */
import type { BlobInfo, BlobSource, BlobStore } from '../../src/content/blob-store.js';
import type { Digest } from '../../src/oci/digest.js';

export class SyntheticBlobStore implements BlobStore {
  readonly sizes = new Map<Digest, number>();
  /** Awaited at the beginning of each call. */
  gate: () => Promise<void> = () => Promise.resolve();

  async put(digest: Digest, size: number): Promise<void> {
    await this.gate();
    this.sizes.set(digest, size);
  }

  async stat(digest: Digest): Promise<BlobInfo | undefined> {
    await this.gate();
    const size = this.sizes.get(digest);
    return size === undefined ? undefined : { digest, size };
  }

  async delete(digest: Digest): Promise<boolean> {
    await this.gate();
    return this.sizes.delete(digest);
  }

  async *digests(): AsyncIterable<readonly Digest[]> {
    for await (const { digest } of this.list()) yield [digest];
  }

  async *list(after?: Digest): AsyncIterable<BlobInfo> {
    await this.gate();
    for (const digest of [...this.sizes.keys()].sort()) {
      const size = this.sizes.get(digest);
      if (size !== undefined && (after === undefined || digest > after)) yield { digest, size };
    }
  }

  publish(): Promise<void> {
    return Promise.reject(new Error('a synthetic store takes no bytes'));
  }

  open(): Promise<BlobSource | undefined> {
    return Promise.reject(new Error('a synthetic store has no bytes'));
  }

  quarantine(): Promise<boolean> {
    return Promise.reject(new Error('a synthetic store has no bytes'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
