/** GET /v2/<name>/referrers/<digest>: an image index of what refers to a manifest; empty rather than 404. */
import type { PullThrough } from '../cache/pull-through.js';
import type { Repository } from '../oci/descriptor.js';
import { parseDigest } from '../oci/digest.js';
import { OCI_INDEX } from '../oci/media-types.js';
import type { ReferrerDescriptor } from '../upstream/upstream.js';
import { json, nextLink, STALE_WARNING, type Asked, type Reply } from './reply.js';

/** Clients read 4 MiB of an index and no more; what does not fit is on the next page. */
const MOST_BYTES = 4 * 1024 * 1024 - 1024;

export async function referrers(
  cache: PullThrough,
  repository: Repository,
  reference: string,
  asked: Asked,
): Promise<Reply> {
  const digest = parseDigest(reference);
  const { referrers: all, stale } = await cache.referrers(repository, digest, asked.signal);
  // No media type has a space: somebody wrote `+json` without encoding it.
  const artifactType = asked.query.get('artifactType')?.replaceAll(' ', '+');
  const wanted = artifactType === undefined ? all : all.filter((referrer) => referrer.artifactType === artifactType);
  const { manifests, next } = pageAfter(asked.query.get('last'), wanted);
  const headers = {
    'Content-Type': OCI_INDEX,
    ...(artifactType !== undefined && { 'OCI-Filters-Applied': 'artifactType' }),
    ...(stale && STALE_WARNING),
    ...nextLink(asked, next),
  };
  return { ...json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, headers), answered: stale };
}

function pageAfter(
  last: string | null,
  all: readonly ReferrerDescriptor[],
): { readonly manifests: readonly ReferrerDescriptor[]; readonly next: string | undefined } {
  const rest = last === null ? all : all.slice(all.findIndex(({ digest }) => digest === last) + 1);
  let bytes = 0;
  const fitting = rest.findIndex((each) => (bytes += Buffer.byteLength(JSON.stringify(each)) + 1) > MOST_BYTES);
  // One that does not fit even alone is sent alone.
  const manifests = fitting < 0 ? rest : rest.slice(0, Math.max(1, fitting));
  return { manifests, next: manifests.length < rest.length ? manifests.at(-1)?.digest : undefined };
}
