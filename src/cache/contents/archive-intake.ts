/**
 * Takes the files of an archive in. Blobs go through a spool, where they are verified, into the store; there they are
 * recorded but nobody's until the import has seen all it needs. Everything else is small and stays in memory.
 */
import { buffer } from 'node:stream/consumers';
import type { Catalog } from '../../catalog/catalog.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { SpoolArea } from '../../content/spool-area.js';
import type { KeyedMutex } from '../../lib/async.js';
import { AppError, isAppError } from '../../lib/errors.js';
import { digestAlgorithm, digestOfHash, isEmptyDigest, newHash, type Digest } from '../../oci/digest.js';
import { MAX_MANIFEST_BYTES } from '../../oci/manifest.js';
import { OCTET_STREAM } from '../../oci/media-types.js';
import { invalidArchive, quote, type ArchiveEntry } from './archive-entries.js';
import { digestNamed, INDEX_FILE, LAYOUT, LAYOUT_FILE } from './archive-layout.js';
import { withRoom, type MakeRoom } from '../collect/room.js';

export interface IntakeParts {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly spools: SpoolArea;
  /** Spans {rename, record}. */
  readonly digestLocks: KeyedMutex;
  /** Asked before an import fails for lack of space. */
  readonly makeRoom: MakeRoom;
}

export interface TakenBlob {
  readonly size: number;
  /** Whether it was not here before. */
  readonly added: boolean;
}

const MOST_BLOBS = 50_000;
const LARGEST_LAYOUT = 4096;
/** What `docker save` puts beside the layout, for readers that know no layouts. */
const BESIDE: readonly string[] = ['manifest.json', 'repositories'];

export class ArchiveIntake {
  readonly #parts: IntakeParts;
  readonly #blobs = new Map<Digest, TakenBlob>();
  #layout: Buffer | undefined;
  #index: Buffer | undefined;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** What came, and was found right. */
  get blobs(): ReadonlyMap<Digest, TakenBlob> {
    return this.#blobs;
  }

  /** Throws ARCHIVE_INVALID; or STORE_FULL and the like, when the fault is ours. */
  async take(entry: ArchiveEntry): Promise<void> {
    const { name } = entry;
    if (name === LAYOUT_FILE) this.#layout = await once(this.#layout, entry, LARGEST_LAYOUT);
    else if (name === INDEX_FILE) this.#index = await once(this.#index, entry, MAX_MANIFEST_BYTES);
    else if (!BESIDE.includes(name)) await this.#takeBlob(entry);
  }

  /** The bytes of index.json, once everything came. */
  index(): Buffer {
    if (!this.#layout || !isLayout(this.#layout)) throw invalidArchive(`it has no ${LAYOUT_FILE} of version 1`);
    if (!this.#index) throw invalidArchive(`it has no ${INDEX_FILE}`);
    return this.#index;
  }

  async #takeBlob({ name, size, bytes }: ArchiveEntry): Promise<void> {
    const digest = digestNamed(name);
    if (digest === undefined) throw invalidArchive(`${quote(name)} does not belong into an OCI image layout`);
    if (this.#blobs.size >= MOST_BLOBS) throw invalidArchive(`it has more than ${MOST_BLOBS} blobs`);
    const isKnown = this.#blobs.has(digest) || isEmptyDigest(digest) || (await this.#isStored(digest, size));
    if (isKnown) await hashOnly(digest, bytes);
    else await this.#store(digest, size, bytes);
    if (!this.#blobs.has(digest)) this.#blobs.set(digest, { size, added: !isKnown });
  }

  async #isStored(digest: Digest, size: number): Promise<boolean> {
    const { catalog, store } = this.#parts;
    const record = await catalog.blob(digest);
    return record?.size === size && (await store.stat(digest))?.size === size;
  }

  async #store(digest: Digest, size: number, bytes: AsyncIterable<Buffer>): Promise<void> {
    const { catalog, store, spools, digestLocks, makeRoom } = this.#parts;
    const spool = await withRoom(makeRoom, size, () => spools.create({ upstream: '', digest, size }));
    try {
      for await (const chunk of bytes) await spool.append(chunk);
      const file = await spool.verify();
      await digestLocks.run(digest, async () => {
        await store.publish(file);
        await catalog.recordUnlinked({ digest, size, mediaType: OCTET_STREAM });
      });
    } catch (error) {
      await spool.discard(error);
      if (isAppError(error, 'UPSTREAM_INVALID')) throw wrongBytes(digest, error);
      throw error;
    }
  }
}

/** What is here already is not written again, but a wrong archive is wrong all the same. */
async function hashOnly(digest: Digest, bytes: AsyncIterable<Buffer>): Promise<void> {
  const hash = newHash(digest);
  for await (const chunk of bytes) hash.update(chunk);
  if (digestOfHash(digestAlgorithm(digest), hash) !== digest) throw wrongBytes(digest);
}

async function once(before: Buffer | undefined, { name, size, bytes }: ArchiveEntry, most: number): Promise<Buffer> {
  if (before) throw invalidArchive(`it has ${name} twice`);
  if (size > most) throw invalidArchive(`${name} has ${size} bytes; ${most} are allowed`);
  return buffer(bytes);
}

function isLayout(bytes: Buffer): boolean {
  try {
    const { imageLayoutVersion } = JSON.parse(bytes.toString()) as Partial<typeof LAYOUT>;
    return imageLayoutVersion === LAYOUT.imageLayoutVersion;
  } catch {
    return false;
  }
}

const wrongBytes = (digest: Digest, cause?: AppError): AppError =>
  invalidArchive(`the bytes that it has as ${digest} are not that`, cause);
