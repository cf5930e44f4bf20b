/**
 * Everything that is known of one stored image: its platforms, their layers and history, what refers to it, and where its
 * tag pointed before. What is written inside an image is its maker's word; only sizes and digests are checked.
 */
import type { Descriptor, Repository } from '../../oci/descriptor.js';
import { isEmptyDigest, type Digest } from '../../oci/digest.js';
import type { ParsedManifest, PlatformDescriptor } from '../../oci/manifest.js';
import { parseTag, type Tag } from '../../oci/reference.js';
import type {
  HistoryEntry,
  InspectedImage,
  InspectedLayer,
  InspectedPlatform,
  PastDigest,
  StoredImage,
} from './contents.js';
import { isJson, type ImageReader, type Json, type LocatedImage } from './image-reader.js';
import { ImageSharing } from './image-sharing.js';
import { formatPlatform, isNamed } from '../prefetch/platforms.js';

type Referrer = InspectedImage['referrers'][number];

/** What BuildKit says of a manifest that is about another one and no image. Source: BuildKit, docs/attestations. */
const ABOUT = 'vnd.docker.reference.type';

/** What cosign hangs on an image, as tags of the image's digest. Source: cosign, specs/SIGNATURE_SPEC.md. */
const COSIGN_SUFFIXES = ['sig', 'att', 'sbom'];

/** Referrers told of one image. */
const MOST_REFERRERS = 1000;

/** All beside what the list tells of it. */
export async function inspectImage(
  reader: ImageReader,
  located: LocatedImage,
  listed: StoredImage,
  signal: AbortSignal,
): Promise<InspectedImage> {
  const { repository, tag, digest } = located;
  const inspection = new Inspection(reader, located, signal);
  const manifest = await reader.manifest(digest);
  const images = manifest ? await inspection.platforms(manifest) : [];
  return {
    ...listed,
    checkedAt: tag === undefined ? undefined : (await reader.catalog.tag(repository, tag))?.checkedAt,
    annotations: manifest?.annotations ?? {},
    images,
    referrers: await inspection.referrers(manifest),
    past: tag === undefined ? [] : await pastOf(reader, repository, tag),
  };
}

class Inspection {
  readonly #reader: ImageReader;
  readonly #located: LocatedImage;
  readonly #signal: AbortSignal;
  readonly #sharing: ImageSharing;

  constructor(reader: ImageReader, located: LocatedImage, signal: AbortSignal) {
    this.#reader = reader;
    this.#located = located;
    this.#signal = signal;
    this.#sharing = new ImageSharing(reader.catalog, located, signal);
  }

