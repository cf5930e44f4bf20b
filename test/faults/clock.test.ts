/** The system's clock is set by years: nothing expires for that, and nothing stops. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stopPrograms } from '../e2e/support/processes.js';
import { eventually } from '../support/eventually.js';
import { get } from '../support/http.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { unless } from './lab/skip.js';
import { collectGarbage, pullAll } from './lab/steps.js';
import { World } from './lab/world.js';

// The library alone: the command would be a parent that signals do not pass.
const found = spawnSync('faketime', ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' });
const library = found.status === 0 ? found.stdout.trim() : '';
const skip = unless(library !== '', 'faketime is not installed');
const shifted = (by: string) => [
  ...['env', `LD_PRELOAD=${library}`, 'FAKETIME_DONT_FAKE_MONOTONIC=1'],
  ...(by === '' ? [] : [`FAKETIME=${by}`]),
];

after(stopPrograms);

describe(`a clock (seed ${seed})`, { skip }, () => {
  before(() => assert.notEqual(library, '', 'faketime is not installed'));

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
          assert.equal((await get(world.urlOf(repository, tag))).status, 200, tag);
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

  it(
    'that is set by years while it runs empties nothing, and stops neither pulls nor what runs by the clock',
    scoped(async (t) => {
      const settings = { gc: { schedule: '* * * * * *' } };
      const world = await World.create(t, { seed, images: 5, settings });
      const offset = join(world.dir, 'clock');
      await writeFile(offset, '+0');
      await world.start([...shifted(''), `FAKETIME_TIMESTAMP_FILE=${offset}`, 'FAKETIME_NO_CACHE=1']);
      await pullAll(world);
      for (const set of ['+3y', '-3y', '+0']) {
        await writeFile(offset, set);
        const before = world.daemonSaid('garbage collected');
        await eventually(() => world.daemonSaid('garbage collected') >= before + 2, `collections at ${set}`);
        await world.assertKept();
        await world.registry.down();
        for (const { repository, tag } of world.library.shelf) {
          assert.equal((await get(world.urlOf(repository, tag))).status, 200, `${tag} at ${set}`);
        }
        await world.registry.up();
        await pullAll(world);
      }
      await world.stop();
      assert.ok(world.oracle.survivals > 0);
    }),
  );
});
