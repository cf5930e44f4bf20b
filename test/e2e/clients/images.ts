/**
 * Images that clients can unpack: layers are compressed archives of real files, and a config names what they unpack to.
 * The same seed gives the same bytes. One of each kind is pulled by every client.
 */
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { type Digest, digestOf } from '../../../src/oci/digest.js';
import {
  content,
  type Content,
  descriptorOf,
  DOCKER_MANIFEST,
  type Image,
  noise,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
} from '../../support/images.js';

interface Layer {
  readonly packed: Content;
  /** What it unpacks to. */
  readonly diffId: Digest;
}

interface UnpackableImage extends Image {
  readonly diffIds: readonly Digest[];
}

/** What a tag points to. */
export interface TaggedImage {
  readonly repository: string;
  /** The manifest, or the index above the manifests of all platforms. */
  readonly top: Content;
  /** Of every platform. */
  readonly images: readonly UnpackableImage[];
  /** Of this machine's platform. */
  readonly own: UnpackableImage;
  /** The layer that is long enough to break off in the middle of it. */
  readonly long: Digest;
}

export const TAG = 'v1';

const OWN_ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';
const OTHER_ARCHITECTURE = OWN_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';

/** Longer than what Cistern keeps back until it is verified, so that clients have a part of it when it breaks off. */
const LONG = 3 * 1024 * 1024;

const DOCKER_TYPES = {
  manifest: DOCKER_MANIFEST,
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};
const OCI_TYPES = { manifest: OCI_MANIFEST, config: OCI_CONFIG, layer: OCI_LAYER };

async function makeLayer(seed: string, size: number, mediaType: string): Promise<Layer> {
  const archive = pack();
  const mtime = new Date(0);
  const name = seed.replaceAll(/[^a-z0-9]+/g, '-');
  archive.entry({ name: `${name}/`, type: 'directory', mtime });
  archive.entry({ name: `${name}/data`, mtime, mode: 0o640 }, noise(seed, size));
  archive.entry({ name: `${name}/empty`, mtime }, '');
  archive.entry({ name: `${name}/link`, type: 'symlink', linkname: 'data', mtime });
  archive.finalize();
  const bytes = await buffer(archive);
  return { packed: content(gzipSync(bytes, { level: 1 }), mediaType), diffId: digestOf(bytes, 'sha256') };
}

function assemble(architecture: string, layers: readonly Layer[], types: typeof OCI_TYPES): UnpackableImage {
  const diffIds = layers.map(({ diffId }) => diffId);
  const configuration = {
    architecture,
    os: 'linux',
    config: { Cmd: ['/data'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'a test' })),
  };
  const config = content(Buffer.from(JSON.stringify(configuration)), types.config);
  const packed = layers.map((layer) => layer.packed);
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(config),
    layers: packed.map(descriptorOf),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { ...content(bytes, types.manifest), config, layers: packed, blobs: [config, ...packed], diffIds };
}

/** Two layers, the second one long; with Docker's media types. */
async function single(seed: string): Promise<readonly TaggedImage[]> {
  const layers = [
    await makeLayer(`${seed} base`, 30_000, DOCKER_TYPES.layer),
    await makeLayer(`${seed} long`, LONG, DOCKER_TYPES.layer),
  ];
  const own = assemble(OWN_ARCHITECTURE, layers, DOCKER_TYPES);
  return [{ repository: `${seed}/single`, top: own, images: [own], own, long: layers[1]!.packed.digest }];
}

/** For two platforms, under an OCI index. */
async function multi(seed: string): Promise<readonly TaggedImage[]> {
  const architectures = [OTHER_ARCHITECTURE, OWN_ARCHITECTURE];
  const images = await Promise.all(
    architectures.map(async (architecture) => {
      const base = await makeLayer(`${seed} ${architecture} base`, 30_000, OCI_TYPES.layer);
      return assemble(
        architecture,
        [base, await makeLayer(`${seed} ${architecture} long`, LONG, OCI_TYPES.layer)],
        OCI_TYPES,
      );
    }),
  );
  const manifests = images.map((image, at) => ({
    ...descriptorOf(image),
    platform: { os: 'linux', architecture: architectures[at] },
  }));
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  const own = images[1]!;
  return [
    { repository: `${seed}/multi`, top: content(index, OCI_INDEX), images, own, long: own.layers.at(-1)!.digest },
  ];
}

/** Two images in two repositories, with two layers in common. */
async function shared(seed: string): Promise<readonly TaggedImage[]> {
  const common = [
    await makeLayer(`${seed} base`, 30_000, OCI_TYPES.layer),
    await makeLayer(`${seed} long`, LONG, OCI_TYPES.layer),
  ];
  return await Promise.all(
    ['one', 'two'].map(async (name) => {
      const own = assemble(
        OWN_ARCHITECTURE,
        [...common, await makeLayer(`${seed} ${name}`, 50_000, OCI_TYPES.layer)],
        OCI_TYPES,
      );
      return {
        repository: `${seed}/shared-${name}`,
        top: own,
        images: [own],
        own,
        long: common[1]!.packed.digest,
      };
    }),
  );
}

/** What is pulled together, by what it is. */
export const KINDS = {
  'single-platform': single,
  'multi-platform': multi,
  'shared layers': shared,
} satisfies Readonly<Record<string, (seed: string) => Promise<readonly TaggedImage[]>>>;
