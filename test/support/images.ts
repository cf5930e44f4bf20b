/**
 * Container images made from a seed: the same seed gives the same bytes, so a failing test can be run again. Layers are
 * noise, not archives: a registry never looks inside them.
 */
import { createCipheriv, createHash } from 'node:crypto';
import type { Descriptor } from '../../src/oci/descriptor.js';
import { type Digest, type DigestAlgorithm, digestOf } from '../../src/oci/digest.js';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

export interface Content extends Descriptor {
  readonly bytes: Buffer;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** A manifest with the blobs it names. */
export interface Image extends Content {
  readonly config: Content;
  readonly layers: readonly Content[];
  /** Config and layers. */
  readonly blobs: readonly Content[];
}

/** An image index with the images it names. */
export interface MultiPlatformImage extends Content {
  readonly images: readonly Image[];
}

/** `size` bytes of noise that `seed` alone decides. */
export function noise(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(size));
}

export const content = (bytes: Buffer, mediaType: string, algorithm: DigestAlgorithm = 'sha256'): Content => ({
  bytes,
  mediaType,
  size: bytes.length,
  digest: digestOf(bytes, algorithm),
});

export const descriptorOf = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });

export interface ImageOptions {
  readonly seed: string;
  /** Sizes in bytes; one layer of 2048 bytes without it. */
  readonly layers?: readonly number[];
  readonly platform?: Platform;
  readonly mediaType?: string;
  readonly algorithm?: DigestAlgorithm;
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  /** Added to the manifest as they are: what a broken or hostile image has. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export function makeImage(options: ImageOptions): Image {
  const {
    seed,
    algorithm = 'sha256',
    mediaType = OCI_MANIFEST,
    platform = { os: 'linux', architecture: 'amd64' },
  } = options;
  const layers = (options.layers ?? [2048]).map((size, i) =>
    content(noise(`${seed}/layer/${i}`, size), OCI_LAYER, algorithm),
  );
  const config = content(
    Buffer.from(
      JSON.stringify({ ...platform, rootfs: { type: 'layers', diff_ids: layers.map((l) => l.digest) }, seed }),
    ),
    OCI_CONFIG,
    algorithm,
  );
  const manifest = {
    schemaVersion: 2,
    mediaType,
    ...(options.artifactType === undefined ? {} : { artifactType: options.artifactType }),
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
    ...(options.subject === undefined ? {} : { subject: descriptorOf(options.subject) }),
    ...options.extra,
  };
  return {
    ...content(Buffer.from(JSON.stringify(manifest)), mediaType, algorithm),
    config,
    layers,
    blobs: [config, ...layers],
  };
}

export interface IndexOptions extends Omit<ImageOptions, 'platform' | 'mediaType'> {
  readonly platforms?: readonly Platform[];
  readonly mediaType?: string;
}

export function makeIndex(options: IndexOptions): MultiPlatformImage {
  const { mediaType = OCI_INDEX, algorithm = 'sha256' } = options;
  const platforms = options.platforms ?? [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
  ];
  const images = platforms.map((platform) =>
    makeImage({
      seed: `${options.seed}/${platform.os}/${platform.architecture}`,
      layers: options.layers ?? [2048],
      platform,
      algorithm,
      mediaType: mediaType === DOCKER_LIST ? DOCKER_MANIFEST : OCI_MANIFEST,
    }),
  );
  const index = {
    schemaVersion: 2,
    mediaType,
    manifests: images.map((image, i) => ({ ...descriptorOf(image), platform: platforms[i] })),
    ...options.extra,
  };
  return { ...content(Buffer.from(JSON.stringify(index)), mediaType, algorithm), images };
}

/** A manifest that names blobs which it did not bring along. */
export const manifestNaming = (config: Descriptor, layers: readonly Descriptor[]): Content =>
  content(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: descriptorOf(config),
        layers: layers.map(descriptorOf),
      }),
    ),
    OCI_MANIFEST,
  );

/** The fallback tag of the referrers API. */
export const referrersTag = (digest: Digest): string => digest.replace(/^(\w+):(.{64}).*$/, '$1-$2');
