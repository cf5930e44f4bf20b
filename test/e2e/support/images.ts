/** Images made on the spot, and skopeo to move and compare them. */
import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, stopPrograms } from './processes.js';

/** A new directory. */
export const scratch = (): Promise<string> => mkdtemp(join(tmpdir(), 'cistern-e2e-'));

/** Runs `work` in a new directory; afterwards that is gone, and so is every program it started. */
export async function inScratch<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await scratch();
  try {
    return await work(dir);
  } finally {
    await stopPrograms();
    await rm(dir, { recursive: true, force: true });
  }
}

/** An OCI layout in `dir`/layout with a bootable busybox and layers of `sizes` random bytes on top; skopeo's name for it. */
export async function buildImage(
  dir: string,
  sizes: readonly number[] = [300_000, 1_500_000, 4_000_000],
): Promise<string> {
  const layout = join(dir, 'layout');
  const root = join(dir, 'root');
  const image = `${layout}:v1`;
  await mkdir(join(root, 'bin'), { recursive: true });
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  await run('umoci', ['init', '--layout', layout]);
  await run('umoci', ['new', '--image', image]);
  await run('umoci', ['insert', '--image', image, root, '/']);
  for (const [index, size] of sizes.entries()) {
    const file = join(dir, `layer-${index}`);
    await writeFile(file, randomBytes(size));
    await run('umoci', ['insert', '--image', image, file, `/data/${index}`]);
  }
  await run('umoci', ['config', '--image', image, '--config.cmd', '/bin/busybox']);
  return `oci:${image}`;
}

/** The same image for two platforms under one index, in the layout that `buildImage` made; skopeo's name for it. */
export async function buildIndex(dir: string): Promise<string> {
  const layout = join(dir, 'layout');
  const platforms = ['amd64', 'arm64'];
  for (const platform of platforms) {
    await run('umoci', ['config', '--image', `${layout}:v1`, '--tag', platform, '--architecture', platform]);
  }
  const top = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: LayoutEntry[] };
  const manifests = platforms.map((architecture) => {
    const entry = top.manifests.find(
      ({ annotations }) => annotations['org.opencontainers.image.ref.name'] === architecture,
    );
    if (!entry) throw new Error(`umoci made no tag ${architecture}`);
    const { mediaType, digest, size } = entry;
    return { mediaType, digest, size, platform: { os: 'linux', architecture } };
  });
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  const hex = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(layout, 'blobs/sha256', hex), bytes);
  const annotations = { 'org.opencontainers.image.ref.name': 'all' };
  top.manifests.push({ mediaType, digest: `sha256:${hex}`, size: bytes.length, annotations });
  await writeFile(join(layout, 'index.json'), JSON.stringify(top));
  return `oci:${layout}:all`;
}

interface LayoutEntry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Skopeo {
  readonly creds?: string;
  readonly all?: boolean;
  /** A registries.conf of one's own. */
  readonly registriesConf?: string;
}

export async function push(image: string, to: string, options: Skopeo = {}): Promise<void> {
  const creds = options.creds === undefined ? [] : ['--dest-creds', options.creds];
  const all = options.all ? ['--all'] : [];
  await run('skopeo', [
    'copy',
    '--quiet',
    '--insecure-policy',
    '--dest-tls-verify=false',
    ...all,
    ...creds,
    image,
    `docker://${to}`,
  ]);
}

/** Copies an image out of a registry, bytes as they come, into a new directory of one file a blob. */
export async function pull(from: string, into: string, options: Skopeo = {}): Promise<void> {
  const all = options.all ? ['--all'] : [];
  const creds = options.creds === undefined ? [] : ['--src-creds', options.creds];
  // With a registries.conf the mirror's own `insecure` must do; the flag would hide a mistake there.
  const plain = options.registriesConf === undefined ? ['--src-tls-verify=false'] : [];
  const conf = options.registriesConf === undefined ? [] : ['--registries-conf', options.registriesConf];
  const args = [
    ...conf,
    'copy',
    '--quiet',
    '--insecure-policy',
    ...plain,
    ...creds,
    ...all,
    `docker://${from}`,
    `dir:${into}`,
  ];
  await run('skopeo', args);
}

export async function inspect(
  reference: string,
): Promise<{ readonly Digest: string; readonly Layers: readonly string[] }> {
  const text = await run('skopeo', ['inspect', '--tls-verify=false', `docker://${reference}`]);
  return JSON.parse(text) as { Digest: string; Layers: string[] };
}

/** Every file of a pulled image and the sha256 of its bytes, in order: two images are the same when these are. */
export async function fingerprint(dir: string): Promise<readonly string[]> {
  const names = (await readdir(dir)).sort();
  return await Promise.all(
    names.map(
      async (name) =>
        `${name} ${createHash('sha256')
          .update(await readFile(join(dir, name)))
          .digest('hex')}`,
    ),
  );
}

/** The digests an image consists of: its manifest, config and layers. */
export async function digestsOf(dir: string): Promise<readonly string[]> {
  const bytes = await readFile(join(dir, 'manifest.json'));
  const manifest = JSON.parse(bytes.toString()) as { config: { digest: string }; layers: { digest: string }[] };
  const own = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return [own, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
}
