/**
 * One image goes now: its root, the tags that point to it, and whatever nothing else needs then. Stopped anywhere, what is
 * left of it is found by the next collection.
 */
import { candidatesOf } from '../../catalog/edges.js';
import { keys, prefixes, tagOf } from '../../catalog/keys.js';
import { removeTag } from '../../catalog/tags.js';
import type { Transaction } from '../../catalog/transaction.js';
import { AppError } from '../../lib/errors.js';
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { formatImageReference, type ImageReference, type Tag } from '../../oci/reference.js';
import type { Recollection } from '../recollection.js';
import type { Evicted } from './contents.js';
import { cascade, type Eraser } from '../collect/eraser.js';
import { unknownImage, type ImageReader } from './image-reader.js';

export interface EvictionParts {
  readonly reader: ImageReader;
  /** The collector's: two that erase at once could wait for each other. */
  readonly eraser: Eraser;
  readonly recollection: Recollection;
}

/** Throws IMAGE_UNKNOWN, IMAGE_PINNED, REBUILDING. */
export async function evictImage(parts: EvictionParts, image: ImageReference, signal: AbortSignal): Promise<Evicted> {
  const { reader, eraser, recollection } = parts;
  const { digest, tags } = await dropImage(reader, image);
  const repository = reader.repositoryOf(image);
  recollection.removed({ repository, digest, tags }, 'operator');
  const left = new Map<Digest, number>();
  for await (const blob of reader.storedOf(digest)) left.set(blob.digest, blob.size);
  let blobs = 0;
  let bytes = 0;
  await cascade(await candidatesOf(reader.catalog.records, [digest]), {
    eraser,
    gone: (erased) => {
      left.delete(erased.digest);
      // Of what was named and never came there were edges only.
      if (erased.size !== undefined) {
        blobs++;
        bytes += erased.size;
      }
      signal.throwIfAborted();
    },
  });
  const keptBytes = [...left.values()].reduce((sum, size) => sum + size, 0);
  return { digest, blobs, bytes, keptBlobs: left.size, keptBytes };
}

/** In one turn, so that no pin and no tag comes in between. Its bytes may be gone already. */
function dropImage(
  reader: ImageReader,
  image: ImageReference,
): Promise<{ readonly digest: Digest; readonly tags: readonly Tag[] }> {
  const repository = reader.repositoryOf(image);
  const { catalog } = reader;
  return catalog.turn(async (tx) => {
    catalog.assertComplete();
    const { tag } = image;
    const digest = image.digest ?? (tag && (await tx.get(keys.tag(repository, tag)))?.digest);
    if (digest === undefined) throw unknownImage(image);
    if (!(await tx.get(keys.root(digest, repository)))) throw await notAnImage(reader, image, digest);
    if (await isPinned(tx, digest, repository)) {
      const about = formatImageReference(image);
      throw new AppError('IMAGE_PINNED', `${about} is pinned; unpin it first`, { about });
    }
    const tags: Tag[] = [];
    for await (const [key, pointer] of tx.scan(prefixes.tagsOf(repository))) {
      if (pointer.digest !== digest) continue;
      tags.push(tagOf(key));
      await removeTag(tx, repository, tagOf(key));
    }
    tx.delete(keys.root(digest, repository));
    return { digest, tags };
  });
}

async function isPinned(tx: Transaction, digest: Digest, repository: Repository): Promise<boolean> {
  for await (const _ of tx.scan(prefixes.pinsIn(digest, repository))) return true;
  return false;
}

async function notAnImage(reader: ImageReader, image: ImageReference, digest: Digest): Promise<AppError> {
  for await (const parent of reader.catalog.parentsOf(digest)) {
    const about = formatImageReference(image);
    return new AppError('IMAGE_UNKNOWN', `${about} is only a part of ${parent}; evict that`, { about });
  }
  return unknownImage(image);
}
