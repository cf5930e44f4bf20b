/**
 * Images on their way out, as a tar file of known length that is never in memory as a whole. Each blob is hashed as it is
 * read, and its last bytes wait until its digest is found right: an archive that ends is right.
 */
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import type { Catalog } from '../../catalog/catalog.js';
import type { BlobSource, BlobStore } from '../../content/blob-store.js';
import type { KeyedMutex } from '../../lib/async.js';
import { AppError, isAppError } from '../../lib/errors.js';
import type { Logger } from '../../lib/log.js';
import { digestAlgorithm, digestOfHash, newHash, type Digest } from '../../oci/digest.js';
import { blobName } from './archive-layout.js';
import type { ArchivePlan } from './archive-plan.js';
import type { ImageArchive } from './contents.js';
import { Losses } from '../losses.js';

export interface ExportParts {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly digestLocks: KeyedMutex;
  readonly log: Logger;
}

const BLOCK = 512;
/** The same images make the same archive. */
const MTIME = new Date(0);
/** A longer name is told in a header of its own. */
const LONGEST_NAME = 100;

export function exportArchive(parts: ExportParts, plan: ArchivePlan, signal: AbortSignal): ImageArchive {
  let bytes = 2 * BLOCK;
  for (const { name, bytes: content } of plan.files) bytes += entrySize(name, content.length);
  for (const [digest, size] of plan.blobs) bytes += entrySize(blobName(digest), size);
  return { bytes, chunks: archive(parts, plan, signal) };
}

const entrySize = (name: string, size: number): number =>
  BLOCK + (name.length > LONGEST_NAME ? 2 * BLOCK : 0) + Math.ceil(size / BLOCK) * BLOCK;

async function* archive(parts: ExportParts, plan: ArchivePlan, signal: AbortSignal): AsyncGenerator<Buffer, void> {
  const tar = pack();
  const packing = fill(tar, parts, plan, signal).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error as Error),
  );
  try {
    yield* tar as AsyncIterable<Buffer>;
  } finally {
    tar.destroy();
    await packing;
  }
}

async function fill(tar: Pack, parts: ExportParts, plan: ArchivePlan, signal: AbortSignal): Promise<void> {
  for (const { name, bytes } of plan.files) await add(tar, name, bytes.length, [bytes], signal);
  for (const [digest, size] of plan.blobs) {
    const source = size === 0 ? undefined : await open(parts, digest);
    try {
      await add(tar, blobName(digest), size, source ? verified(parts, source, digest, size) : [], signal);
    } finally {
      await source?.close();
    }
  }
}

async function add(
  tar: Pack,
  name: string,
  size: number,
  bytes: Iterable<Buffer> | AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  await pipeline(bytes, tar.entry({ name, size, mode: 0o644, mtime: MTIME }), { signal });
}

async function open(parts: ExportParts, digest: Digest): Promise<BlobSource> {
  const source = await parts.store.open(digest);
  if (source) return source;
  await new Losses(parts).missing(digest);
  throw new AppError('IMAGE_INCOMPLETE', `blob ${digest} went away while its image was exported`);
}

/** Copies, because a chunk of a source lasts only until the next one is asked for, and the tar file keeps several. */
async function* verified(
  parts: ExportParts,
  source: BlobSource,
  digest: Digest,
  size: number,
): AsyncGenerator<Buffer, void> {
  const hash = newHash(digest);
  let at = 0;
  try {
    if (source.size !== size) throw corrupt(digest);
    for await (const chunk of source) {
      hash.update(chunk);
      at += chunk.length;
      if (at === size && digestOfHash(digestAlgorithm(digest), hash) !== digest) throw corrupt(digest);
      yield Buffer.from(chunk);
    }
  } catch (error) {
    if (isAppError(error, 'BLOB_CORRUPT')) {
      await new Losses(parts).badAsRead(digest, source, error);
    }
    throw error;
  }
}

const corrupt = (digest: Digest): AppError =>
  new AppError('BLOB_CORRUPT', `the stored bytes of ${digest} are not right; verify fetches them again`);
