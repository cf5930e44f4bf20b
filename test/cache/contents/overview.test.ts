/** What is told of all images at once agrees with what is told, and done, one by one. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { overview } from '../../../src/cache/contents/overview.js';
import type { Digest } from '../../../src/oci/digest.js';
import { parseTag } from '../../../src/oci/reference.js';
import { Collected, digest, repositoryOf, type TestImage } from '../support/collected.js';

const IMAGES: readonly TestImage[] = [
  { name: 'a', children: ['base', 'a1'] },
  { name: 'b', children: ['base', 'b1', 'b2'] },
  { name: 'c', children: ['c1'] },
  // Both of its images have the same layer, which counts once.
  { name: 'index', children: ['left', 'right'] },
  { name: 'left', children: ['common', 'left1'] },
  { name: 'right', children: ['common', 'a1'] },
  { name: 'signature', children: ['s1'], subject: 'c' },
];
const SIZES: Readonly<Record<string, number>> = { base: 50_000, a1: 7000, b1: 300, c1: 9000, common: 20_000 };

async function scene(context: TestContext) {
  const cache = await Collected.open(context, IMAGES);
  cache.size = (name) => SIZES[name] ?? 100;
  const look = async () => {
    const { catalog, policy, clock, inUse, spools } = cache;
    const { blobs, bytes } = await catalog.stored();
    const shares = { images: 0, sharedBytes: 0, uniqueBytes: 0, reclaimableBytes: 0 };
    const usage = { blobs, bytes, ...shares, maxBytes: 0, spoolBytes: spools.bytes, quarantinedBytes: 0, freeBytes: 0 };
    const parts = { catalog, policy, inUse: (each: Digest) => inUse.has(each) };
    return overview({ ...parts, diskUsage: () => Promise.resolve(usage), now: () => clock.now() }, context.signal);
  };
  const pull = async (...names: readonly string[]) => {
    for (const name of names) {
      await cache.pull(name);
      cache.catalog.notePull(repositoryOf(), digest(name), cache.clock.now());
      await cache.clock.advance(5000);
    }
  };
  return { cache, look, pull };
}

const named = (name: string) => `docker.io/library/test:${name}`;

describe('the overview of all images', () => {
  it('weighs each with every blob once, and says how much of it others have too', async (context) => {
    const { look, pull } = await scene(context);
    await pull('a', 'b', 'c', 'index');
    const { largest } = await look();
    assert.deepEqual(
      largest?.map(({ reference, size, shared, pulls }) => [reference, size, shared, pulls]),
      [
        [named('a'), 57_100, 57_000, 1],
        [named('b'), 50_500, 50_000, 1],
        // index, left, right, left1 of 100 each.
        [named('index'), 27_400, 7000, 1],
        [named('c'), 9100, 0, 1],
      ],
    );
  });

  it('counts one image of two repositories as two that share all', async (context) => {
    const { cache, look } = await scene(context);
    await cache.pull('c');
    await cache.pull('c', { repository: repositoryOf('library/other') });
    const { largest } = await look();
    assert.deepEqual(largest?.map(({ reference, size, shared }) => [reference, size, shared]).sort(), [
      ['docker.io/library/other:c', 9100, 9100],
      [named('c'), 9100, 9100],
    ]);
  });

  it('names those that leave next first, without what is pinned or a job works on', async (context) => {
    const { cache, look, pull } = await scene(context);
    await pull('c', 'a', 'b', 'index');
    await pull('c');
    assert.deepEqual(
      (await look()).leastUsed.map(({ reference }) => reference),
      ['a', 'b', 'index', 'c'].map(named),
    );
    await cache.catalog.pin(repositoryOf(), parseTag('a'));
    cache.inUse.add(digest('index'));
    assert.deepEqual(
      (await look()).leastUsed.map(({ reference }) => reference),
      ['b', 'c'].map(named),
    );
  });

  it('plans the very eviction that then happens', async (context) => {
    const { cache, look, pull } = await scene(context);
    await pull('a', 'b', 'c', 'index');
    const { bytes } = await cache.catalog.stored();
    // Too much by a little: `a` alone frees nothing but its manifest and its own layer.
    Object.assign(cache.policy, { maxSize: bytes / 0.95, highWatermark: 0.94, lowWatermark: 0.9 });
    const { plan, leastUsed } = await look();
    const { images } = await cache.collect();
    const leaving = leastUsed.filter(({ frees }) => frees !== undefined);
    assert.deepEqual(
      leaving.map(({ reference, frees }) => [reference, frees]),
      images.map(({ reference, bytes: freed }) => [reference, freed]),
    );
    assert.ok(leaving.length > 0);
    assert.equal(plan.images, leaving.length);
    assert.equal(plan.frees, bytes - (await cache.catalog.stored()).bytes);
    assert.equal(plan.more, false);
  });

  it('plans nothing for what an image names and never came', async (context) => {
    const { cache, look } = await scene(context);
    await cache.manifest('a', repositoryOf(), 'tag', 'a');
    await cache.clock.advance(1);
    Object.assign(cache.policy, { maxSize: 100, highWatermark: 0.9, lowWatermark: 0.1 });
    const { plan } = await look();
    assert.deepEqual([plan.images, plan.frees], [1, 100]);
  });

  it('plans, while there is room, what would leave once there is none', async (context) => {
    const { cache, look, pull } = await scene(context);
    await pull('a', 'b', 'c');
    Object.assign(cache.policy, { maxSize: 1_000_000, highWatermark: 0.9, lowWatermark: 0.895 });
    const { plan, leastUsed } = await look();
    assert.deepEqual([plan.above, plan.downTo], [900_000, 895_000]);
    assert.deepEqual(
      leastUsed.map(({ reference, frees }) => [reference, frees]),
      [
        [named('a'), 7100],
        [named('b'), undefined],
        [named('c'), undefined],
      ],
    );
    assert.deepEqual(await cache.stored(['a', 'a1']), ['a', 'a1'], 'nothing has left');
  });
});
