/**
 * Who may serve what. A repository serves a digest only by a link of its own; the digest alone opens nothing. A link is made
 * when bytes were downloaded through that repository, when its upstream said that it has them, or by an operator's import,
 * and it goes with the blob's record: bytes that come again later start with the links of that download alone.
 *
 * Whether a grant is *justified* is the caller's to know (DESIGN "Who may have it"); that it is whole and gone when it must
 * be is promised here. These are parts of a turn.
 */
import type { Descriptor, Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { isManifestType } from '../oci/media-types.js';
import { keys, MARK, prefixes, repositoryAfterDigest } from './keys.js';
import type { LinkRecord, Provenance, UseRecord } from './records.js';
import { putBlobRecord } from './stored-total.js';
import type { Transaction } from './transaction.js';

export interface StoredBlob {
  readonly repository: Repository;
  readonly descriptor: Descriptor;
  /** Fetched without credentials from a public address. */
  readonly public: boolean;
  /** Given by an operator's import instead of fetched. */
  readonly imported?: boolean;
}

/** Records that verified bytes are in the store, and links them to the repository that they came through. */
export async function putBlob(tx: Transaction, stored: StoredBlob, { at, ran }: UseRecord): Promise<void> {
  const { repository, descriptor } = stored;
  const known = await tx.get(keys.blob(descriptor.digest));
  // Bytes without a record, or with one that only a snapshot remembers, are new: nobody's old grant may come back with them.
  const before = known?.unseen ? undefined : known;
  if (!before) await removeLinks(tx, descriptor.digest);
  await putBlobRecord(tx, descriptor.digest, {
    size: descriptor.size,
    // Bytes that came as a manifest stay one: that somebody also has them as a blob says less.
    mediaType: before && isManifestType(before.mediaType) ? before.mediaType : descriptor.mediaType,
    storedAt: before?.storedAt ?? at,
    ran,
    // What an operator brought did not come through an upstream, so that one's word for another repository says nothing of it.
    via: stored.imported
      ? (before?.via ?? [])
      : merged(before?.via ?? [], { upstream: repository.upstream, public: stored.public }),
  });
  await putLink(tx, repository, descriptor.digest, { checkedAt: at, ran, ...(stored.imported && { imported: true }) });
}

/**
 * Records verified bytes that nobody may have yet: an import links them once all of it is here. Until then they are what
 * no manifest ever referenced, and so kept for the grace period. What is recorded already is as new as if it were not.
 */
export async function putUnlinked(
  tx: Transaction,
  { digest, size, mediaType }: Descriptor,
  { at, ran }: UseRecord,
): Promise<void> {
  const known = await tx.get(keys.blob(digest));
  const before = known?.unseen ? undefined : known;
  if (!before) await removeLinks(tx, digest);
  const { storedAt = at, via = [] } = before ?? {};
  await putBlobRecord(tx, digest, { size, mediaType: before?.mediaType ?? mediaType, storedAt, ran, via });
}

/** Makes or refreshes a link. One that was imported stays imported. */
export async function putLink(
  tx: Transaction,
  repository: Repository,
  digest: Digest,
  link: LinkRecord,
): Promise<void> {
  const key = keys.link(digest, repository);
  const known = await tx.get(key);
  const mediaType = link.mediaType ?? known?.mediaType;
  const imported = link.imported ?? known?.imported;
  tx.put(key, { ...link, ...(mediaType !== undefined && { mediaType }), ...(imported && { imported }) });
  tx.put(keys.held(digest, repository), MARK);
}

export function removeLink(tx: Transaction, repository: Repository, digest: Digest): void {
  tx.delete(keys.link(digest, repository));
  tx.delete(keys.held(digest, repository));
}

export async function removeLinks(tx: Transaction, digest: Digest): Promise<void> {
  for await (const [key] of tx.scan(prefixes.linksOf(digest))) removeLink(tx, repositoryAfterDigest(key), digest);
}

/** Once public, always public: that the same bytes also came with a credential takes nothing back. */
function merged(via: readonly Provenance[], added: Provenance): readonly Provenance[] {
  const others = via.filter(({ upstream }) => upstream !== added.upstream);
  const wasPublic = via.some((each) => each.upstream === added.upstream && each.public);
  return [...others, { upstream: added.upstream, public: added.public || wasPublic }];
}
