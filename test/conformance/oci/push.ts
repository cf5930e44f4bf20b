/** Pushes one manifest, with its blobs, to a registry that takes pushes (OCI distribution specification, end-4a, 6 and 7a). */
import type { Content, Image } from '../../support/images.js';

export async function pushTo(
  registry: string,
  repository: string,
  manifest: Content & Partial<Pick<Image, 'blobs'>>,
  reference: string,
): Promise<void> {
  const root = `${registry}/v2/${repository}`;
  for (const { digest, bytes } of manifest.blobs ?? []) {
    const { headers } = await accepted(`${root}/blobs/uploads/`, { method: 'POST' });
    const upload = new URL(headers.get('location') ?? '', registry);
    upload.searchParams.set('digest', digest);
    await accepted(upload, { method: 'PUT', body: new Uint8Array(bytes) });
  }
  await accepted(`${root}/manifests/${reference}`, {
    method: 'PUT',
    body: new Uint8Array(manifest.bytes),
    headers: { 'content-type': manifest.mediaType },
  });
}

async function accepted(url: string | URL, request: RequestInit): Promise<Response> {
  const response = await fetch(url, request);
  if (!response.ok) throw new Error(`${request.method} ${String(url)}: ${response.status} ${await response.text()}`);
  return response;
}
