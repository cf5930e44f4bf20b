/** Disks that fill up, run out of inodes, or are slow: clients get their images, nothing corrupt stays, it recovers. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { statusOf, stopPrograms } from '../e2e/support/processes.js';
import { eventually } from '../support/eventually.js';
import { temporaryDirectory } from '../support/tmp.js';
import { mountTmpfs, withoutRoot } from './lab/disk.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { pullAll, steps } from './lab/steps.js';
import { injections, under, withoutStrace } from './lab/strace.js';
import { World } from './lab/world.js';

const MiB = 1024 * 1024;

after(stopPrograms);

describe(`a disk (seed ${seed})`, { skip: withoutRoot }, () => {
  it(
    'that is full again and again under load costs no client its image, and stores again when there is room',
    scoped(async (t) => {
      const dir = await temporaryDirectory(t, 'cistern-fault');
      await mountTmpfs(t, join(dir, 'var'), '48m');
      const world = await World.create(t, { seed, dir, settings: { storage: { minFree: 0, maxSize: '30MiB' } } });
      const ballast = join(world.data, 'ballast');
      await world.start();
      let full = 0;
      for (let round = 0; round < 6; round++) {
        const size = world.random.between(20, 47) * MiB;
        await writeFile(ballast, Buffer.alloc(size)).catch(() => full++);
        await steps(world, 60);
        await pullAll(world);
        await rm(ballast, { force: true });
        await pullAll(world);
      }
      await eventually(async () => (await world.daemon.readiness()) === 200, 'it is ready');
      assert.ok(world.daemonSaid('stored') > 0, 'something was stored');
      await world.stop();
      t.diagnostic(`6 full disks (${full} to the last byte), ${world.oracle.answers} complete answers right`);
    }),
  );

  it(
    'without inodes costs no client its image, and stores again when there are some',
    scoped(async (t) => {
      const dir = await temporaryDirectory(t, 'cistern-fault');
      await mountTmpfs(t, join(dir, 'var'), '200m', 120);
      const world = await World.create(t, { seed, dir });
      await world.start();
      const taken: string[] = [];
      for (let n = 0; ; n++) {
        const path = join(world.data, `taken-${n}`);
        const made = await writeFile(path, '').then(
          () => true,
          () => false,
        );
        if (!made) break;
        taken.push(path);
      }
      await pullAll(world);
      assert.equal(world.oracle.kept.length, 0, 'nothing can have been stored');
      for (const path of taken) await rm(path);
      await eventually(async () => {
        await pullAll(world);
        return world.oracle.kept.length > 0;
      }, 'it stores again');
      await world.stop();
    }),
  );
});

describe('a disk that takes a quarter of a second for each sync', { skip: withoutStrace }, () => {
  it(
    'lets the daemon answer whether it is alive meanwhile, and hand images out',
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 4 });
      const trace = join(world.dir, 'trace');
      const does = { delayMs: 250 };
      await world.start(under({ syscalls: ['fsync', 'fdatasync'], nth: 1, forGood: true, does }, trace));
      let pulling = true;
      let alive = 0;
      const pulls = pullAll(world).finally(() => (pulling = false));
      while (pulling) {
        assert.equal(await statusOf(`${world.daemon.adminUrl}/healthz`), 200);
        alive++;
      }
      await pulls;
      assert.ok(injections(trace, does) > 10, 'the disk was slow');
      assert.ok(alive > 10, `it answered ${alive} times while images were pulled`);
      await world.stop();
    }),
  );
});
