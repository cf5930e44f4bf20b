/**
 * What goes into an archive: the manifests and blobs of the images and platforms that were chosen, every one of them known
 * to be stored and to be this repository's, before the first byte is sent. An index goes whole, so that its digest stays what it is;
 * its images for other platforms stay out.
 */
import { AppError } from '../../lib/errors.js';
import type { Repository } from '../../oci/descriptor.js';
import { isEmptyDigest, type Digest } from '../../oci/digest.js';
import type { ParsedManifest, PlatformDescriptor } from '../../oci/manifest.js';
import { OCI_INDEX } from '../../oci/media-types.js';
import type { ImageReference } from '../../oci/reference.js';
import { IMAGE_NAME, LAYOUT, LAYOUT_FILE, INDEX_FILE, REFERENCE_NAME } from './archive-layout.js';
import { referenceTo, type ImageReader, type LocatedImage } from './image-reader.js';
import {
  attestedBy,
  formatPlatform,
  isNamed,
  lackingPlatforms,
  meansPlatform,
  platformUnknown,
  requirePlatform,
} from '../prefetch/platforms.js';

export interface PlannedFile {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface ArchivePlan {
  /** Come first. */
  readonly files: readonly PlannedFile[];
  /** Bytes of each blob: manifests, then what they name. */
  readonly blobs: ReadonlyMap<Digest, number>;
}

export interface PlanParts {
  readonly reader: ImageReader;
  /** Whether the bytes are there, not only their record. */
  readonly isStored: (digest: Digest) => Promise<boolean>;
}

/** Throws IMAGE_UNKNOWN, IMAGE_INCOMPLETE, PLATFORM_UNKNOWN, REQUEST_INVALID. */
export async function planArchive(
  parts: PlanParts,
  images: readonly ImageReference[],
  platforms: readonly string[],
  signal: AbortSignal,
): Promise<ArchivePlan> {
  platforms.forEach(requirePlatform);
  const blobs = new Map<Digest, number>();
  const manifests = new Map<string, object>();
  for (const image of images) {
    signal.throwIfAborted();
    const located = await parts.reader.locate(image);
    const reference = referenceTo(located);
    for (const [digest, size] of await new Chooser(parts, located, reference, platforms).choose()) {
      blobs.set(digest, size);
    }
    const { mediaType, digest, size } = located;
    const annotations = { [REFERENCE_NAME]: reference, [IMAGE_NAME]: reference };
    manifests.set(reference, { mediaType, digest, size, annotations });
  }
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...manifests.values()] };
  const files = [
    { name: LAYOUT_FILE, bytes: Buffer.from(JSON.stringify(LAYOUT)) },
    { name: INDEX_FILE, bytes: Buffer.from(JSON.stringify(index)) },
  ];
  return { files, blobs };
}

type Sizes = Map<Digest, number>;

class Chooser {
  readonly #reader: ImageReader;
  readonly #isStored: (digest: Digest) => Promise<boolean>;
  readonly #located: LocatedImage;
  readonly #repository: Repository;
  readonly #reference: string;
  readonly #platforms: readonly string[];

  constructor(parts: PlanParts, located: LocatedImage, reference: string, platforms: readonly string[]) {
    this.#reader = parts.reader;
    this.#isStored = parts.isStored;
    this.#located = located;
    this.#repository = located.repository;
    this.#reference = reference;
    this.#platforms = platforms;
  }

  async choose(): Promise<Sizes> {
    const { digest } = this.#located;
    const sizes: Sizes = new Map();
    const manifest = await this.#reader.manifest(digest);
    if (!manifest || !(await this.#add(digest, sizes))) throw this.#incomplete('its manifest', digest);
    if (manifest.kind === 'schema1') {
      throw new AppError('UNSUPPORTED', `${this.#reference} is a schema 1 image, which an OCI layout cannot hold`);
    }
    if (manifest.kind === 'index') await this.#images(manifest, sizes);
    else {
      const platform = await this.#reader.platformOf(digest, manifest);
      this.#requireAll(platform === undefined ? [] : [platform]);
      const missing = await this.#whole(digest, sizes);
      if (missing !== undefined) throw this.#incomplete('it', missing);
    }
    return sizes;
  }

  async #images(index: ParsedManifest, sizes: Sizes): Promise<void> {
    const there = index.manifests.flatMap(({ platform }) => (isNamed(platform) ? [formatPlatform(platform)] : []));
    this.#requireAll(there);
    const chosen = new Set<Digest>();
    let missing: Digest | undefined;
    for (const entry of index.manifests.filter((each) => attestedBy(each) === undefined)) {
      if (!this.#isMeant(entry)) continue;
      missing = await this.#whole(entry.digest, sizes);
      if (missing === undefined) chosen.add(entry.digest);
      else if (this.#platforms.length > 0) throw this.#incomplete(nameOf(entry), missing);
    }
    if (chosen.size === 0 && index.manifests.length > 0) {
      throw this.#incomplete('every one of its images', missing ?? this.#located.digest);
    }
    for (const entry of index.manifests) {
      const subject = attestedBy(entry);
      if (subject !== undefined && chosen.has(subject as Digest)) await this.#whole(entry.digest, sizes);
    }
  }

  #isMeant({ platform }: PlatformDescriptor): boolean {
    if (this.#platforms.length === 0) return true;
    return isNamed(platform) && this.#platforms.some((wanted) => meansPlatform(wanted, platform));
  }

  #requireAll(there: readonly string[]): void {
    const known = there.map((each) => {
      const [os = '', architecture = '', variant] = each.split('/');
      return { os, architecture, ...(variant !== undefined && { variant }) };
    });
    const lacking = lackingPlatforms(this.#platforms, known);
    if (lacking.length > 0) throw platformUnknown(this.#reference, lacking, there);
  }

  /** Adds a manifest with all it names, if all is here; else resolves to something that is not. */
  async #whole(digest: Digest, sizes: Sizes): Promise<Digest | undefined> {
    const found: Sizes = new Map();
    const waiting: Digest[] = [digest];
    // What is walked grows while it is walked; digests form no cycles.
    for (const each of waiting) {
      if (sizes.has(each) && each !== digest) continue;
      if (!(await this.#add(each, found))) return each;
      for (const child of (await this.#reader.catalog.manifest(each))?.children ?? []) {
        if (!found.has(child)) waiting.push(child);
      }
    }
    for (const [each, size] of found) sizes.set(each, size);
    return undefined;
  }

  /** False when it is not stored, or this repository may not have it: that a manifest names it grants nothing. */
  async #add(digest: Digest, sizes: Sizes): Promise<boolean> {
    if (isEmptyDigest(digest)) {
      sizes.set(digest, 0);
      return true;
    }
    const record = await this.#reader.record(digest);
    const { catalog } = this.#reader;
    if (!record || !(await catalog.link(this.#repository, digest)) || !(await this.#isStored(digest))) return false;
    sizes.set(digest, record.size);
    return true;
  }

  #incomplete(what: string, missing: Digest): AppError {
    const message = `${this.#reference}: ${what} is not stored whole, ${missing} is missing; prefetch it first`;
    return new AppError('IMAGE_INCOMPLETE', message, { about: this.#reference });
  }
}

const nameOf = ({ platform, digest }: PlatformDescriptor): string =>
  isNamed(platform) ? formatPlatform(platform) : digest;
