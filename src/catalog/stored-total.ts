/**
 * How much is stored. The total changes in the very batch that writes or removes a blob's record, so it is exact at any
 * moment and after any crash, and costs no scan. Blobs that only a snapshot remembers are not counted until they are seen.
 *
 * These are parts of a turn.
 */
import type { Digest } from '../oci/digest.js';
import { keys } from './keys.js';
import type { BlobRecord, StoredTotal } from './records.js';
import type { Transaction } from './transaction.js';

export const NOTHING: StoredTotal = { blobs: 0, bytes: 0 };

export async function putBlobRecord(tx: Transaction, digest: Digest, record: BlobRecord): Promise<void> {
  await count(tx, digest, record);
  tx.put(keys.blob(digest), record);
}

export async function removeBlobRecord(tx: Transaction, digest: Digest): Promise<void> {
  await count(tx, digest, undefined);
  tx.delete(keys.blob(digest));
}

async function count(tx: Transaction, digest: Digest, after: BlobRecord | undefined): Promise<void> {
  const before = counted(await tx.get(keys.blob(digest)));
  const now = counted(after);
  if (before.blobs === now.blobs && before.bytes === now.bytes) return;
  await addToTotal(tx, { blobs: now.blobs - before.blobs, bytes: now.bytes - before.bytes });
}

/** For whoever writes many records and has added up what they change. */
export async function addToTotal(tx: Transaction, change: StoredTotal): Promise<void> {
  await tx.update(keys.stored, (total = NOTHING) => ({
    blobs: total.blobs + change.blobs,
    bytes: total.bytes + change.bytes,
  }));
}

const counted = (record: BlobRecord | undefined): StoredTotal =>
  record && !record.unseen ? { blobs: 1, bytes: record.size } : NOTHING;
