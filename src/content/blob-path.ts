/** Where a blob lies in a directory of blobs. The layout is an interface: docs and black-box checks read it. */
import { join } from 'node:path';
import { digestAlgorithm, digestHex, type Digest } from '../oci/digest.js';

export function blobPath(dir: string, digest: Digest): string {
  const hex = digestHex(digest);
  return join(dir, digestAlgorithm(digest), hex.slice(0, 2), hex);
}
