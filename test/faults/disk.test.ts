/** Disks that fill up, run out of inodes, or are slow: clients get their images, nothing corrupt stays, it recovers. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { invokeCistern } from '../e2e/support/cistern.js';
import { freePort, statusOf, stopPrograms, until } from '../e2e/support/processes.js';
import { eventually } from '../support/eventually.js';
import { get } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { temporaryDirectory } from '../support/tmp.js';
import { mountTmpfs, withoutRoot } from './lab/disk.js';
import { memoryOf, MiB } from './lab/figures.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { pullAll, steps, verified } from './lab/steps.js';
import { injections, under, withoutStrace } from './lab/strace.js';
import { World } from './lab/world.js';

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
      assert.ok(full > 0 || world.daemonSaid('made room') > 0, 'no disk was full');
      assert.ok(world.daemonSaid('stored') > 0, 'something was stored');
      // While the index was full, bytes went ahead of their records.
      const corrupt = [...(await verified(world))].filter(([, action]) => action !== 'CORRUPT_ACTION_MISSING');
      assert.deepEqual(corrupt, []);
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

describe('a disk that is full of the log itself', () => {
  it(
    'costs lines of the log, and neither pulls nor an orderly end',
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 1 });
      const port = await freePort();
      const upstream = { name: 'up.test', url: world.registry.url, default: true, allowNetworks: ['127.0.0.0/8'] };
      const under = ['sh', '-c', 'exec "$0" "$@" >/dev/full'];
      const { program } = await invokeCistern({ dir: world.dir, port, upstreams: [upstream], under });
      const url = `http://127.0.0.1:${port}/v2/`;
      await until(async () => (await statusOf(url)) === 200, 'it serves', program);
      const [{ repository, images } = assert.fail('no image')] = world.library.shelf;
      for (const { digest } of images[0]!.blobs) {
        const answer = await get(`${url}${repository}/blobs/${digest}`);
        assert.ok(answer.status === 200 && answer.complete);
        world.oracle.judge(digest, answer);
      }
      assert.equal((await program.stop()).code, 0);
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

describe('a disk that is slower than upstream', { skip: withoutStrace }, () => {
  it(
    'does not fill the memory with what it has not taken yet',
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 1 });
      const image = makeImage({ seed: 'large', layers: [192 * MiB] });
      world.registry.push('team/large', image, 'v1');
      const { digest } = image.layers[0]!;
      const trace = join(world.dir, 'trace');
      const does = { delayMs: 20 };
      await world.start(under({ syscalls: ['pwrite64', 'pwritev'], nth: 1, forGood: true, does }, trace));
      const { peak } = await memoryOf(world.daemon.pid!);
      const url = `${world.daemon.url}/v2/team/large/blobs/${digest}`;
      const answers = await Promise.all([1, 2, 3].map(() => get(url, { timeout: 120_000 })));
      for (const answer of answers) {
        assert.ok(answer.status === 200 && answer.complete && answer.body.equals(image.layers[0]!.bytes));
      }
      const grown = (await memoryOf(world.daemon.pid!)).peak - peak;
      assert.ok(injections(trace, does) > 100, 'the disk was slow');
      t.diagnostic(`${Math.round(grown / MiB)} MiB more at its peak`);
      assert.ok(grown < 128 * MiB, `it grew by ${grown} bytes`);
      await world.stop();
    }),
  );
});
