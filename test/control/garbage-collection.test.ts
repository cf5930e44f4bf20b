/** The real collector behind the service, for what only both together can show. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { garbageCollection } from '../../src/cli/client.js';
import { Collected } from '../cache/support/collected.js';
import { all, control, failure } from './support.js';

describe('garbage collection', () => {
  it('is UNAVAILABLE while the index is being rebuilt, dry or not, and then runs', async (t) => {
    const cache = await Collected.open(t, [{ name: 'image', children: ['layer'] }]);
    await cache.pull('image');
    const surveyed = await cache.restartRebuilding();
    const { client } = await control(t, { collector: { run: (...asked) => cache.collector.run(...asked) } });
    for (const dryRun of [true, false]) {
      const failed = await failure(all(client().follow(garbageCollection.CollectGarbage, { dryRun })));
      assert.deepEqual([failed.status, failed.code], ['UNAVAILABLE', 'REBUILDING']);
      assert.match(failed.message, /being rebuilt/);
    }
    assert.deepEqual(await cache.stored(['image', 'layer']), ['image', 'layer']);

    surveyed();
    await cache.catalog.rebuilt();
    const told = await all(client().follow(garbageCollection.CollectGarbage, {}));
    assert.equal(told.at(-1)?.event, 'report');
  });
});
