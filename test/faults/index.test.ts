/** The index is disposable: lost, flipped, cut or older, it is made again from what is stored, and no blob is lost. */
import assert from 'node:assert/strict';
import { cp, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { stopPrograms } from '../e2e/support/processes.js';
import type { Random } from './lab/random.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { pullAll } from './lab/steps.js';
import { injections, under, withoutStrace } from './lab/strace.js';
import { World } from './lab/world.js';

/** Random damage is done so often to each index. */
const TIMES = Number(process.env.CISTERN_FAULT_DAMAGES ?? 3);

/** A number that no table has in the first life of a new index. */
const BEYOND = 24;

after(stopPrograms);

type Damage = (index: string, random: Random) => Promise<void>;

const damages: Readonly<Record<string, Damage>> = {
  'is lost': (index) => rm(index, { recursive: true }),
  'has lost a file': async (index, random) => rm(join(index, random.pick(await filesIn(index)))),
  'was cut': async (index, random) => {
    const path = join(index, random.pick(await filesIn(index)));
    await truncate(path, random.below((await stat(path)).size));
  },
};

/** Not always noticed: LevelDB drops a record of its log that does not add up, and goes on without it. */
const flipBit: Damage = async (index, random) => {
  const path = join(index, random.pick(await filesIn(index)));
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  const at = random.below((await file.stat()).size);
  await file.read(byte, 0, 1, at);
  byte[0] = byte[0]! ^ (1 << random.below(8));
  await file.write(byte, 0, 1, at);
  await file.close();
};

describe(`an index (seed ${seed})`, () => {
  for (const [name, damage] of Object.entries(damages)) {
    it(
      `that ${name} costs no blob, ${TIMES} times`,
      scoped(async (t) => {
        const world = await World.create(t, { seed, images: 6 });
        for (let time = 0; time < TIMES; time++) {
          await world.start();
          await pullAll(world);
          await world.stop();
          await damage(join(world.data, 'index'), world.random);
          await world.start();
          await world.assertKept();
          await world.stop();
        }
        t.diagnostic(`${world.oracle.survivals} acknowledged blobs found again`);
        assert.ok(world.oracle.survivals > 0);
      }),
    );
  }

  it(
    `that has a flipped bit leads to no wrong byte and no failed pull, ${TIMES} times`,
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 6 });
      for (let time = 0; time < TIMES; time++) {
        await world.start();
        await pullAll(world);
        await world.stop();
        await flipBit(join(world.data, 'index'), world.random);
        await world.start();
        await pullAll(world);
        await world.assertKept();
        await world.stop();
      }
      assert.ok(world.oracle.survivals > 0);
    }),
  );

  for (const syscall of ['openat', 'read'] as const) {
    it(
      `of which a table cannot be read (${syscall}) costs no blob`,
      { skip: withoutStrace },
      scoped(async (t) => {
        const world = await World.create(t, { seed, images: 6 });
        const index = join(world.data, 'index');
        let path = '';
        // Until the new index, which begins to count anew, will not give a table of its own this name.
        for (let number = 0; number < BEYOND;) {
          await world.start();
          await pullAll(world);
          await world.stop();
          const [last] = (await filesIn(index))
            .filter((name) => name.endsWith('.ldb'))
            .sort()
            .reverse();
          path = join(index, last!);
          number = parseInt(last!);
        }
        const trace = join(world.dir, 'trace');
        await world.start(under({ syscalls: [syscall], nth: 1, forGood: true, does: 'EIO', paths: [path] }, trace));
        assert.ok(injections(trace, 'EIO') > 0);
        await world.assertKept();
        await world.stop();
      }),
    );
  }

  it(
    `that is lost, and whose making anew is killed again and again, costs no blob, ${2 * TIMES} times`,
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 12 });
      await world.start();
      await pullAll(world);
      await world.stop();
      await rm(join(world.data, 'index'), { recursive: true });
      const started = performance.now();
      await world.start();
      const took = performance.now() - started;
      await world.stop();
      let killed = 0;
      for (let time = 0; time < 2 * TIMES; time++) {
        if (time % 3 === 0) await rm(join(world.data, 'index'), { recursive: true, force: true });
        const lived = await world.start(killedAfter(world.random.next() * took)).then(
          () => true,
          () => false,
        );
        if (lived) await world.kill();
        else killed++;
        if (time % 3 !== 2) continue;
        await world.start();
        await world.assertKept();
        await world.stop();
      }
      t.diagnostic(`${killed} starts did not live to serve, ${world.oracle.survivals} acknowledged blobs found again`);
      assert.ok(world.oracle.survivals > 0);
    }),
  );

  it(
    'that is an older copy is noticed, and what was stored since is not lost',
    scoped(async (t) => {
      const world = await World.create(t, { seed, images: 8 });
      const [index, copy] = [join(world.data, 'index'), join(world.dir, 'copy')];
      await world.start();
      await pullAll(world, { count: 4 });
      await world.stop();
      await cp(index, copy, { recursive: true });
      await world.start();
      await pullAll(world);
      await world.stop();
      await rm(index, { recursive: true });
      await cp(copy, index, { recursive: true });
      await world.start();
      assert.equal(world.daemonSaid('index set aside; a new one is made'), 1);
      await world.assertKept();
      await world.stop();
      assert.ok(world.oracle.survivals > 0);
    }),
  );
});

/** The command that runs the daemon and kills it after so many milliseconds; it stays our child. */
const killedAfter = (ms: number): readonly string[] => [
  'sh',
  '-c',
  '(sleep "$0"; kill -9 $$) >/dev/null 2>&1 & exec "$@"',
  (ms / 1000).toFixed(3),
];

/** Not empty, and not LevelDB's own diary and lock, which say nothing of what is stored. */
async function filesIn(index: string): Promise<readonly string[]> {
  const names = (await readdir(index)).filter((name) => !/^(LOG|LOG\.old|LOCK)$/.test(name));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(index, name))).size));
  return names.filter((_, n) => sizes[n]! > 0);
}
