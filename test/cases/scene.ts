/** What most cases begin with: one fake registry, named docker.io, with one image in it, and a daemon in front. */
import { type FakeRegistryOptions, FakeRegistry } from '../support/fake-registry.js';
import { startTestDaemon, type TestDaemon, type TestDaemonOptions } from '../support/daemon.js';
import { type Content, type Image, makeImage } from '../support/images.js';
import type { Scope } from '../support/tmp.js';

export const REPOSITORY = 'team/app';

/** Above the size up to which headers wait for the whole blob, so that faults are seen in the middle of an answer. */
export const BIG = 3 * 1024 * 1024 + 17;
export const SMALL = 2048;

export interface Scene {
  readonly registry: FakeRegistry;
  readonly daemon: TestDaemon;
  /** `team/app:v1`. */
  readonly image: Image;
  /** Its only layer. */
  readonly layer: Content;
}

export interface SceneOptions {
  readonly registry?: FakeRegistryOptions;
  readonly upstream?: Readonly<Record<string, unknown>>;
  readonly daemon?: Omit<TestDaemonOptions, 'upstreams'>;
  /** Of the layer, in bytes. */
  readonly size?: number;
  readonly seed?: string;
  readonly algorithm?: 'sha256' | 'sha512';
}

export async function startScene(scope: Scope, options: SceneOptions = {}): Promise<Scene> {
  const registry = await FakeRegistry.start(scope, options.registry);
  const image = makeImage({
    seed: options.seed ?? 'scene',
    layers: [options.size ?? SMALL],
    algorithm: options.algorithm ?? 'sha256',
  });
  registry.push(REPOSITORY, image, 'v1');
  const upstream = { name: 'docker.io', url: registry.url, ...options.upstream };
  const daemon = await startTestDaemon(scope, { upstreams: [upstream], ...options.daemon });
  return { registry, daemon, image, layer: image.layers[0]! };
}

/** Manifest, config and layer through the cache, and waits until they are stored. */
export async function pull({ daemon, image }: Scene, tag = 'v1'): Promise<void> {
  await daemon.manifest(REPOSITORY, tag);
  for (const { digest } of image.blobs) {
    await daemon.blob(REPOSITORY, digest);
    await daemon.stored(digest);
  }
}
