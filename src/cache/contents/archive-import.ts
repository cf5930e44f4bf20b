/**
 * Images on their way in. Everything is taken in and verified first; only then are the images looked at, and linked to the
 * repositories that they are imported for. What is linked is what the archive brought, never what it merely names, so an
 * archive opens nothing that was here before. An import that fails leaves nothing behind.
 */
import type { Catalog } from '../../catalog/catalog.js';
import type { Candidate } from '../../catalog/edges.js';
import { keys } from '../../catalog/keys.js';
import type { Clock } from '../../lib/clock.js';
import { AppError, isAppError } from '../../lib/errors.js';
import type { Logger } from '../../lib/log.js';
import type { Descriptor, Repository } from '../../oci/descriptor.js';
import { isEmptyDigest, type Digest } from '../../oci/digest.js';
import { MAX_MANIFEST_BYTES, parseManifest, type ParsedManifest, type PlatformDescriptor } from '../../oci/manifest.js';
import { isManifestType, OCI_INDEX } from '../../oci/media-types.js';
import { formatImageReference, parseImageReference, type ImageReference } from '../../oci/reference.js';
import { entriesOf, invalidArchive, quote } from './archive-entries.js';
import { ArchiveIntake, type IntakeParts } from './archive-intake.js';
import { IMAGE_NAME, REFERENCE_NAME } from './archive-layout.js';
import type { ImportedImage } from './contents.js';
import { cascade, type Eraser } from '../collect/eraser.js';
import type { ImageReader } from './image-reader.js';

export interface ImportParts extends IntakeParts {
  readonly reader: ImageReader;
  /** A small blob as it is stored, hashed again. */
  readonly storedBytes: (digest: Digest) => Promise<Buffer | undefined>;
  /** Throws when nothing may be pulled from there, and so nothing imported. */
  readonly requireAllowed: (repository: Repository) => void;
  readonly eraser: Eraser;
  readonly clock: Clock;
  readonly log: Logger;
}

interface ArchivedManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ParsedManifest;
}

interface ArchivedImage {
  readonly reference: ImageReference;
  readonly descriptor: Descriptor;
  /** What is named comes before what names it; the image itself is last. */
  readonly manifests: ReadonlyMap<Digest, ArchivedManifest>;
  readonly blobs: ReadonlySet<Digest>;
}

const MOST_IMAGES = 1000;
/** PROTOCOL's limits on indexes. */
const MAX_DEPTH = 4;
const MAX_MANIFESTS = 10_000;

/** Throws ARCHIVE_INVALID; NAME_UNKNOWN or NOT_PERMITTED for a reference that could not be served. */
export async function importArchive(
  parts: ImportParts,
  archive: AsyncIterable<Buffer>,
  as: ImageReference | undefined,
  signal: AbortSignal,
): Promise<readonly ImportedImage[]> {
  const intake = new ArchiveIntake(parts);
  try {
    if (as) parts.requireAllowed(parts.reader.repositoryOf(as));
    for await (const entry of entriesOf(archive, signal)) await intake.take(entry);
    const images = await new Opened(parts, intake).images(as);
    for (const { reference } of images) parts.requireAllowed(parts.reader.repositoryOf(reference));
    const imported: ImportedImage[] = [];
    const counted = new Set<Digest>();
    for (const image of images) {
      signal.throwIfAborted();
      await link(parts, image);
      imported.push(countOf(image, intake, counted));
    }
    return imported;
  } finally {
    await dropUnneeded(parts, intake);
  }
}

/** The archive, when all of it is here. */
class Opened {
  readonly #parts: ImportParts;
  readonly #intake: ArchiveIntake;

  constructor(parts: ImportParts, intake: ArchiveIntake) {
    this.#parts = parts;
    this.#intake = intake;
  }

