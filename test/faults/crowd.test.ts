/** Two thousand clients of one download, a tenth of which never read: one fetch, right bytes, bounded memory. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { run, stopPrograms } from '../e2e/support/processes.js';
import { eventually } from '../support/eventually.js';
import { makeImage } from '../support/images.js';
import type { CrowdOrder, CrowdReport } from './lab/crowd.js';
import { eventLoopLag, followers, memoryOf, MiB, type Memory } from './lab/figures.js';
import { seed } from './lab/random.js';
import { scoped, type FaultScope } from './lab/scoped.js';
import { World } from './lab/world.js';

const READERS = 1800;
const STALLED = 200;
const SIZE = 4 * MiB;
const MOST_MEMORY = 300 * MiB;
/** For heap, buffers and stacks. */
const MORE = 256 * MiB;

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

      const crowd = gathered(t, world, digest, { size: SIZE, readers: READERS, stalled: STALLED });
      await once(crowd, 'message');
      await gate.reached;
      await eventually(
        async () => (await followers(world)) === READERS + STALLED,
        'all wait for the same fill',
        60_000,
      );

      let most: Pick<Memory, 'rss' | 'rssAnon'> = await memoryOf(pid);
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

  it(
    `finds a daemon that may take ${MORE / MiB} MiB more than at its start alive, and all it asked for`,
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 1 });
      const image = makeImage({ seed: 'crowd', layers: [4 * SIZE] });
      world.registry.push('team/crowd', image, 'v1');
      const { digest } = image.layers[0]!;
      await world.start();
      const pid = world.daemon.pid!;
      const limit = (await memoryOf(pid)).data + MORE;
      await run('prlimit', ['--pid', `${pid}`, `--data=${limit}`]);
      // Once as it is downloaded, once from the store. If each had a copy of its own, 200 would take 3 GiB.
      for (let time = 0; time < 2; time++) {
        const crowd = gathered(t, world, digest, { size: 4 * SIZE, readers: 200, stalled: 20 });
        await once(crowd, 'message');
        const [report] = (await once(crowd, 'message')) as [CrowdReport];
        assert.deepEqual(report, { right: 200, wrong: [] });
        crowd.kill('SIGKILL');
        await world.assertNothingOpen();
      }
      t.diagnostic(`${Math.round((limit - (await memoryOf(pid)).data) / MiB)} MiB were left`);
      await world.stop();
    }),
  );
});

/** They ask for the blob at once, in a process of their own, which says when they have, and what they got. */
function gathered(
  scope: FaultScope,
  world: World,
  digest: string,
  of: Pick<CrowdOrder, 'size' | 'readers' | 'stalled'>,
): ChildProcess {
  const crowd = fork(join(import.meta.dirname, 'lab/crowd.ts'), { execArgv: ['--import', 'tsx'] });
  scope.after(() => void crowd.kill('SIGKILL'));
  const { port } = new URL(world.daemon.url);
  const path = `/v2/team/crowd/blobs/${digest}`;
  crowd.send({ port: Number(port), path, seed: 'crowd/layer/0', ...of } satisfies CrowdOrder);
  return crowd;
}
