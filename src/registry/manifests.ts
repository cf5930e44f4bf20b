/** GET and HEAD of /v2/<name>/manifests/<reference>. */
import type { PullThrough } from '../cache/pull-through.js';
import { AppError } from '../lib/errors.js';
import type { Repository } from '../oci/descriptor.js';
import { parseTagOrDigest } from '../oci/reference.js';
import { hasAlready, notModified, STALE_WARNING, type Asked, type Reply } from './reply.js';

export async function manifest(
  cache: PullThrough,
  repository: Repository,
  reference: string,
  asked: Asked,
): Promise<Reply> {
  const wanted = parseTagOrDigest(reference);
  const { descriptor, bytes, answered } = await cache.manifest(
    repository,
    wanted,
    asked.head ? 'headers' : 'body',
    asked.signal,
  );
  const { digest, mediaType, size } = descriptor;
  const etag = `"${digest}"`;
  if (hasAlready(asked, etag)) return notModified(etag, digest, answered);
  if (!asked.head && !bytes) throw new AppError('INTERNAL', 'the manifest has no bytes');
  return {
    status: 200,
    headers: {
      'Content-Type': mediaType,
      'Content-Length': size,
      'Docker-Content-Digest': digest,
      ETag: etag,
      ...(answered.outcome === 'stale' && { Age: answered.age ?? 0, ...STALE_WARNING }),
    },
    body: asked.head ? undefined : bytes,
    answered,
    digest,
  };
}
