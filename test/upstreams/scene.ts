/** What each scenario begins with: a registry that speaks a dialect, images in it, and a daemon that knows only its name. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startTestDaemon, type TestDaemon } from '../support/daemon.js';
import type { Dialect } from '../support/dialects/dialect.js';
import { type Certificate, Emulation, PASSWORD } from '../support/dialects/emulation.js';
import type { FakeRegistry } from '../support/fake-registry.js';
import { type Content, type Image, makeImage } from '../support/images.js';
import { type Scope, temporaryDirectory } from '../support/tmp.js';

/** Above the size up to which headers wait for the whole blob, so that faults are seen in the middle of an answer. */
export const BIG = 2 * 1024 * 1024 + 17;

export interface Scene {
  readonly dialect: Dialect;
  readonly emulation: Emulation;
  readonly registry: FakeRegistry;
  readonly daemon: TestDaemon;
  /** As clients name it; public, with `image` as its tag v1. */
  readonly repository: string;
  readonly image: Image;
  /** Its only layer. */
  readonly layer: Content;
  /** Where the password that the daemon logs in with is read from. */
  readonly passwordFile: string;
}

export interface SceneOptions {
  /** Further keys of the upstream's entry. */
  readonly entry?: Readonly<Record<string, unknown>>;
  /** Of the layer. */
  readonly size?: number;
  /** Logs in; without it only where nothing is had anonymously. */
  readonly login?: true;
  readonly password?: string;
  /** For a scenario that leaves the registry or the daemon other than it found them. */
  readonly alone?: true;
}

export interface Scenario {
  readonly column: string;
  /** Returns what was seen, in a word or two. Scenarios that start with the same options share a scene. */
  readonly run: (start: (options?: SceneOptions) => Promise<Scene>, dialect: Dialect) => Promise<string>;
}

/** Seen where the dialect knows no such thing. */
export const NOTHING = '–';

export async function startScene(
  scope: Scope,
  dialect: Dialect,
  certificate: Certificate,
  { entry = {}, size = 2048, login, password = PASSWORD }: SceneOptions = {},
): Promise<Scene> {
  const emulation = await Emulation.start(scope, dialect, certificate);
  const { registry } = emulation;
  const image = makeImage({ seed: dialect.registry, layers: [size] });
  registry.push(dialect.repository, image, 'v1');
  const passwordFile = join(await temporaryDirectory(scope), 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const logsIn = (login ?? dialect.login.type === 'basic') && dialect.login.type !== 'none';
  const auth = logsIn ? { auth: { type: 'basic', username: userOf(dialect), passwordFile } } : {};
  const upstream = { ...emulation.entry(), ...UNHURRIED, ...auth, ...entry };
  const daemon = await startTestDaemon(scope, { upstreams: [upstream] });
  const layer = image.layers[0]!;
  return { dialect, emulation, registry, daemon, repository: dialect.repository, image, layer, passwordFile };
}

/** TLS and a proxy take their time on a busy machine, and nothing here is about time-outs. */
const UNHURRIED = { connectTimeout: '20s', responseTimeout: '20s', revalidateTimeout: '20s' };

export const userOf = ({ login }: Dialect): string => (login.type === 'none' ? '' : login.user);

/** Manifest, config and layer through the cache, and waits until they are stored. */
export async function pull({ daemon, repository, image }: Scene, reference = 'v1'): Promise<void> {
  const { status, body } = await daemon.manifest(repository, reference);
  assert.deepEqual([status, body.toString()], [200, image.bytes.toString()]);
  for (const { digest, bytes } of image.blobs) {
    const answer = await daemon.blob(repository, digest);
    assert.deepEqual([answer.status, answer.complete], [200, true], `blob ${digest}`);
    assert.ok(answer.body.equals(bytes));
    await daemon.stored(digest);
  }
}
