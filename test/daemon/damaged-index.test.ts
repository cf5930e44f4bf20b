/** Wherever the index is damaged, and whoever comes across it first, the daemon starts, and serves what is stored. */
import assert from 'node:assert/strict';
import { cp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { prefetches, ControlClient } from '../../src/cli/client.js';
import { TestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage } from '../support/images.js';

/** So many places, spread over a table. */
const CUTS = 12;

describe('a daemon whose index was cut', () => {
  it('starts with a new one, wherever that was, and serves what is stored', async (t) => {
    const registry = await FakeRegistry.start(t);
    const daemon = await TestDaemon.start(t, { upstreams: [{ name: 'up.test', url: registry.url }] });
    const image = makeImage({ seed: 'app' });
    registry.push('team/app', image, 'v1');
    const client = new ControlClient({ address: daemon.controlAddress });
    for (let n = 0; n < 20; n++) {
      const spec = { images: [`up.test/team/app:v${n}`] };
      await client.ask(prefetches.CreatePrefetchJob, { spec, requestId: `${n}` });
    }
    client.close();
    assert.equal((await daemon.manifest('team/app', 'v1')).status, 200);
    await daemon.stop();

    const index = join(daemon.dataDir, 'index');
    const whole = `${index}.whole`;
    await cp(index, whole, { recursive: true });
    const [table = ''] = (await readdir(whole)).filter((name) => name.endsWith('.ldb'));
    const { size } = await stat(join(whole, table));
    let setAside = 0;
    for (let cut = 0; cut < CUTS; cut++) {
      await rm(index, { recursive: true, force: true });
      await cp(whole, index, { recursive: true });
      await truncate(join(index, table), Math.floor((size * cut) / CUTS));
      const before = daemon.logs.length;
      await daemon.start();
      assert.equal((await daemon.manifest('team/app', image.digest)).status, 200);
      await daemon.stop();
      if (daemon.logs.slice(before).some((line) => line.includes('index set aside'))) setAside++;
    }
    assert.equal(setAside, CUTS);
  });
});
