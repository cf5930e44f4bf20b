/**
 * What needs what. A manifest that is stored has an edge to each child it names, kept from the child's side too, so that
 * whether a digest is needed is a question about that digest alone. Digests cannot form cycles, so a digest without a
 * parent, root or pin is needed by nothing; a referrer is needed as long as its subject is stored.
 *
 * These are the parts of a turn: they read and change a transaction, and promise nothing outside of one.
 */
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { firstDigest, keys, lastDigest, MARK, prefixes, repositoryAfterDigest, type Prefix } from './keys.js';
import type { ManifestRecord, Root, RootRecord } from './records.js';
import type { Records } from './stored-records.js';
import { removeBlobRecord } from './stored-total.js';
import type { Transaction } from './transaction.js';

/** Writes down what a stored manifest names. */
export function putEdges(tx: Transaction, manifest: Digest, record: ManifestRecord): void {
  tx.put(keys.manifest(manifest), record);
  for (const child of record.children) tx.put(keys.parent(child, manifest), MARK);
  if (record.subject !== undefined) tx.put(keys.referrer(record.subject, manifest), MARK);
}

/** Whether a manifest that names `digest` is stored and linked in this repository, so that a root here would say nothing new. */
export async function hasParentIn(records: Records, repository: Repository, digest: Digest): Promise<boolean> {
  for await (const [key] of records.scan(prefixes.parentsOf(digest))) {
    const parent = lastDigest(key);
    if ((await records.get(keys.link(parent, repository))) && (await records.get(keys.blob(parent)))) return true;
  }
  return false;
}

/** Asked for by tag: always a root. Asked for by digest: only while no parent is stored. */
export async function putRoot(
  tx: Transaction,
  repository: Repository,
  digest: Digest,
  by: 'tag' | 'digest',
  at: number,
): Promise<void> {
  const key = keys.root(digest, repository);
  const root = await tx.get(key);
  if (root && (root.by === 'tag' || by === 'digest')) return;
  if (by === 'digest' && (await hasParentIn(tx, repository, digest))) return;
  tx.put(key, { by, at: root?.at ?? at });
}

/**
 * A parent has come: the roots that its children got by being asked for by digest go, and their last use is the parent's.
 * Roots made by a tag stay: a tag points there.
 */
export async function takeOverChildren(
  tx: Transaction,
  repository: Repository,
  parent: Digest,
  children: readonly Digest[],
): Promise<void> {
  let latest = await tx.get(keys.used(parent, repository));
  for (const child of children) {
    const rootKey = keys.root(child, repository);
    if ((await tx.get(rootKey))?.by !== 'digest') continue;
    tx.delete(rootKey);
    const used = await tx.get(keys.used(child, repository));
    if (used && (!latest || used.ran > latest.ran)) latest = used;
  }
  if (latest) tx.put(keys.used(parent, repository), latest);
}

/** Whether anything keeps `digest` from being deleted. */
export async function isNeeded(records: Records, digest: Digest): Promise<boolean> {
  if (await isAny(records, prefixes.parentsOf(digest))) return true;
  if (await isAny(records, prefixes.rootsOf(digest))) return true;
  if (await isAny(records, prefixes.pinsOn(digest))) return true;
  return refersToStored(records, digest);
}

/** Whether it is a referrer whose subject is stored. */
export async function refersToStored(records: Records, digest: Digest): Promise<boolean> {
  const subject = (await records.get(keys.manifest(digest)))?.subject;
  return subject !== undefined && (await records.get(keys.blob(subject))) !== undefined;
}

/**
 * A digest that nothing seemed to need, as it was then. Before it is erased somebody else may do so, and its bytes may come
 * again: those were not looked at, and stay.
 */
export interface Candidate {
  readonly digest: Digest;
  /** `BlobRecord.ran`; undefined without a record. */
  readonly ran: number | undefined;
}

