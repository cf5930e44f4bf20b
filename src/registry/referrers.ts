/** GET /v2/<name>/referrers/<digest>: an image index of what refers to a manifest; empty rather than 404. */
import type { PullThrough } from '../cache/pull-through.js';
import type { Repository } from '../oci/descriptor.js';
import { parseDigest } from '../oci/digest.js';
import { OCI_INDEX } from '../oci/media-types.js';
import { json, type Asked, type Reply } from './reply.js';

export async function referrers(
  cache: PullThrough,
  repository: Repository,
  reference: string,
  asked: Asked,
): Promise<Reply> {
  const digest = parseDigest(reference);
  const artifactType = asked.query.get('artifactType');
  const all = await cache.referrers(repository, digest, asked.signal);
  const manifests = artifactType === null ? all : all.filter((referrer) => referrer.artifactType === artifactType);
  return json(
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests },
    { 'Content-Type': OCI_INDEX, ...(artifactType !== null && { 'OCI-Filters-Applied': 'artifactType' }) },
  );
}
