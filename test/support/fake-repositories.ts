/** What a fake registry holds: bytes by digest, and which repository has them. Nothing here is checked; tests may lie. */
import type { Descriptor } from '../../src/oci/descriptor.js';
import { type Content, descriptorOf, type Image, type MultiPlatformImage } from './images.js';

export interface FakeRepository {
  readonly blobs: Set<string>;
  /** Digest -> media type. */
  readonly manifests: Map<string, string>;
  readonly tags: Map<string, string>;
  /** Who may pull; everybody without it. */
  allowed?: ReadonlySet<string>;
  /** Answered to tags/list in place of the tags there are. */
  tagList?: readonly unknown[];
}

export class FakeRepositories {
  readonly #bytes = new Map<string, Buffer>();
  readonly #repositories = new Map<string, FakeRepository>();

  /** Made on first use. */
  repository(name: string): FakeRepository {
    let repository = this.#repositories.get(name);
    if (!repository) {
      repository = { blobs: new Set(), manifests: new Map(), tags: new Map() };
      this.#repositories.set(name, repository);
    }
    return repository;
  }

  find(name: string): FakeRepository | undefined {
    return this.#repositories.get(name);
  }

  bytes(digest: string): Buffer | undefined {
    return this.#bytes.get(digest);
  }

  addBlob(name: string, blob: Content): void {
    this.#bytes.set(blob.digest, blob.bytes);
    this.repository(name).blobs.add(blob.digest);
  }

  addManifest(name: string, manifest: Content, tag?: string): void {
    this.#bytes.set(manifest.digest, manifest.bytes);
    const repository = this.repository(name);
    repository.manifests.set(manifest.digest, manifest.mediaType);
    if (tag !== undefined) repository.tags.set(tag, manifest.digest);
  }

  /** An image with everything it names. */
  push(name: string, image: Image | MultiPlatformImage, tag?: string): void {
    if ('images' in image) for (const child of image.images) this.push(name, child);
    else for (const blob of image.blobs) this.addBlob(name, blob);
    this.addManifest(name, image, tag);
  }

  /** Takes a blob, manifest or tag away from one repository. */
  remove(name: string, reference: string): void {
    const repository = this.repository(name);
    repository.blobs.delete(reference);
    repository.manifests.delete(reference);
    repository.tags.delete(reference);
  }

  /** The manifest behind a tag or digest. */
  manifest(name: string, reference: string): { digest: string; mediaType: string; bytes: Buffer } | undefined {
    const repository = this.find(name);
    const digest = repository?.tags.get(reference) ?? reference;
    const mediaType = repository?.manifests.get(digest);
    const bytes = this.#bytes.get(digest);
    return mediaType === undefined || bytes === undefined ? undefined : { digest, mediaType, bytes };
  }

  blob(name: string, digest: string): Buffer | undefined {
    return this.find(name)?.blobs.has(digest) ? this.#bytes.get(digest) : undefined;
  }

  referrers(name: string, subject: string): (Descriptor & { artifactType?: string })[] {
    const found: (Descriptor & { artifactType?: string })[] = [];
    for (const digest of this.find(name)?.manifests.keys() ?? []) {
      const manifest = this.manifest(name, digest);
      if (!manifest) continue;
      const parsed = JSON.parse(manifest.bytes.toString()) as { subject?: Descriptor; artifactType?: string };
      if (parsed.subject?.digest !== subject) continue;
      const descriptor = descriptorOf({ ...manifest, size: manifest.bytes.length } as unknown as Descriptor);
      found.push(parsed.artifactType === undefined ? descriptor : { ...descriptor, artifactType: parsed.artifactType });
    }
    return found;
  }
}
