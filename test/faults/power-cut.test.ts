/** When the power goes, what was acknowledged is on the disk, on each file system that operators have. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { stopPrograms } from '../e2e/support/processes.js';
import { temporaryDirectory } from '../support/tmp.js';
import { LoopDisk, withoutRoot, type JournaledKind } from './lab/disk.js';
import { judgeAtRest, judgePins } from './lab/judge.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { endedAtRandom, endedAtStored } from './lab/steps.js';
import { World } from './lab/world.js';

const CUTS = Number(process.env.CISTERN_FAULT_CUTS ?? 10);
const KINDS: readonly JournaledKind[] = ['ext4', 'xfs'];

after(stopPrograms);

describe(`a daemon whose power is cut (seed ${seed})`, { skip: withoutRoot }, () => {
  for (const kind of KINDS) {
    it(
      `${CUTS} times on ${kind}, at the moment of an acknowledgement or at any other, keeps what it acknowledged`,
      scoped(async (t) => {
        const disk = await LoopDisk.create(t, await temporaryDirectory(t, 'cistern-fault'), kind);
        const world = await World.create(t, { seed, dir: disk.path, sweeping: true });
        await world.start();
        for (let cut = 0; cut < CUTS; cut++) {
          await cutAtRandom(world, disk);
          await disk.mountAgain();
          await world.start();
          await judgePins(world);
          await world.assertKept();
          if ((cut + 1) % 50 === 0)
            process.stdout.write(`${cut + 1} power cuts on ${kind}, ${world.oracle.survivals} found again\n`);
        }
        await judgeAtRest(world);
        await world.stop();
        t.diagnostic(`${CUTS} power cuts on ${kind}, ${world.oracle.survivals} acknowledged blobs found again`);
        assert.ok(world.oracle.survivals > 0, 'nothing was ever stored: the test shows nothing');
      }),
    );
  }
});

/** Every other time just after something was acknowledged: what was forgotten to be synced is then surely lost. */
async function cutAtRandom(world: World, disk: LoopDisk): Promise<void> {
  const cut = () => {
    world.oracle.powerGoes();
    disk.cutPower();
    return world.kill();
  };
  if (world.random.below(2) === 0) await endedAtStored(world, world.random.between(1, 15), cut);
  else await endedAtRandom(world, world.random.between(1, 60), cut);
}
