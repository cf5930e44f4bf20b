/** Wherever the index is damaged, and whoever comes across it first, the daemon starts, and serves what is stored. */
import assert from 'node:assert/strict';
import { cp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { prefetches, ControlClient } from '../../src/cli/client.js';
import { TestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage } from '../support/images.js';
import { spoil } from '../support/spoil-index.js';

/** So many places, spread over a table. */
const CUTS = 12;

const REPOSITORY = 'team/app';

/** A daemon of which an image was pulled. */
async function pulled(t: TestContext) {
  const registry = await FakeRegistry.start(t);
  const daemon = await TestDaemon.start(t, { upstreams: [{ name: 'up.test', url: registry.url }] });
  const image = makeImage({ seed: 'app' });
  registry.push(REPOSITORY, image, 'v1');
  assert.equal((await daemon.manifest(REPOSITORY, 'v1')).status, 200);
  for (const { digest } of image.blobs) assert.equal((await daemon.blob(REPOSITORY, digest)).status, 200);
  return { registry, daemon, image };
}

async function addJobs(daemon: TestDaemon, count: number): Promise<void> {
  const client = new ControlClient({ address: daemon.controlAddress });
  for (let n = 0; n < count; n++) {
    const spec = { images: [`up.test/team/app:v${n}`] };
    await client.ask(prefetches.CreatePrefetchJob, { spec, requestId: `${n}` });
  }
  client.close();
}

const setAside = ({ logs }: TestDaemon): boolean => logs.some((line) => line.includes('index set aside'));

describe('a daemon whose index was cut', () => {
  it('starts with a new one, wherever that was, and serves what is stored', async (t) => {
    const { daemon, image } = await pulled(t);
    await addJobs(daemon, 20);
    await daemon.stop();

    const index = join(daemon.dataDir, 'index');
    const whole = `${index}.whole`;
    await cp(index, whole, { recursive: true });
    const [table = ''] = (await readdir(whole)).filter((name) => name.endsWith('.ldb'));
    const { size } = await stat(join(whole, table));
    let replaced = 0;
    for (let cut = 0; cut < CUTS; cut++) {
      await rm(index, { recursive: true, force: true });
      await cp(whole, index, { recursive: true });
      await truncate(join(index, table), Math.floor((size * cut) / CUTS));
      const before = daemon.logs.length;
      await daemon.start();
      assert.equal((await daemon.manifest(REPOSITORY, image.digest)).status, 200);
      await daemon.stop();
      if (daemon.logs.slice(before).some((line) => line.includes('index set aside'))) replaced++;
    }
    assert.equal(replaced, CUTS);
  });
});

describe('a daemon whose index holds records that are not what was written', () => {
  it('starts with a new one when it comes across them while it starts', async (t) => {
    const { daemon, image } = await pulled(t);
    await addJobs(daemon, 1);
    await daemon.stop();
    await spoil(join(daemon.dataDir, 'index'), 'job ');
    await daemon.start();
    assert.ok(setAside(daemon));
    assert.equal((await daemon.manifest(REPOSITORY, image.digest)).status, 200);
  });

  for (const kind of ['tag', 'link', 'blob']) {
    it(`refuses no client that comes across one of a ${kind} while it serves`, async (t) => {
      const { registry, daemon, image } = await pulled(t);
      await daemon.stop();
      await spoil(join(daemon.dataDir, 'index'), `${kind} `);
      await daemon.start();
      await registry.down();
      const [blob] = image.blobs;
      const answers = await Promise.all([
        daemon.manifest(REPOSITORY, 'v1'),
        daemon.manifest(REPOSITORY, image.digest),
        daemon.blob(REPOSITORY, blob!.digest),
        daemon.blob(REPOSITORY, blob!.digest, { method: 'HEAD' }),
      ]);
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200],
      );
      assert.ok(setAside(daemon));
    });
  }
});
