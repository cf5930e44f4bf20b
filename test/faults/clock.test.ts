/** The system's clock jumps by years: nothing expires for that, and nothing stops. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { stopPrograms } from '../e2e/support/processes.js';
import { get } from '../support/http.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { collectGarbage, pullAll } from './lab/steps.js';
import { World } from './lab/world.js';

// The library alone: the command would be a parent that signals do not pass.
const found = spawnSync('faketime', ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' });
const library = found.status === 0 ? found.stdout.trim() : '';
const skip = library === '' ? 'skipped: faketime is not installed' : false;
const shifted = (by: string) => ['env', `LD_PRELOAD=${library}`, `FAKETIME=${by}`, 'FAKETIME_DONT_FAKE_MONOTONIC=1'];

after(stopPrograms);

describe(`a clock (seed ${seed})`, { skip }, () => {
  for (const jump of ['+3 years', '-3 years']) {
    it(
      `that is ${jump} off after a restart expires nothing, and serves everything with upstream down`,
      scoped(async (t) => {
        const world = await World.create(t, { seed, images: 5 });
        await world.start();
        await pullAll(world);
        await world.stop();
        await world.start(shifted(jump.replace(' years', 'y')));
        await collectGarbage(world);
        await world.assertKept();
        await world.registry.down();
        for (const { repository, tag } of world.library.shelf) {
          assert.ok((await get(world.urlOf(repository, tag))).status === 200 || jump.startsWith('+'), tag);
        }
        await world.registry.up();
        await pullAll(world);
        await world.stop();
        await world.start();
        await collectGarbage(world);
        await world.assertKept();
        await world.stop();
        assert.ok(world.oracle.survivals > 0);
      }),
    );
  }
});
