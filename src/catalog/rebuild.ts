/**
 * The index made anew: first what only the snapshot knows, before anything is served; then, while serving, what the stored
 * bytes say of themselves. Both halves write the same records when they run twice, so a rebuild that was interrupted is
 * resumed by starting the half it was in again. While the `rebuilding` record is there, nothing may be deleted.
 */
import type { Logger } from '../lib/log.js';
import type { MetadataStore, Mutation } from '../metadata/metadata-store.js';
import type { Digest } from '../oci/digest.js';
import { OCTET_STREAM } from '../oci/media-types.js';
import { putEdges } from './edges.js';
import { firstDigest, keys, MARK, prefixes, repositoryAfterDigest } from './keys.js';
import { removeLinks } from './links.js';
import type { BlobRecord, RebuildRecord, UseRecord } from './records.js';
import { openSnapshot } from './snapshot.js';
import { addToTotal } from './stored-total.js';
import type { Transaction } from './transaction.js';
import type { WriteQueue } from './write-queue.js';

export interface SurveyedBlob {
  readonly digest: Digest;
  /** Bytes, as it lies in the store. */
  readonly size: number;
  /** When the bytes are a manifest. */
  readonly manifest?:
    | { readonly mediaType: string; readonly children: readonly Digest[]; readonly subject?: Digest | undefined }
    | undefined;
}

/** All that is stored whose digest begins with `prefix`: at most some hundreds, so that clients' writes need not wait. */
export interface SurveyPage {
  readonly prefix: string;
  readonly blobs: readonly SurveyedBlob[];
}

/** Every blob in the store, in pages whose prefixes make up all digests. */
export type Survey = () => AsyncIterable<SurveyPage>;

/** Where what the stored bytes do not say is kept beside the index. */
export interface SnapshotFiles {
  readonly snapshot: string;
  readonly statistics: string;
}

/** Which half of a rebuild is still to be done; undefined when none is. */
export async function pendingRebuild(store: MetadataStore): Promise<RebuildRecord['stage'] | undefined> {
  const text = await store.get(keys.rebuilding);
  return text === undefined ? undefined : (JSON.parse(text) as RebuildRecord).stage;
}

/** Brings back what was copied. A file that is missing or broken brings back nothing, and the log says so. */
export async function restoreSnapshot(store: MetadataStore, files: SnapshotFiles, log: Logger): Promise<void> {
  const started = performance.now();
  await store.write([rebuilding('snapshot')]);
  let records = 0;
  for (const [file, lost] of [
    [files.snapshot, 'tags, links, roots, pins and jobs are lost'],
    [files.statistics, 'statistics are lost'],
  ] as const) {
    const lines = await openSnapshot(file);
    if (lines === 'broken') log.error({ file }, `snapshot is not whole: ${lost}`);
    if (lines === undefined || lines === 'broken') continue;
    for await (const some of lines) {
      await store.write(some.flatMap(restored), { durable: false });
      records += some.length;
    }
  }
  await store.write([rebuilding('survey')], { durable: 'all' });
  log.info({ records, durationMs: Math.round(performance.now() - started) }, 'snapshot restored');
}

function restored([key, value]: readonly [string, string]): readonly Mutation[] {
  // Whether the bytes are there is not known yet. The mark goes in as text: there may be millions of records.
  if (key.startsWith(prefixes.blobs)) return [put(key, `${value.slice(0, -1)},"unseen":true}`)];
  if (!key.startsWith(prefixes.links)) return [put(key, value)];
  return [put(key, value), put(keys.held(firstDigest(key), repositoryAfterDigest(key)), JSON.stringify(MARK))];
}

/** Resolves when the index says what is stored; rejects with the signal's reason as soon as it is aborted. */
export async function surveyStore(options: {
  readonly queue: WriteQueue;
  readonly survey: Survey;
  /** When what is found was recovered. */
  readonly moment: UseRecord;
  readonly signal: AbortSignal;
}): Promise<{ readonly blobs: number; readonly gone: number }> {
  const { queue, survey, moment, signal } = options;
  let blobs = 0;
  let gone = 0;
  for await (const page of survey()) {
    signal.throwIfAborted();
    // Not waited for by anybody: the batch that ends the rebuild makes all of them last.
    gone += await queue.turn((tx) => putPage(tx, page, moment), { durable: false });
    blobs += page.blobs.length;
  }
  signal.throwIfAborted();
  await queue.turn((tx) => tx.delete(keys.rebuilding), { durable: 'all' });
  return { blobs, gone };
}

/** Resolves to how many there are no more. One read of their records, whatever happened to them since the start. */
async function putPage(tx: Transaction, { prefix, blobs }: SurveyPage, moment: UseRecord): Promise<number> {
  const known = new Map<Digest, BlobRecord>();
  for await (const [key, record] of tx.scan(prefixes.blobsIn(prefix))) known.set(firstDigest(key), record);
  const gone = await forgetUnseen(tx, known, new Set(blobs.map(({ digest }) => digest)));
  const found = { blobs: 0, bytes: 0 };
  for (const { digest, size, manifest } of blobs) {
    const before = known.get(digest);
    if (manifest) await putManifest(tx, digest, manifest);
    if (before && !before.unseen && before.size === size) continue;
    const counted = before && !before.unseen ? before : undefined;
    found.blobs += counted ? 0 : 1;
    found.bytes += size - (counted?.size ?? 0);
    const mediaType = before?.mediaType ?? manifest?.mediaType ?? OCTET_STREAM;
    const { storedAt, via }: Pick<BlobRecord, 'storedAt' | 'via'> = before ?? { storedAt: moment.at, via: [] };
    const ranBefore = before?.recoveredAt === undefined ? before?.ran : before.ranBefore;
    tx.put(keys.blob(digest), {
      size,
      mediaType,
      storedAt,
      ran: moment.ran,
      via,
      recoveredAt: moment.at,
      ...(ranBefore !== undefined && { ranBefore }),
    });
  }
  if (blobs.length > 0) await addToTotal(tx, found);
  return gone;
}

async function putManifest(
  tx: Transaction,
  digest: Digest,
  { children, subject }: NonNullable<SurveyedBlob['manifest']>,
): Promise<void> {
  if (await tx.get(keys.manifest(digest))) return;
  putEdges(tx, digest, { children, ...(subject !== undefined && { subject }) });
}

/** What the snapshot knew but the survey did not find has no bytes: its record goes, and its links with it. */
async function forgetUnseen(
  tx: Transaction,
  known: ReadonlyMap<Digest, BlobRecord>,
  found: ReadonlySet<Digest>,
): Promise<number> {
  let gone = 0;
  for (const [digest, { unseen }] of known) {
    if (!unseen || found.has(digest)) continue;
    tx.delete(keys.blob(digest));
    await removeLinks(tx, digest);
    gone++;
  }
  return gone;
}

const put = (key: string, value: string): Mutation => ({ type: 'put', key, value });

const rebuilding = (stage: RebuildRecord['stage']): Mutation =>
  put(keys.rebuilding, JSON.stringify({ stage } satisfies RebuildRecord));
