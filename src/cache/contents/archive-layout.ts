/** An OCI image layout in a tar file, in words. Source: OCI image specification, image-layout.md and annotations.md. */
import { digestAlgorithm, digestHex, isDigest, type Digest } from '../../oci/digest.js';

export const LAYOUT_FILE = 'oci-layout';
export const INDEX_FILE = 'index.json';
export const LAYOUT = { imageLayoutVersion: '1.0.0' };

export const REFERENCE_NAME = 'org.opencontainers.image.ref.name';
/** containerd's, and so docker's: always the whole reference. */
export const IMAGE_NAME = 'io.containerd.image.name';

export const blobName = (digest: Digest): string => `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;

/** Undefined for a name that is no blob's. */
export function digestNamed(name: string): Digest | undefined {
  const [blobs, algorithm, hex, ...more] = name.split('/');
  const text = `${algorithm ?? ''}:${hex ?? ''}`;
  return blobs === 'blobs' && more.length === 0 && isDigest(text) ? text : undefined;
}
