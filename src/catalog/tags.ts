/**
 * Where tags point, where they pointed, and the pins that follow them. These are parts of a turn: the manifest that a tag
 * is pointed at is stored and linked before, or in the same turn.
 */
import type { Descriptor, Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { isDigest } from '../oci/digest.js';
import type { Tag, TagOrDigest } from '../oci/reference.js';
import { putRoot } from './edges.js';
import { keys, MARK, prefixes, referenceOf, repositoryFirst } from './keys.js';
import type { Pin, UseRecord } from './records.js';
import type { Records } from './stored-records.js';
import type { Transaction } from './transaction.js';

/** Earlier digests kept for each tag. */
const HISTORY = 32;

/**
 * Points the tag and makes what it points at a root. Where it pointed before stays a root until retention lets it go. A tag
 * that was imported stays so until it moves.
 */
export async function moveTag(
  tx: Transaction,
  repository: Repository,
  tag: Tag,
  { digest, mediaType, size }: Descriptor,
  { at, ran }: UseRecord,
  imported = false,
): Promise<void> {
  const key = keys.tag(repository, tag);
  const before = await tx.get(key);
  const moved = before?.digest !== digest;
  const same = moved ? undefined : before;
  tx.put(key, {
    digest,
    mediaType,
    size,
    fetchedAt: same?.fetchedAt ?? at,
    checkedAt: at,
    ran,
    ...((imported || same?.imported) && { imported: true }),
  });
  await putRoot(tx, repository, digest, 'tag', at);
  if (!moved) return;
  if (before) {
    const { digest: old, fetchedAt: from } = before;
    const past = { digest: old, mediaType: before.mediaType, size: before.size, from, until: at };
    tx.put(keys.past(repository, tag, at), past);
    await trimHistory(tx, repository, tag);
  }
  await moveTagPin(tx, repository, tag, before?.digest, digest);
}

/** The tag and its history go; what it pointed at keeps its root, and a pin waits for the tag to come back. */
export async function removeTag(tx: Transaction, repository: Repository, tag: Tag): Promise<void> {
  const before = await tx.get(keys.tag(repository, tag));
  if (!before) return;
  tx.delete(keys.tag(repository, tag));
  await tx.deleteAll(prefixes.pastOf(repository, tag));
  tx.delete(keys.pinned(before.digest, repository, tag));
}

export async function putPin(
  tx: Transaction,
  repository: Repository,
  reference: TagOrDigest,
  at: number,
): Promise<void> {
  const key = keys.pin(repository, reference);
  if (!(await tx.get(key))) tx.put(key, { at });
  const digest = await resolve(tx, repository, reference);
  if (digest !== undefined) tx.put(keys.pinned(digest, repository, reference), MARK);
}

/** False when there was no such pin. */
export async function removePin(tx: Transaction, repository: Repository, reference: TagOrDigest): Promise<boolean> {
  const key = keys.pin(repository, reference);
  if (!(await tx.get(key))) return false;
  tx.delete(key);
  const digest = await resolve(tx, repository, reference);
  if (digest !== undefined) tx.delete(keys.pinned(digest, repository, reference));
  return true;
}

export async function* readPins(records: Records): AsyncIterable<Pin> {
  for await (const [key, { at }] of records.scan(prefixes.pins)) {
    const repository = repositoryFirst(key);
    const reference = referenceOf(key);
    yield { repository, reference, at, digest: await resolve(records, repository, reference) };
  }
}

async function resolve(records: Records, repository: Repository, reference: TagOrDigest): Promise<Digest | undefined> {
  return isDigest(reference) ? reference : (await records.get(keys.tag(repository, reference)))?.digest;
}

async function moveTagPin(
  tx: Transaction,
  repository: Repository,
  tag: Tag,
  from: Digest | undefined,
  to: Digest,
): Promise<void> {
  if (!(await tx.get(keys.pin(repository, tag)))) return;
  if (from !== undefined) tx.delete(keys.pinned(from, repository, tag));
  tx.put(keys.pinned(to, repository, tag), MARK);
}

async function trimHistory(tx: Transaction, repository: Repository, tag: Tag): Promise<void> {
  const past: string[] = [];
  for await (const [key] of tx.scan(prefixes.pastOf(repository, tag))) past.push(key);
  for (const key of past.slice(0, -HISTORY)) tx.delete(key);
}