  async images(as: ImageReference | undefined): Promise<readonly ArchivedImage[]> {
    const { manifests } = parse(this.#intake.index(), OCI_INDEX, 'index.json');
    if (manifests.length === 0) throw invalidArchive('it has no image');
    if (manifests.length > MOST_IMAGES) throw invalidArchive(`it has more than ${MOST_IMAGES} images`);
    if (as && manifests.length > 1) {
      throw invalidArchive(`it has ${manifests.length} images, so they cannot all be ${formatImageReference(as)}`);
    }
    const images: ArchivedImage[] = [];
    for (const entry of manifests) images.push(await this.#image(entry, as ?? referenceIn(entry)));
    return images;
  }

  async #image(entry: PlatformDescriptor, reference: ImageReference): Promise<ArchivedImage> {
    const name = formatImageReference(reference);
    const { mediaType, digest, size } = entry;
    if (reference.digest !== undefined && reference.digest !== digest) {
      throw invalidArchive(`what it has for ${name} is ${digest}`);
    }
    if (!isManifestType(mediaType)) throw invalidArchive(`${name} is a ${quote(mediaType)}, not an image`);
    const manifests = new Map<Digest, ArchivedManifest>();
    const blobs = new Set<Digest>();
    const descriptor = { mediaType, digest, size };
    if (!(await this.#visit(descriptor, name, 1, manifests, blobs))) throw lacks(name, digest);
    return { reference, descriptor, manifests, blobs };
  }

  /** False when the manifest is not in the archive; that is no fault of an index, which may be for more platforms. */
  async #visit(
    descriptor: Descriptor,
    name: string,
    depth: number,
    manifests: Map<Digest, ArchivedManifest>,
    blobs: Set<Digest>,
  ): Promise<boolean> {
    const { digest, mediaType } = descriptor;
    if (manifests.has(digest)) return true;
    if (!this.#has(descriptor, name)) return false;
    if (depth > MAX_DEPTH) throw invalidArchive(`${name} is nested more than ${MAX_DEPTH} levels deep`);
    const manifest = await this.#read(descriptor, name);
    if (manifest.kind === 'schema1') throw invalidArchive(`${name} is a schema 1 image, which names no blobs`);
    let present = 0;
    for (const child of manifest.children) {
      const isHere =
        manifest.kind === 'index' && isManifestType(child.mediaType)
          ? await this.#visit(child, name, depth + 1, manifests, blobs)
          : this.#has(child, name);
      if (isHere) present++;
      else if (manifest.kind !== 'index') throw lacks(name, child.digest);
      if (isHere && !manifests.has(child.digest)) blobs.add(child.digest);
    }
    if (manifest.kind === 'index' && present === 0 && manifest.children.length > 0) {
      throw invalidArchive(`it has none of the images of ${name}, ${digest}`);
    }
    manifests.set(digest, { descriptor: { mediaType, digest, size: descriptor.size }, manifest });
    if (manifests.size > MAX_MANIFESTS) throw invalidArchive(`${name} has more than ${MAX_MANIFESTS} manifests`);
    return true;
  }

  #has({ digest, size }: Descriptor, name: string): boolean {
    if (isEmptyDigest(digest)) return true;
    const taken = this.#intake.blobs.get(digest);
    if (taken && taken.size !== size) {
      throw invalidArchive(`${name} says that ${digest} has ${size} bytes; it has ${taken.size}`);
    }
    return taken !== undefined;
  }

  async #read({ digest, mediaType, size }: Descriptor, name: string): Promise<ParsedManifest> {
    if (size > MAX_MANIFEST_BYTES) throw invalidArchive(`a manifest of ${name} has ${size} bytes`);
    const bytes = await this.#parts.storedBytes(digest);
    if (!bytes) throw new AppError('IMAGE_INCOMPLETE', `${digest} went away while ${name} was imported; try again`);
    return parse(bytes, mediaType, name);
  }
}

/**
 * The bytes are here: now the records. From the image down, so that each is needed by what is recorded already when the
 * collector comes by; then all links at once; and the tag when nothing is missing.
 */
async function link(parts: ImportParts, image: ArchivedImage): Promise<void> {
  const { catalog, reader, clock } = parts;
  const { reference, manifests, blobs, descriptor } = image;
  const repository = reader.repositoryOf(reference);
  const via = (await catalog.blob(descriptor.digest))?.via.length ?? 0;
  const wasRoot = (await catalog.records.get(keys.root(descriptor.digest, repository))) !== undefined;
  try {
    for (const each of [...manifests.values()].reverse()) await record(parts, repository, image, each);
    const all = [...manifests.keys(), ...blobs].filter((digest) => !isEmptyDigest(digest));
    if (!(await catalog.linkImported(repository, all))) throw wentAway(image);
  } catch (error) {
    if (!wasRoot) await dropOwnRoot(catalog, repository, descriptor.digest, via);
    throw error;
  }
  if (reference.tag !== undefined) await catalog.pointTag(repository, reference.tag, descriptor, clock.now(), true);
}

/**
 * Not one that a client has come to use: by its tag, by a download, or by the digest of it or of an image in it, whose own root
 * it has taken over, or kept from being made.
 */
async function dropOwnRoot(catalog: Catalog, repository: Repository, digest: Digest, via: number): Promise<void> {
  await catalog.turn(async (tx) => {
    const key = keys.root(digest, repository);
    const downloaded = ((await tx.get(keys.blob(digest)))?.via.length ?? 0) > via;
    const used = (await catalog.lastUse(repository, digest)) !== undefined;
    if ((await tx.get(key))?.by === 'digest' && !downloaded && !used) tx.delete(key);
  });
}

function record(
  { catalog, store, digestLocks }: ImportParts,
  repository: Repository,
  image: ArchivedImage,
  { descriptor, manifest }: ArchivedManifest,
): Promise<void> {
  return digestLocks.run(descriptor.digest, async () => {
    if (!(await store.stat(descriptor.digest))) throw wentAway(image);
    await catalog.recordManifest({
      repository,
      descriptor,
      public: false,
      imported: true,
      children: manifest.children,
      subject: manifest.subject,
      asked: descriptor.digest === image.descriptor.digest ? 'digest' : 'child',
    });
  });
}

const wentAway = ({ reference }: ArchivedImage): AppError =>
  new AppError(
    'IMAGE_INCOMPLETE',
    `a part of ${formatImageReference(reference)} was deleted during its import; try again`,
  );

/** A blob of several images was new in the first of them only. */
function countOf(
  { reference, descriptor, manifests, blobs }: ArchivedImage,
  intake: ArchiveIntake,
  counted: Set<Digest>,
) {
  const bytes = { added: 0, reused: 0 };
  const digests = new Set([...manifests.keys(), ...blobs]);
  for (const digest of digests) {
    const taken = intake.blobs.get(digest);
    if (!taken) continue;
    bytes[taken.added && !counted.has(digest) ? 'added' : 'reused'] += taken.size;
    counted.add(digest);
  }
  return {
    reference: formatImageReference(reference),
    digest: descriptor.digest,
    blobs: digests.size,
    bytesAdded: bytes.added,
    bytesReused: bytes.reused,
  };
}

/** What the archive brought and no image needs: all of it, when the import failed. What clients have pulled since stays. */
async function dropUnneeded({ catalog, eraser, log }: ImportParts, intake: ArchiveIntake): Promise<void> {
  try {
    const added: Candidate[] = [];
    for (const [digest, taken] of intake.blobs) {
      const blob = taken.added ? await catalog.records.get(keys.blob(digest)) : undefined;
      if (blob?.via.length === 0) added.push({ digest, ran: blob.ran });
    }
    const leave = async (freed: Digest) => ((await catalog.records.get(keys.blob(freed)))?.via.length ?? 0) > 0;
    await cascade(added, { eraser, leave, gone: () => undefined });
  } catch (error) {
    log.warn({ err: error }, 'what an archive brought for no image is left to the next collection');
  }
}

/** containerd's annotation is always the whole reference; the standard's is often only a tag. */
function referenceIn({ digest, annotations }: PlatformDescriptor): ImageReference {
  const name = annotations?.[IMAGE_NAME] ?? annotations?.[REFERENCE_NAME];
  if (name === undefined || !/[/:@]/.test(name)) {
    const said = name === undefined ? 'no name' : `only the name ${quote(name)}`;
    throw invalidArchive(`it gives ${said} to ${digest}; say as which reference it is to be imported`);
  }
  try {
    return parseImageReference(name);
  } catch (error) {
    throw invalidArchive(`it gives the name ${quote(name)} to ${digest}`, error);
  }
}

function parse(bytes: Buffer, mediaType: string, name: string): ParsedManifest {
  try {
    return parseManifest(bytes, mediaType);
  } catch (error) {
    if (!isAppError(error, 'UPSTREAM_INVALID')) throw error;
    throw invalidArchive(`${name}: ${error.message.replace('a manifest from upstream', 'a manifest')}`, error);
  }
}

const lacks = (name: string, digest: Digest): AppError => invalidArchive(`it lacks ${digest}, a part of ${name}`);
