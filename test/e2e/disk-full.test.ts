/** A data directory on a file system of 32 MiB, and images that do not fit: the pulls go on, and it recovers by itself. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage, type Content, type Image } from '../support/images.js';
import { Cistern } from './support/cistern.js';
import { inScratch } from './support/images.js';

const MiB = 1024 * 1024;
const root = process.getuid?.() === 0 && spawnSync('mount', ['--version']).status === 0;
const skip = root ? false : 'mounting a tmpfs needs root';

/** Runs `work` in a directory whose `var` is a disk of its own. */
const withSmallDisk = (work: (dir: string, data: string) => Promise<void>): Promise<void> =>
  inScratch(async (dir) => {
    const data = join(dir, 'var');
    await mkdir(data, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', data]);
    try {
      await work(dir, data);
    } finally {
      execFileSync('umount', ['--lazy', data]);
    }
  });

async function read(cistern: Cistern, { digest, bytes }: Content): Promise<void> {
  const response = await fetch(`${cistern.url}/v2/team/app/blobs/${digest}`);
  assert.equal(response.status, 200);
  const body = Buffer.from(await response.arrayBuffer());
  assert.equal(body.length, bytes.length);
  assert.equal(`sha256:${createHash('sha256').update(body).digest('hex')}`, digest);
}

/** The manifest by its tag, then the config and the layers. */
async function pull(cistern: Cistern, { config, layers }: Image, tag: string): Promise<void> {
  assert.equal((await fetch(`${cistern.url}/v2/team/app/manifests/${tag}`)).status, 200);
  for (const blob of [config, ...layers]) await read(cistern, blob);
}

describe('a full disk', { skip }, () => {
  it('loses the least recently pulled image to the one that is being pulled, which is stored', (t) =>
    withSmallDisk(async (dir) => {
      const registry = await FakeRegistry.start(t);
      const [first, second, third] = [10, 8, 18].map((size) => {
        const image = makeImage({ seed: `evicting ${size}`, layers: [size * MiB] });
        registry.push('team/app', image, `v${size}`);
        return image;
      }) as [Image, Image, Image];
      const upstream = { name: 'up.test', url: registry.url, default: true, allowNetworks: ['127.0.0.0/8'] };
      const cistern = await Cistern.start({ dir, upstreams: [upstream] });
      const stored = async (image: Image) =>
        cistern.stored([image.config, ...image.layers].map(({ digest }) => digest));
      await pull(cistern, first, 'v10');
      await stored(first);
      await pull(cistern, second, 'v8');
      await stored(second);
      // The second was pulled later, but the first is used again.
      await pull(cistern, first, 'v10');

      await pull(cistern, third, 'v18');
      await stored(third);
      const asked = () => registry.count({ kind: 'blob', method: 'GET' });
      const before = asked();
      await pull(cistern, first, 'v10');
      await pull(cistern, third, 'v18');
      assert.equal(asked(), before, 'both are still here');
      await pull(cistern, second, 'v8');
      assert.equal(asked(), before + 2, 'this one had to go');
      await cistern.stop();
    }));
});

describe('a disk that fills up in the middle of a blob', { skip }, () => {
  it('costs no pull, and storing goes on once there is room again', (t) =>
    withSmallDisk(async (dir, data) => {
      const registry = await FakeRegistry.start(t);
      const image = makeImage({ seed: 'disk-full', layers: [20 * MiB, 48 * MiB, 3 * MiB] });
      registry.push('team/app', image, 'v1');
      const [fits, tooBig, small] = image.layers as [Content, Content, Content];
      const upstream = { name: 'up.test', url: registry.url, default: true, allowNetworks: ['127.0.0.0/8'] };
      const cistern = await Cistern.start({ dir, upstreams: [upstream] });

      // Something of the operator's own takes most of the disk.
      const ballast = join(data, 'ballast');
      await writeFile(ballast, Buffer.alloc(8 * MiB));
      await Promise.all([read(cistern, tooBig), read(cistern, tooBig), read(cistern, tooBig)]);
      await read(cistern, tooBig);
      assert.equal(await cistern.readiness(), 200, 'a full disk is no reason to send clients away');

      await rm(ballast);
      await read(cistern, fits);
      await cistern.stored([fits.digest]);
      await read(cistern, small);
      await cistern.stored([small.digest]);
      const before = registry.count({ kind: 'blob', method: 'GET' });
      await read(cistern, fits);
      assert.equal(registry.count({ kind: 'blob', method: 'GET' }), before, 'served from the store');
      await cistern.stop();
    }));
});
