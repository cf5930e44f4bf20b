/** What docs/operations.md says to do does what it says. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Cistern } from '../e2e/support/cistern.js';
import { inScratch } from '../e2e/support/images.js';
import { run, stopPrograms } from '../e2e/support/processes.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { fetchAll } from '../support/http.js';
import { makeImage } from '../support/images.js';
import type { Scope } from '../support/tmp.js';
import { unlessInstalled } from './needs.js';

/** In this order. */
const COPIED = ['format', 'snapshot', 'blobs'];
const IMAGE = 'up.test/team/app:v1';

after(stopPrograms);

async function scene(t: Scope) {
  const registry = await FakeRegistry.start(t);
  const image = makeImage({ seed: 'handbook', layers: [40_000, 300_000] });
  registry.push('team/app', image, 'v1');
  const upstreams = [{ name: 'up.test', url: registry.url, allowNetworks: ['127.0.0.0/8'] }];
  const paths = ['manifests/v1', ...image.blobs.map(({ digest }) => `blobs/${digest}`)];
  const pull = (cistern: Cistern) =>
    Promise.all(paths.map((path) => fetchAll(`${cistern.url}/v2/up.test/team/app/${path}`)));
  return { registry, image, upstreams, pull };
}

describe('the handbook', () => {
  it('names enough to back up from a running daemon: images are served from it while upstream is gone', (t) =>
    inScratch(async (dir) => {
      const { registry, image, upstreams, pull } = await scene(t);
      const first = await Cistern.start({ dir: join(dir, 'first'), upstreams });
      const got = await pull(first);
      await first.stored([image.digest, ...image.blobs.map(({ digest }) => digest)]);
      // The snapshot is made at each pin.
      assert.equal((await first.run('pin', IMAGE)).code, 0);

      const copy = join(dir, 'second/var');
      await mkdir(copy, { recursive: true });
      for (const name of COPIED) await cp(join(dir, 'first/var', name), join(copy, name), { recursive: true });
      await registry.stop();
      const second = await Cistern.start({ dir: join(dir, 'second'), upstreams });
      const again = await pull(second);
      assert.deepEqual(
        again.map(({ status, body }) => ({ status, body })),
        got.map(({ body }) => ({ status: 200, body })),
      );
      assert.match((await second.run('evict', IMAGE)).stderr, /pinned/);
      assert.equal((await second.run('verify')).code, 0);
    }));

  it('finds slow pulls in the log, and why they were', { skip: unlessInstalled('jq') }, (t) =>
    inScratch(async (dir) => {
      const { upstreams, pull } = await scene(t);
      const cistern = await Cistern.start({ dir, upstreams });
      await pull(cistern);
      await cistern.stop();
      await writeFile(join(dir, 'log'), cistern.output);
      const [, program] = /jq -r '([^']+)'/.exec(await readFile('docs/operations.md', 'utf8'))!;
      const printed = await run('jq', ['-r', program!.replace('> 5000', '>= 0'), join(dir, 'log')]);
      const lines = printed.trim().split('\n');
      assert.equal(lines.length, 4, printed);
      const line = lines.find((each) => each.includes('\tv1\t'));
      assert.match(line ?? '', /^20[^\t]+Z\t\d+\t\d+\tmiss\ttag-unknown\tup\.test\tteam\/app\tv1\t127\.0\.0\.1$/);
    }),
  );
});
