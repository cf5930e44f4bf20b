/**
 * Looks at stored images without pulling them: no upstream is asked and nothing counts as a use. Whatever is read is hashed
 * again on the way, and what cannot be read is as good as not stored.
 */
import { LRUCache } from 'lru-cache';
import type { Catalog } from '../../catalog/catalog.js';
import { keys } from '../../catalog/keys.js';
import type { BlobRecord } from '../../catalog/records.js';
import { AppError } from '../../lib/errors.js';
import type { Descriptor, Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { MAX_MANIFEST_BYTES, parseManifest, type ParsedManifest } from '../../oci/manifest.js';
import { isManifestType } from '../../oci/media-types.js';
import { formatImageReference, type ImageReference, type Tag } from '../../oci/reference.js';
import { formatPlatform, isNamed } from '../prefetch/platforms.js';

/** An image that is here. */
export interface LocatedImage {
  readonly repository: Repository;
  /** The tag that it was named by and that points here. */
  readonly tag: Tag | undefined;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of its manifest. */
  readonly size: number;
}

export interface ImageReaderParts {
  readonly catalog: Catalog;
  /** A small blob as it is stored, hashed again. */
  readonly storedBytes: (digest: Digest) => Promise<Buffer | undefined>;
  /** The configured name of an upstream, given that or an alias. */
  readonly nameOf: (name: string) => string | undefined;
}

export type Json = Readonly<Record<string, unknown>>;

/** More blobs than this are not one image. */
const MOST_BLOBS = 100_000;

export class ImageReader {
  readonly catalog: Catalog;
  readonly #parts: ImageReaderParts;
  /** Of image manifests: their bytes decide it for good. */
  readonly #platforms = new LRUCache<Digest, { readonly platform: string | undefined }>({ max: 20_000 });

  constructor(parts: ImageReaderParts) {
    this.#parts = parts;
    this.catalog = parts.catalog;
  }

  /** Throws IMAGE_UNKNOWN. A digest wins over a tag. */
  async locate(image: ImageReference): Promise<LocatedImage> {
    const repository = this.repositoryOf(image);
    const pointer = image.tag === undefined ? undefined : await this.catalog.tag(repository, image.tag);
    const digest = image.digest ?? pointer?.digest;
    const record = digest === undefined ? undefined : await this.catalog.blob(digest);
    if (digest === undefined || !record || !isManifestType(record.mediaType)) throw unknownImage(image);
    const isHere =
      (await this.catalog.link(repository, digest)) ?? (await this.catalog.records.get(keys.root(digest, repository)));
    if (!isHere) throw unknownImage(image);
    const tag = pointer?.digest === digest ? image.tag : undefined;
    return { repository, tag, digest, mediaType: record.mediaType, size: record.size };
  }

  repositoryOf({ upstream, repository }: ImageReference): Repository {
    return { upstream: this.#parts.nameOf(upstream) ?? upstream, name: repository };
  }

  record(digest: Digest): Promise<BlobRecord | undefined> {
    return this.catalog.records.get(keys.blob(digest));
  }

  /** Undefined when it is not stored, is no manifest, or makes no sense. */
  async manifest(digest: Digest): Promise<ParsedManifest | undefined> {
    const record = await this.record(digest);
    if (!record || !isManifestType(record.mediaType)) return undefined;
    const bytes = await this.#read(digest, record);
    try {
      return bytes && parseManifest(bytes, record.mediaType);
    } catch {
      return undefined;
    }
  }

  /** A stored JSON object, such as an image's configuration. Its fields are to be looked at one by one. */
  async json(digest: Digest): Promise<Json | undefined> {
    const record = await this.record(digest);
    const bytes = record && (await this.#read(digest, record));
    try {
      const value: unknown = bytes && JSON.parse(bytes.toString());
      return isJson(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** What an image, not an index, is for, as its configuration says; undefined for artifacts. */
  async platformOf(digest: Digest, manifest?: ParsedManifest): Promise<string | undefined> {
    const known = this.#platforms.get(digest);
    if (known) return known.platform;
    const parsed = manifest ?? (await this.manifest(digest));
    if (!parsed) return undefined;
    const config = parsed.config && (await this.json(parsed.config.digest));
    // Without its configuration nothing is known yet.
    if (parsed.config && !config) return undefined;
    const platform = config && platformIn(config);
    this.#platforms.set(digest, { platform });
    return platform;
  }

  /** All that is stored of what `digest` consists of, itself included, each once. Links are not looked at. */
  async *storedOf(digest: Digest): AsyncIterable<Descriptor> {
    const { records } = this.catalog;
    const seen = new Set<Digest>([digest]);
    // A set is walked in the order of its growth.
    for (const each of seen) {
      const record = await records.get(keys.blob(each));
      if (record) yield { digest: each, size: record.size, mediaType: record.mediaType };
      for (const child of (await records.get(keys.manifest(each)))?.children ?? []) {
        if (seen.size < MOST_BLOBS) seen.add(child);
      }
    }
  }

  async #read(digest: Digest, { size }: BlobRecord): Promise<Buffer | undefined> {
    return size > MAX_MANIFEST_BYTES ? undefined : this.#parts.storedBytes(digest);
  }
}

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function unknownImage(image: ImageReference): AppError {
  const about = formatImageReference(image);
  return new AppError('IMAGE_UNKNOWN', `${about} is not stored here`, { about });
}

/** The shortest reference that names it. */
export const referenceTo = ({
  repository: { upstream, name },
  tag,
  digest,
}: Pick<LocatedImage, 'repository' | 'tag' | 'digest'>): string =>
  formatImageReference({ upstream, repository: name, ...(tag === undefined ? { digest } : { tag }) });

function platformIn({ os, architecture, variant }: Json): string | undefined {
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') return undefined;
  const platform = { os, architecture, ...(typeof variant === 'string' && variant !== '' && { variant }) };
  return isNamed(platform) ? formatPlatform(platform) : undefined;
}