export const candidatesOf = (records: Pick<Records, 'get'>, digests: Iterable<Digest>): Promise<readonly Candidate[]> =>
  Promise.all(Array.from(digests, async (digest) => ({ digest, ran: (await records.get(keys.blob(digest)))?.ran })));

export interface Erased {
  readonly digest: Digest;
  /** Bytes; undefined when only edges were left of it. */
  readonly size: number | undefined;
  /** What may be needed by nothing now: its children, and its referrers. */
  readonly freed: readonly Candidate[];
}

/** Forgets all that is known of digests that nothing needs; their bytes are the caller's to delete. */
export async function eraseDigests(tx: Transaction, digests: readonly Digest[]): Promise<readonly Erased[]> {
  const erased: Erased[] = [];
  // All of it is read before any is changed: a scan that has to mind many changes is a slow one.
  for (const { digest, size, manifest, freed, keys: alone } of await Promise.all(
    digests.map((each) => remainsOf(tx, each)),
  )) {
    for (const child of manifest?.children ?? []) tx.delete(keys.parent(child, digest));
    if (manifest?.subject !== undefined) tx.delete(keys.referrer(manifest.subject, digest));
    for (const key of alone) tx.delete(key);
    await removeBlobRecord(tx, digest);
    erased.push({ digest, size, freed });
  }
  return erased;
}

/** What the index says of a digest that has no parent. */
async function remainsOf(records: Records, digest: Digest) {
  const manifest = await records.get(keys.manifest(digest));
  const alone: string[] = manifest ? [keys.manifest(digest)] : [];
  for await (const [key] of records.scan(prefixes.rootsOf(digest))) alone.push(key);
  for await (const [key] of records.scan(prefixes.usesOf(digest))) alone.push(key);
  for await (const [key] of records.scan(prefixes.linksOf(digest))) {
    alone.push(key, keys.held(digest, repositoryAfterDigest(key)));
  }
  const freed = await freedBy(records, digest, manifest);
  return { digest, size: (await records.get(keys.blob(digest)))?.size, manifest, freed, keys: alone };
}

/** Its children, and its referrers. */
export async function freedBy(
  records: Records,
  digest: Digest,
  manifest: ManifestRecord | undefined,
): Promise<readonly Candidate[]> {
  const freed = new Set(manifest?.children);
  for await (const referrer of digestsOf(records, prefixes.referrersOf(digest))) freed.add(referrer);
  return candidatesOf(records, freed);
}

/** The digests at the end of the keys that `prefix` finds. */
export async function* digestsOf<T>(records: Records, prefix: Prefix<T>): AsyncIterable<Digest> {
  for await (const [key] of records.scan(prefix)) yield lastDigest(key);
}

export async function* readRoots(records: Records, prefix: Prefix<RootRecord>): AsyncIterable<Root> {
  for await (const [key, root] of records.scan(prefix)) {
    yield { ...root, digest: firstDigest(key), repository: repositoryAfterDigest(key) };
  }
}

/** How deep indexes may nest; PROTOCOL's limit. */
const MAX_DEPTH = 4;

/** Whether `accept` holds for `digest` or a manifest above it, nearest first. Each is asked once. */
export async function someAncestor(
  records: Records,
  digest: Digest,
  accept: (digest: Digest) => Promise<boolean>,
): Promise<boolean> {
  const seen = new Set<Digest>([digest]);
  let level: readonly Digest[] = [digest];
  for (let depth = 0; depth <= MAX_DEPTH + 1 && level.length > 0; depth++) {
    const above: Digest[] = [];
    for (const each of level) {
      if (await accept(each)) return true;
      for await (const parent of digestsOf(records, prefixes.parentsOf(each))) {
        if (seen.has(parent)) continue;
        seen.add(parent);
        above.push(parent);
      }
    }
    level = above;
  }
  return false;
}

async function isAny<T>(records: Records, prefix: Prefix<T>): Promise<boolean> {
  for await (const _ of records.scan(prefix)) return true;
  return false;
}
