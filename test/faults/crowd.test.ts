/** Two thousand clients of one download, a tenth of which never read: one fetch, right bytes, bounded memory. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { stopPrograms } from '../e2e/support/processes.js';
import { eventually } from '../support/eventually.js';
import { makeImage } from '../support/images.js';
import type { CrowdOrder, CrowdReport } from './lab/crowd.js';
import { eventLoopLag, followers, memoryOf, MiB } from './lab/figures.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { World } from './lab/world.js';

const READERS = 1800;
const STALLED = 200;
const SIZE = 4 * MiB;
const MOST_MEMORY = 300 * MiB;

after(stopPrograms);

describe(`a crowd (seed ${seed})`, () => {
  it(
    `of ${READERS + STALLED} clients on one download, ${STALLED} of them stalled, costs one fetch and ${MOST_MEMORY / MiB} MiB at most`,
    scoped(async (t) => {
      // Longer than all may take to come: upstream is silent until then.
      const world = await World.create(t, { seed, images: 1, upstream: { responseTimeout: '2m' } });
      const image = makeImage({ seed: 'crowd', layers: [SIZE] });
      world.registry.push('team/crowd', image, 'v1');
      const { digest } = image.layers[0]!;
      await world.start();
      const pid = world.daemon.pid!;
      const gate = world.registry.hold({ kind: 'blob', reference: digest, at: 'first' });

      const crowd = fork(join(import.meta.dirname, 'lab/crowd.ts'), { execArgv: ['--import', 'tsx'] });
      t.after(() => void crowd.kill('SIGKILL'));
      const { port } = new URL(world.daemon.url);
      const path = `/v2/team/crowd/blobs/${digest}`;
      const order: CrowdOrder = {
        ...{ port: Number(port), path, seed: 'crowd/layer/0', size: SIZE },
        ...{ readers: READERS, stalled: STALLED },
      };
      crowd.send(order);
      await once(crowd, 'message');
      await gate.reached;
      await eventually(
        async () => (await followers(world)) === READERS + STALLED,
        'all wait for the same fill',
        60_000,
      );

      let most = await memoryOf(pid);
      const measure = async () => {
        const { rss, rssAnon } = await memoryOf(pid);
        most = { rss: Math.max(rss, most.rss), rssAnon: Math.max(rssAnon, most.rssAnon) };
      };
      const sample = setInterval(() => void measure().catch(() => undefined), 50);
      // Asked, it begins anew: from here on it is the lag of the download.
      await eventLoopLag(world);
      const started = performance.now();
      gate.open();
      const [report] = (await once(crowd, 'message')) as [CrowdReport];
      clearInterval(sample);
      await measure();
      const lag = await eventLoopLag(world);
      const seconds = (performance.now() - started) / 1000;
      t.diagnostic(
        `${seconds.toFixed(1)} s, RSS ${(most.rss / MiB).toFixed(0)} MiB (RssAnon ${(most.rssAnon / MiB).toFixed(0)}), ` +
          `event loop late by ${lag.toFixed(0)} ms at the 99th percentile`,
      );
      assert.deepEqual(report, { right: READERS, wrong: [] });
      assert.equal(world.registry.count({ kind: 'blob', method: 'GET', reference: digest }), 1);
      assert.ok(most.rss <= MOST_MEMORY, `${Math.round(most.rss / MiB)} MiB`);
      crowd.kill('SIGKILL');
      await world.assertNothingOpen();
      await world.stop();
    }),
  );
});
