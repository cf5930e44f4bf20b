/**
 * The port to where bytes are kept. A blob is any stored bytes, named by their digest: layers, configs, manifests.
 * What is in a store was verified before it came in, because `publish` takes nothing but a `VerifiedFile`.
 */
import type { Digest } from '../oci/digest.js';
import type { VerifiedFile } from './spool.js';

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Bytes `start` (inclusive) to `end` (exclusive). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * An open blob. It can be read once. Each chunk belongs to the consumer until it asks for the next one, so the bytes
 * must have left (the socket write's callback was called) before then. Ends early only by throwing.
 */
export interface BlobSource extends AsyncIterable<Buffer> {
  /** Of the whole blob, in bytes, as it lies in the store. */
  readonly size: number;
  /** Where a program beside us reads it as a file, below the directory of the store; undefined when only we can. */
  readonly path: string | undefined;
  /** Whether these bytes are still what is stored: good ones may have come in their place since. Also when it is closed. */
  isCurrent(): Promise<boolean>;
  /** Needed only when the source is not read to its end. Idempotent. */
  close(): Promise<void>;
}

export interface BlobStore {
  stat(digest: Digest): Promise<BlobInfo | undefined>;
  /** `range` is clamped to the blob; without one, all of it. A read error, also while iterating, is an AppError BLOB_CORRUPT. */
  open(digest: Digest, range?: ByteRange): Promise<BlobSource | undefined>;
  /** Atomic, durable and idempotent; takes the file away, and replaces what was stored under the digest before. */
  publish(file: VerifiedFile): Promise<void>;
  /** False when there was nothing to delete. Open sources can still be read to their end. */
  delete(digest: Digest): Promise<boolean>;
  /**
   * Sets bytes aside that turned out bad, for a person to look at. False when that cannot be done: they stay where they are
   * until good ones take their place.
   */
  quarantine(digest: Digest): Promise<boolean>;
  /** What is stored, in order and in pages, without a look at each: for those who only want to know that it is there. */
  digests(): AsyncIterable<readonly Digest[]>;
  /** Ordered by digest, after `after`. */
  list(after?: Digest): AsyncIterable<BlobInfo>;
  close(): Promise<void>;
}
