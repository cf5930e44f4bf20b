/** The contents of the store, for operators: each of its answers is a file of its own beside this one. */
import type { Catalog } from '../../catalog/catalog.js';
import { keys } from '../../catalog/keys.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { Rehasher } from '../../content/rehash.js';
import type { SpoolArea } from '../../content/spool-area.js';
import type { KeyedMutex } from '../../lib/async.js';
import type { Clock } from '../../lib/clock.js';
import { AppError } from '../../lib/errors.js';
import type { Logger } from '../../lib/log.js';
import type { Page, PageRequest } from '../../lib/page.js';
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { formatImageReference, type ImageReference } from '../../oci/reference.js';
import { exportArchive } from './archive-export.js';
import { importArchive } from './archive-import.js';
import { planArchive } from './archive-plan.js';
import type {
  Contents,
  DiskUsage,
  Evicted,
  Explanation,
  ExplainTarget,
  ImageArchive,
  ImageQuery,
  ImportedImage,
  InspectedImage,
  StoredImage,
  VerifyEvent,
  VerifyTarget,
} from './contents.js';
import { sharesOf } from './disk-usage.js';
import type { Eraser } from '../collect/eraser.js';
import { inspectImage } from './image-details.js';
import { explain } from './explain.js';
import { evictImage } from './image-eviction.js';
import { ImageList } from './image-list.js';
import { ImageReader, unknownImage, type LocatedImage } from './image-reader.js';
import type { CollectorPolicy } from '../collect/collection.js';
import type { PullThrough } from '../pull-through.js';
import type { Recollection } from '../recollection.js';
import type { MakeRoom } from '../collect/room.js';
import { Scrubber, type ScrubTarget } from './scrubber.js';

export interface ContentsParts {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly spools: SpoolArea;
  readonly pull: PullThrough;
  /** The collector's: two that erase at once could wait for each other. */
  readonly eraser: Eraser;
  readonly digestLocks: KeyedMutex;
  /** Asked before an import fails for lack of space. */
  readonly makeRoom: MakeRoom;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often a manifest request named it, since statistics began. */
  readonly pullsOf: (repository: Repository, digest: Digest) => Promise<number>;
  /** The configured name of an upstream, given that or an alias. */
  readonly nameOf: (name: string) => string | undefined;
  /** Starts a thread that hashes at most `rate` bytes a second. */
  readonly startRehasher: (rate: number) => Rehasher;
  readonly quarantinedBytes: () => Promise<number>;
  readonly policy: Pick<CollectorPolicy, 'retention' | 'gracePeriod'>;
  /** Whether an unfinished job works on it. */
  readonly inUse: (digest: Digest) => boolean;
  readonly recollection: Recollection;
  /** Bytes: storage.maxSize. */
  readonly maxSize: number;
  /** Bytes a second: scrub.rate. */
  readonly scrubRate: number;
}

export class StoredContents implements Contents {
  readonly #parts: ContentsParts & { readonly reader: ImageReader; readonly storedBytes: PullThrough['storedBytes'] };
  readonly #list: ImageList;
  readonly #scrubber: Scrubber;

  constructor(parts: ContentsParts) {
    const storedBytes = (digest: Digest) => parts.pull.storedBytes(digest);
    const { catalog, nameOf } = parts;
    this.#parts = { ...parts, storedBytes, reader: new ImageReader({ catalog, storedBytes, nameOf }) };
    this.#list = new ImageList(this.#parts);
    this.#scrubber = new Scrubber(this.#parts);
  }

  list(query: ImageQuery, page: PageRequest): Promise<Page<StoredImage>> {
    return this.#list.page(query, page);
  }