  async platforms(manifest: ParsedManifest): Promise<readonly InspectedPlatform[]> {
    if (manifest.kind !== 'index') {
      return [await this.#platform(this.#located, await this.#reader.platformOf(this.#located.digest, manifest))];
    }
    const images: InspectedPlatform[] = [];
    for (const entry of manifest.manifests.filter((each) => !isAbout(each))) {
      images.push(await this.#platform(entry, isNamed(entry.platform) ? formatPlatform(entry.platform) : undefined));
    }
    return images;
  }

  /** Of the index and of each image in it; attestations beside them; cosign's tags. Only what this repository may have. */
  async referrers(manifest: ParsedManifest | undefined): Promise<readonly Referrer[]> {
    const { catalog } = this.#reader;
    const { repository, digest } = this.#located;
    const found = new Map<Digest, Referrer>();
    const add = async (referrer: Digest, said: string | undefined) => {
      if (found.has(referrer) || found.size >= MOST_REFERRERS || !(await catalog.link(repository, referrer))) return;
      const parsed = await this.#reader.manifest(referrer);
      if (!parsed) return;
      let size = 0;
      for await (const blob of this.#reader.storedOf(referrer)) size += blob.size;
      found.set(referrer, {
        digest: referrer,
        artifactType: said ?? parsed.artifactType ?? parsed.config?.mediaType ?? '',
        size,
      });
    };
    for (const entry of manifest?.manifests ?? [])
      if (isAbout(entry)) await add(entry.digest, entry.annotations?.[ABOUT]);
    for (const subject of [digest, ...(manifest?.manifests ?? []).map((entry) => entry.digest)]) {
      this.#signal.throwIfAborted();
      for await (const referrer of catalog.referrersOf(subject)) await add(referrer, undefined);
      for (const suffix of COSIGN_SUFFIXES) {
        const pointer = await catalog.tag(repository, parseTag(`${subject.replace(':', '-')}.${suffix}`.slice(0, 128)));
        if (pointer) await add(pointer.digest, undefined);
      }
    }
    return [...found.values()];
  }

  async #platform(entry: Descriptor, platform: string | undefined): Promise<InspectedPlatform> {
    this.#signal.throwIfAborted();
    const about = { platform: platform ?? '', digest: entry.digest, mediaType: entry.mediaType };
    const manifest = await this.#reader.manifest(entry.digest);
    if (!manifest) {
      return { ...about, stored: false, whole: false, size: 0, labels: {}, layers: [], history: [] };
    }
    const config = manifest.config && (await this.#reader.json(manifest.config.digest));
    let size = entry.size;
    for (const child of manifest.children) size += child.size;
    return {
      ...about,
      stored: true,
      whole: await this.#isWhole(entry.digest, manifest),
      size,
      createdAt: timeOf(config?.['created']),
      labels: labelsOf(config),
      layers: await this.#layers(manifest),
      history: historyOf(config, manifest),
    };
  }

  async #isWhole(digest: Digest, manifest: ParsedManifest): Promise<boolean> {
    for (const each of [digest, ...manifest.children.map((child) => child.digest)]) {
      if (!(await this.#isHere(each))) return false;
    }
    return true;
  }

  async #isHere(digest: Digest): Promise<boolean> {
    if (isEmptyDigest(digest)) return true;
    const { catalog } = this.#reader;
    return (
      (await this.#reader.record(digest)) !== undefined &&
      (await catalog.link(this.#located.repository, digest)) !== undefined
    );
  }

  async #layers(manifest: ParsedManifest): Promise<readonly InspectedLayer[]> {
    const layers: InspectedLayer[] = [];
    for (const { digest, mediaType, size } of manifest.layers) {
      const stored = isEmptyDigest(digest) || (await this.#reader.record(digest)) !== undefined;
      layers.push({ digest, mediaType, size, stored, ...(await this.#sharing.of(digest)) });
    }
    return layers;
  }
}

async function pastOf(reader: ImageReader, repository: Repository, tag: Tag): Promise<readonly PastDigest[]> {
  const past: PastDigest[] = [];
  for (const { digest, from, until } of await reader.catalog.tagHistory(repository, tag)) {
    past.unshift({ digest, from, until, stored: (await reader.record(digest)) !== undefined });
  }
  return past;
}

const isAbout = ({ annotations }: PlatformDescriptor): boolean => annotations?.[ABOUT] !== undefined;

/** Entries that made no layer say so; the others made the layers, in order. */
function historyOf(config: Json | undefined, manifest: ParsedManifest): readonly HistoryEntry[] {
  const entries = config?.['history'];
  if (!Array.isArray(entries)) return [];
  let next = 0;
  return entries.filter(isJson).map((entry) => {
    const emptyLayer = entry['empty_layer'] === true;
    const layer = emptyLayer ? undefined : manifest.layers[next++];
    return {
      createdAt: timeOf(entry['created']),
      createdBy: textOf(entry['created_by']),
      comment: textOf(entry['comment']),
      emptyLayer,
      layer: layer?.digest,
      size: layer?.size ?? 0,
    };
  });
}

function labelsOf(config: Json | undefined): Readonly<Record<string, string>> {
  const settings = config?.['config'];
  const labels = isJson(settings) ? settings['Labels'] : undefined;
  if (!isJson(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
