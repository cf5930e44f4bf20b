/** GET and HEAD of /v2/<name>/blobs/<digest>. */
import type { PullThrough } from '../cache/pull-through.js';
import type { Repository } from '../oci/descriptor.js';
import { parseDigest } from '../oci/digest.js';
import { handOver } from './hand-over.js';
import { rangePicker } from './range.js';
import { hasAlready, notModified, type Asked, type Reply } from './reply.js';

export async function blob(
  cache: PullThrough,
  repository: Repository,
  reference: string,
  asked: Asked,
): Promise<Reply> {
  const digest = parseDigest(reference);
  const etag = `"${digest}"`;
  const pick = rangePicker(asked.range, asked.ifRange, etag);
  const named = { 'Content-Type': 'application/octet-stream', 'Docker-Content-Digest': digest, ETag: etag };
  const common = { ...named, 'Accept-Ranges': 'bytes' };
  const length = (bytes: number | undefined) => (bytes === undefined ? {} : { 'Content-Length': bytes });

  // Who has the blob already is told so only where it could be had again, but nothing is fetched for that.
  const has = hasAlready(asked, etag);
  if (asked.head || has) {
    const { size, answered } = await cache.headBlob(repository, digest, asked.signal);
    if (has) return notModified(etag, digest, answered);
    return { status: 200, headers: { ...common, ...length(size) }, answered, digest };
  }
  const { size, range, answered, path, body, close } = await cache.blob(repository, digest, pick, asked.signal);
  if (asked.handOverAt !== undefined && path !== undefined && size !== undefined) {
    await close();
    const { start, end } = range ?? { start: 0, end: size };
    return handOver(asked.handOverAt + path, end - start, { headers: named, answered, digest });
  }
  const sent = Buffer.isBuffer(body) ? body : { stream: body, close };
  if (!range || size === undefined)
    return { status: 200, headers: { ...common, ...length(size) }, body: sent, answered, digest };
  return {
    status: 206,
    headers: {
      ...common,
      ...length(range.end - range.start),
      'Content-Range': `bytes ${range.start}-${range.end - 1}/${size}`,
    },
    body: sent,
    answered,
    digest,
  };
}
