/**
 * The index made anew: first what only the snapshot knows, before anything is served; then, while serving, what the stored
 * bytes say of themselves. Both halves write the same records when they run twice, so a rebuild that was interrupted is
 * resumed by starting the half it was in again. While the `rebuilding` record is there, nothing may be deleted.
 */
import type { Logger } from '../lib/log.js';
import { slices } from '../lib/page.js';
import type { MetadataStore, Mutation } from '../metadata/metadata-store.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { putEdges } from './edges.js';
import { firstDigest, keys, prefixes } from './keys.js';
import { removeLinks } from './links.js';
import type { BlobRecord, RebuildRecord, UseRecord } from './records.js';
import { openSnapshot } from './snapshot.js';
import type { StoredRecords } from './stored-records.js';
import { putBlobRecord } from './stored-total.js';
import type { Transaction } from './transaction.js';
import type { WriteQueue } from './write-queue.js';

export interface SurveyedBlob {
  readonly digest: Digest;
  /** Bytes, as it lies in the store. */
  readonly size: number;
  /** When the bytes are a manifest. */
  readonly manifest?:
    | { readonly mediaType: string; readonly children: readonly Descriptor[]; readonly subject?: Digest | undefined }
    | undefined;
}

/** Every blob in the store, in pages. */
export type Survey = () => AsyncIterable<readonly SurveyedBlob[]>;

/** Snapshot records in one batch. */
const RESTORE_BATCH = 5000;
/** Surveyed blobs in one turn, so that clients' writes are not kept waiting. */
const SURVEY_BATCH = 1000;

/** Which half of a rebuild is still to be done; undefined when none is. */
export async function pendingRebuild(store: MetadataStore): Promise<RebuildRecord['stage'] | undefined> {
  const text = await store.get(keys.rebuilding);
  return text === undefined ? undefined : (JSON.parse(text) as RebuildRecord).stage;
}

/** Brings back the snapshot's records. A snapshot that is missing or broken brings back nothing, and the log says so. */
export async function restoreSnapshot(store: MetadataStore, file: string, log: Logger): Promise<void> {
  await store.write([rebuilding('snapshot')]);
  const snapshot = await openSnapshot(file);
  if (snapshot === 'broken') log.error({ file }, 'snapshot is not whole: tags, links, roots and pins are lost');
  let restored = 0;
  if (snapshot !== undefined && snapshot !== 'broken') {
    let batch: Mutation[] = [];
    for await (const [key, value] of snapshot) {
      batch.push({ type: 'put', key, value: key.startsWith(prefixes.blobs) ? unseen(value) : value });
      restored++;
      if (batch.length < RESTORE_BATCH) continue;
      await store.write(batch, { durable: false });
      batch = [];
    }
    await store.write(batch, { durable: false });
  }
  // Durable, and with it all that was written before.
  await store.write([rebuilding('survey')]);
  log.info({ records: restored }, 'snapshot restored');
}

/** Resolves when the index says what is stored; rejects with the signal's reason as soon as it is aborted. */
export async function surveyStore(options: {
  readonly queue: WriteQueue;
  readonly records: StoredRecords;
  readonly survey: Survey;
  /** When what is found was recovered. */
  readonly moment: UseRecord;
  readonly signal: AbortSignal;
}): Promise<{ readonly blobs: number; readonly gone: number }> {
  const { queue, records, survey, moment, signal } = options;
  let blobs = 0;
  for await (const page of survey()) {
    for (const batch of slices(page, SURVEY_BATCH)) {
      signal.throwIfAborted();
      // Not waited for by anybody: the durable batch that ends the rebuild makes all of them last.
      await queue.turn(
        async (tx) => {
          for (const blob of batch) await putSurveyed(tx, blob, moment);
        },
        { durable: false },
      );
      blobs += batch.length;
    }
  }
  const gone = await forgetUnseen(queue, records, signal);
  await queue.turn((tx) => tx.delete(keys.rebuilding));
  return { blobs, gone };
}

async function putSurveyed(
  tx: Transaction,
  { digest, size, manifest }: SurveyedBlob,
  { at, ran }: UseRecord,
): Promise<void> {
  const known = await tx.get(keys.blob(digest));
  if (!known || known.unseen || known.size !== size) {
    const mediaType = known?.mediaType ?? manifest?.mediaType ?? 'application/octet-stream';
    const { storedAt, via }: Pick<BlobRecord, 'storedAt' | 'via'> = known ?? { storedAt: at, via: [] };
    await putBlobRecord(tx, digest, { size, mediaType, storedAt, ran, via, recoveredAt: at });
  }
  if (!manifest || (await tx.get(keys.manifest(digest)))) return;
  const children = [...new Set(manifest.children.map((child) => child.digest))];
  putEdges(tx, digest, { children, ...(manifest.subject !== undefined && { subject: manifest.subject }) });
}

/** What the snapshot knew but the survey did not find has no bytes: its record goes, and its links with it. */
async function forgetUnseen(queue: WriteQueue, records: StoredRecords, signal: AbortSignal): Promise<number> {
  let gone = 0;
  for await (const [key, blob] of records.scan(prefixes.blobs)) {
    if (!blob.unseen) continue;
    signal.throwIfAborted();
    const digest = firstDigest(key);
    await queue.turn(async (tx) => {
      // It may have been fetched since the page was read.
      if (!(await tx.get(keys.blob(digest)))?.unseen) return;
      tx.delete(key);
      await removeLinks(tx, digest);
      gone++;
    });
  }
  return gone;
}

const rebuilding = (stage: RebuildRecord['stage']): Mutation => ({
  type: 'put',
  key: keys.rebuilding,
  value: JSON.stringify({ stage } satisfies RebuildRecord),
});

const unseen = (value: string): string =>
  JSON.stringify({ ...(JSON.parse(value) as BlobRecord), unseen: true } satisfies BlobRecord);
