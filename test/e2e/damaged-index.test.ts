/** An index that was damaged while nothing ran: the daemon starts all the same and loses nothing that is stored. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage } from '../support/images.js';
import { Cistern } from './support/cistern.js';
import { inScratch } from './support/images.js';

const REPOSITORY = 'team/app';

const damages: Record<string, (index: string) => Promise<void>> = {
  'lost its MANIFEST': async (index) => {
    for (const name of await readdir(index)) if (name.startsWith('MANIFEST-')) await rm(join(index, name));
  },
  'has a CURRENT that names a file which is not there': (index) =>
    writeFile(join(index, 'CURRENT'), 'MANIFEST-999999\n'),
  'has a CURRENT of garbage': (index) => writeFile(join(index, 'CURRENT'), 'garbage'),
};

describe('a daemon whose index', () => {
  for (const [name, damage] of Object.entries(damages)) {
    it(`${name} starts, sets it aside, and serves the image with its upstream down`, (t) =>
      inScratch(async (dir) => {
        const registry = await FakeRegistry.start(t);
        const image = makeImage({ seed: 'damaged-index' });
        registry.push(REPOSITORY, image, 'v1');
        const upstream = { name: 'up.test', url: registry.url, default: true, allowNetworks: ['127.0.0.0/8'] };
        const paths = [
          'manifests/v1',
          `manifests/${image.digest}`,
          ...image.blobs.map(({ digest }) => `blobs/${digest}`),
        ];
        const readAll = async (cistern: Cistern) => {
          const digests: string[] = [];
          for (const path of paths) {
            const answer = await fetch(`${cistern.url}/v2/${REPOSITORY}/${path}`);
            assert.equal(answer.status, 200, path);
            digests.push(digestOf(Buffer.from(await answer.arrayBuffer())));
          }
          return digests;
        };
        const first = await Cistern.start({ dir, upstreams: [upstream] });
        const before = await readAll(first);
        await first.stored([image.digest, ...image.blobs.map(({ digest }) => digest)]);
        assert.equal((await first.stop()).code, 0);

        const data = join(dir, 'var');
        await damage(join(data, 'index'));
        await registry.down();
        const second = await Cistern.start({ dir, upstreams: [upstream] });
        assert.deepEqual(await readAll(second), before);
        assert.equal((await readdir(data)).filter((entry) => entry.includes('.bad-')).length, 1);
        assert.equal((await second.stop()).code, 0);
      }));
  }
});

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
