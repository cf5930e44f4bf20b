import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BATCH } from '../../../src/cache/collect/eviction.js';
import { planEviction } from '../../../src/cache/collect/eviction-plan.js';
import { Retention } from '../../../src/cache/collect/retention.js';
import { Collected } from '../support/collected.js';

describe('the plan of an eviction', () => {
  it('says that more would leave when it has looked at as many images as it may', async (context) => {
    const names = Array.from({ length: BATCH + 1 }, (_, at) => `image-${at}`);
    const cache = await Collected.open(
      context,
      names.map((name) => ({ name, children: [] })),
    );
    for (const name of names) await cache.pull(name);
    await cache.clock.advance(1000);
    const parts = { catalog: cache.catalog, inUse: () => false };
    const victims = await new Retention(parts).leastRecent(names.length, () => true);
    const policy = { maxSize: 1e9, highWatermark: 1, lowWatermark: 0 };
    const { signal } = new AbortController();
    const plan = await planEviction({ ...parts, policy, used: 1e9, victims, most: 1, signal });
    assert.deepEqual([plan.images.length, plan.more], [BATCH, true]);
    const whole = await planEviction({ ...parts, policy, used: 1e9, victims, most: names.length + 1, signal });
    assert.deepEqual([whole.images.length, whole.more], [names.length, false]);
  });
});
