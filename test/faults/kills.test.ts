/** Killed at any instruction, the daemon has lost nothing that it called stored, and serves no wrong byte. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { stopPrograms } from '../e2e/support/processes.js';
import { scoped } from './lab/scoped.js';
import { judgeAtRest, judgePins } from './lab/judge.js';
import { seed } from './lab/random.js';
import { endedAtRandom } from './lab/steps.js';
import { World } from './lab/world.js';

const CYCLES = Number(process.env.CISTERN_FAULT_CYCLES ?? 40);

after(stopPrograms);

describe(`a daemon that is killed (seed ${seed})`, () => {
  it(
    `at ${CYCLES} random moments of pulls, prefetches, collections and evictions, keeps what it acknowledged`,
    scoped(async (t) => {
      const world = await World.create(t, { seed, sweeping: true });
      await world.start();
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        await endedAtRandom(world, world.random.between(1, 60), () => world.kill());
        await world.start();
        await judgePins(world);
        await world.assertKept();
        if ((cycle + 1) % 50 === 0) process.stdout.write(`${cycle + 1} kills, ${world.oracle.survivals} found again\n`);
      }
      await judgeAtRest(world);
      await world.stop();
      t.diagnostic(
        `${CYCLES} kills, ${world.oracle.answers} complete answers right, ${world.oracle.survivals} acknowledged blobs found again`,
      );
      assert.ok(world.oracle.survivals > 0, 'nothing was ever stored: the test shows nothing');
    }),
  );
});