  async inspect(image: ImageReference, signal: AbortSignal): Promise<InspectedImage> {
    const { reader } = this.#parts;
    const located = await reader.locate(image);
    return inspectImage(reader, located, await this.#describe(located, image), signal);
  }

  explain(target: ExplainTarget, signal: AbortSignal): Promise<Explanation> {
    return explain(this.#parts, target, signal);
  }

  async pin(image: ImageReference): Promise<StoredImage> {
    const { reader, catalog } = this.#parts;
    const located = await reader.locate(image);
    await catalog.pin(located.repository, image.digest ?? image.tag ?? located.digest);
    return this.#describe(located, image);
  }

  /** A pin outlives its image, so it goes also where IMAGE_UNKNOWN is all that can be answered. */
  async unpin(image: ImageReference): Promise<StoredImage> {
    const { reader, catalog } = this.#parts;
    const reference = image.digest ?? image.tag;
    const was = reference !== undefined && (await catalog.unpin(reader.repositoryOf(image), reference));
    try {
      const located = await reader.locate(image);
      return await this.#describe(located, image);
    } catch (error) {
      if (!was) throw error;
      const about = formatImageReference(image);
      throw new AppError('IMAGE_UNKNOWN', `${about} is unpinned now; it is not stored here`, { cause: error, about });
    }
  }

  evict(image: ImageReference, signal: AbortSignal): Promise<Evicted> {
    return evictImage(this.#parts, image, signal);
  }

  async diskUsage(signal: AbortSignal): Promise<DiskUsage> {
    const { catalog, spools, maxSize, quarantinedBytes } = this.#parts;
    const [shares, quarantined, freeBytes] = await Promise.all([
      sharesOf(catalog, signal),
      quarantinedBytes(),
      spools.free(),
    ]);
    return { ...shares, maxBytes: maxSize, spoolBytes: spools.bytes, quarantinedBytes: quarantined, freeBytes };
  }

  async *verify(
    target: VerifyTarget,
    rate: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<VerifyEvent, void, undefined> {
    yield* this.#scrubber.verify(await this.#targetOf(target), rate ?? this.#parts.scrubRate, signal);
  }

  /** What the scheduler calls. */
  scrub(signal: AbortSignal): Promise<void> {
    return this.#scrubber.scrub(this.#parts.scrubRate, signal);
  }

  async export(
    images: readonly ImageReference[],
    platforms: readonly string[],
    signal: AbortSignal,
  ): Promise<ImageArchive> {
    const { reader, store } = this.#parts;
    const isStored = async (digest: Digest) => (await store.stat(digest)) !== undefined;
    return exportArchive(this.#parts, await planArchive({ reader, isStored }, images, platforms, signal), signal);
  }

  async import(
    archive: AsyncIterable<Buffer>,
    as: ImageReference | undefined,
    signal: AbortSignal,
  ): Promise<readonly ImportedImage[]> {
    const { pull, catalog, log } = this.#parts;
    const requireAllowed = (repository: Repository) => void pull.entry(repository);
    const imported = await importArchive({ ...this.#parts, requireAllowed }, archive, as, signal);
    // Links that an operator gave cannot be learnt again from anybody.
    await catalog.snapshot().catch((error: unknown) => log.warn({ err: error }, 'snapshot was not written'));
    return imported;
  }

  async #targetOf(target: VerifyTarget): Promise<ScrubTarget> {
    const { reader } = this.#parts;
    switch (target.kind) {
      case 'all':
        return this.#scrubber.everything();
      case 'blob': {
        const record = await reader.record(target.digest);
        if (!record) throw new AppError('BLOB_UNKNOWN', `blob ${target.digest} is not stored here`);
        return targetOf([{ digest: target.digest, size: record.size }]);
      }
      case 'image': {
        const blobs = [];
        for await (const blob of reader.storedOf((await reader.locate(target.image)).digest)) blobs.push(blob);
        return targetOf(blobs);
      }
    }
  }

  async #describe(located: LocatedImage, image: ImageReference): Promise<StoredImage> {
    const { catalog } = this.#parts;
    const { repository, tag, digest } = located;
    const fetchedAt =
      (tag && (await catalog.tag(repository, tag)))?.fetchedAt ??
      (await catalog.records.get(keys.root(digest, repository)))?.at ??
      (await catalog.blob(digest))?.storedAt ??
      0;
    const described = await this.#list.describe({ repository, tag, digest, fetchedAt });
    if (!described) throw unknownImage(image);
    return described;
  }
}

async function* digestsOf(blobs: readonly { readonly digest: Digest }[]): AsyncIterable<Digest> {
  for (const { digest } of blobs) yield await Promise.resolve(digest);
}

const targetOf = (blobs: readonly { readonly digest: Digest; readonly size: number }[]): ScrubTarget => ({
  digests: digestsOf(blobs),
  totalBlobs: blobs.length,
  totalBytes: blobs.reduce((sum, { size }) => sum + size, 0),
});
