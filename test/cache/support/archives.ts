/** OCI image layouts as tar files, right or wrong in one chosen way. */
import { pack, type Header } from 'tar-stream';
import { blobName, IMAGE_NAME } from '../../../src/cache/contents/archive-layout.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { type Content, descriptorOf } from '../../support/images.js';

export const ArchiveInvalid = 'ARCHIVE_INVALID';

export interface ArchiveOptions {
  /** What the image is called. */
  readonly name?: string;
  /** Names of files, or digests, that stay out. */
  readonly without?: readonly string[];
  readonly wrong?: string;
  /** Names of files that come after all others. */
  readonly last?: readonly string[];
  readonly extra?: readonly (Partial<Header> & { readonly name: string })[];
}

export async function archiveOf(
  images: readonly (Descriptor & { readonly bytes: Buffer; readonly blobs: readonly Content[] })[],
  { name, without = [], wrong, last = [], extra = [] }: ArchiveOptions,
): Promise<Buffer> {
  const annotations = name === undefined ? {} : { annotations: { [IMAGE_NAME]: name } };
  const manifests = images.map((image) => ({ ...descriptorOf(image), ...annotations }));
  const files: { name: string; bytes: Buffer }[] = [
    { name: 'oci-layout', bytes: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { name: 'index.json', bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })) },
  ];
  for (const image of images) {
    for (const { digest, bytes } of [image, ...image.blobs]) {
      if (without.includes(digest)) continue;
      files.push({ name: blobName(digest), bytes: digest === wrong ? Buffer.alloc(bytes.length) : bytes });
    }
  }
  const chosen = files.filter((file) => !without.includes(file.name));
  const ordered = [
    ...chosen.filter((file) => !last.includes(file.name)),
    ...chosen.filter((file) => last.includes(file.name)),
  ];
  const tar = pack();
  for (const file of ordered) tar.entry({ name: file.name, size: file.bytes.length }, file.bytes);
  for (const header of extra) {
    if (header.type === undefined || header.type === 'file') tar.entry({ ...header }, Buffer.from('{}'));
    else tar.entry({ ...header });
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
