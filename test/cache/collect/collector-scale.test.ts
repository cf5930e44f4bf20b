/** The collector where much is stored, where it is in the way of others, and where the index fails it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { orphan } from '../../../src/cache/collect/leftovers.js';
import { candidatesOf } from '../../../src/catalog/edges.js';
import { keys } from '../../../src/catalog/keys.js';
import { deferred } from '../../../src/lib/async.js';
import { isAppError } from '../../../src/lib/errors.js';
import { collect } from '../../support/collect.js';
import { eventually } from '../../support/eventually.js';
import { Collected, digest, GRACE, repositoryOf, RETENTION, type TestImage } from '../support/collected.js';

const many: readonly TestImage[] = Array.from({ length: 150 }, (_, at) => ({
  name: `image ${at}`,
  children: ['base', ...Array.from({ length: 8 }, (_, layer) => `layer ${at} ${layer}`)],
}));
const tag = (name: string) => name.replaceAll(' ', '-');

describe('a collection of more than goes in one step', () => {
  it('takes what expired and keeps the rest, and a dry run says so', { timeout: 120_000 }, async (context) => {
    const cache = await Collected.open(context, many);
    const [old, young] = [many.slice(0, 130), many.slice(130)];
    for (const { name } of old) await cache.pull(name, { tag: tag(name) });
    await cache.clock.advance(RETENTION);
    for (const { name } of young) await cache.pull(name, { tag: tag(name) });
    const dry = await cache.collect({ dryRun: true });
    const { images, report } = await cache.collect();
    assert.equal(images.length, old.length);
    assert.deepEqual(dry.images, images);
    assert.deepEqual([report.sweptBlobs, report.reachableBlobs], [130 * 9, 20 * 9 + 1]);
    assert.deepEqual({ ...dry.report, dryRun: false, startedAt: 0 }, { ...report, startedAt: 0 });
    const names = young.flatMap(({ name }) => cache.whole(name));
    assert.equal((await cache.stored(names)).length, names.length);
  });

  it('can be stopped in the middle of an eviction', { timeout: 120_000 }, async (context) => {
    const cache = await Collected.open(context, many);
    for (const { name } of many) await cache.pull(name, { tag: tag(name) });
    await cache.clock.advance(1);
    cache.policy.maxSize = 1;
    const stop = new AbortController();
    const remove = cache.store.delete.bind(cache.store);
    context.mock.method(cache.store, 'delete', (each: Parameters<typeof remove>[0]) => {
      stop.abort(new Error('enough'));
      return remove(each);
    });
    await assert.rejects(async () => {
      await collect(cache.collector.run({ dryRun: false }, stop.signal));
    }, /enough/);
    const tags = [];
    for await (const each of cache.catalog.tags(repositoryOf())) tags.push(each);
    assert.equal(tags.length, many.length - 64, 'the images of the batch in hand have gone');
  });

  it('can be stopped in the middle of the sweep', { timeout: 120_000 }, async (context) => {
    const cache = await Collected.open(context, []);
    for (let at = 0; at < 2100; at++) await cache.layer(`lone ${at}`);
    await cache.clock.advance(GRACE);
    const stop = new AbortController();
    const reason = new Error('enough');
    const remove = cache.store.delete.bind(cache.store);
    context.mock.method(cache.store, 'delete', (each: Parameters<typeof remove>[0]) => {
      stop.abort(reason);
      return remove(each);
    });
    await assert.rejects(async () => {
      await collect(cache.collector.run({ dryRun: false }, stop.signal));
    }, reason);
    const { blobs } = await cache.catalog.stored();
    assert.ok(blobs > 0 && blobs < 2100, `${blobs} are left`);
    assert.equal(cache.store.sizes.size, blobs);
    await cache.collect();
    assert.equal(cache.store.sizes.size, 0);
  });
});

describe('a collection during a rebuild of the index', () => {
  it('deletes nothing and makes no room', async (context) => {
    const cache = await Collected.open(context, [{ name: 'a', children: [] }]);
    await cache.pull('a');
    await cache.store.put(digest('without a record'), 10);
    await cache.clock.advance(GRACE);
    const finish = await cache.restartRebuilding();
    for (const dryRun of [true, false]) {
      await assert.rejects(cache.collect({ dryRun }), (error) => isAppError(error, 'REBUILDING'));
    }
    const { catalog, store, spools, locks: digestLocks } = cache;
    await assert.rejects(orphan({ catalog, store, spools, digestLocks }, digest('without a record'), false), (error) =>
      isAppError(error, 'REBUILDING'),
    );
    const [root] = await collect(cache.catalog.roots());
    const victim = { root: root!, tags: [], lastPulledAt: 0, chosenAt: Infinity };
    await assert.rejects(cache.eraser.dropRoots([victim]), { code: 'REBUILDING' }, 'chosen before it began');
    const [candidate] = await candidatesOf(cache.catalog.records, [digest('without a record')]);
    await assert.rejects(cache.eraser.erase([candidate!]), { code: 'REBUILDING' });
    cache.free = 0;
    assert.equal(await cache.collector.makeRoom(50), false);
    assert.ok(!cache.logs.some((line) => line.includes('no room could be made')), 'that is as it should be');
    assert.equal(cache.store.sizes.size, 2);
    finish();
    await cache.catalog.rebuilt();
  });
});

describe('the collector beside others', () => {
  it('stops when nobody watches it any more', async (context) => {
    const cache = await Collected.open(context, []);
    for (let at = 0; at < 20; at++) await cache.layer(`lone ${at}`);
    await cache.clock.advance(GRACE);
    for await (const event of cache.collector.run({ dryRun: false }, AbortSignal.timeout(60_000))) {
      assert.notEqual(event.kind, 'report');
      break;
    }
    assert.equal((await cache.catalog.stored()).blobs, 20);
    assert.equal((await cache.collector.state()).running, undefined);
  });

  it('rests after it could not free enough, and looks no more once it is closed', async (context) => {
    const cache = await Collected.open(context, [{ name: 'a', children: ['a1'] }], { maxSize: 100 });
    await cache.pull('a');
    await cache.catalog.pin(repositoryOf(), digest('a'));
    const runs = () => cache.logs.filter((line) => line.includes('garbage collected')).length;
    await cache.clock.advance(1000);
    await eventually(() => runs() === 1, 'it has tried');
    await cache.clock.advance(59_000);
    assert.equal(runs(), 1);
    await cache.clock.advance(2000);
    await eventually(() => runs() === 2, 'it has tried again');
    const before = cache.clock.waiting;
    await cache.collector.close();
    assert.equal(cache.clock.waiting, before - 1);
    await assert.rejects(cache.collect(), (error) => isAppError(error, 'DRAINING'));
  });

  it('runs by the schedule like by request', async (context) => {
    const cache = await Collected.open(context, []);
    await cache.layer('lone');
    await cache.clock.advance(GRACE);
    await cache.collector.runScheduled(AbortSignal.timeout(60_000));
    assert.deepEqual(await cache.stored(['lone']), []);
    assert.equal((await cache.collector.state()).last?.trigger, 'schedule');
  });
});

describe('the collector of a failing index', () => {
  it('tells that its report was not kept, and what it deleted is deleted', async (context) => {
    const cache = await Collected.open(context, []);
    await cache.layer('lone');
    await cache.clock.advance(GRACE);
    const turn = cache.catalog.turn.bind(cache.catalog);
    context.mock.method(cache.catalog, 'turn', (change: Parameters<typeof turn>[0]) =>
      turn(async (tx) => {
        const result = await change(tx);
        if ((await tx.get(keys.collection)) !== undefined) throw new Error('no report today');
        return result;
      }),
    );
    const { report } = await cache.collect();
    assert.equal(report.sweptBlobs, 1);
    assert.ok(cache.logs.some((line) => line.includes('the report of a collection was not kept')));
    assert.equal((await cache.collector.state()).last, undefined);
  });

  it('makes no room and says why, and warns when it cannot look after the space', async (context) => {
    const cache = await Collected.open(context, [{ name: 'a', children: [] }], { maxSize: 10 });
    await cache.pull('a');
    context.mock.method(cache.catalog, 'stored', () => Promise.reject(new Error('the index is gone')));
    cache.free = 0;
    assert.equal(await cache.collector.makeRoom(50), false);
    assert.ok(cache.logs.some((line) => line.includes('no room could be made')));
    await cache.clock.advance(1000);
    assert.ok(cache.logs.some((line) => line.includes('looking after the space failed')));
  });
});

describe('the collector of a slow index', () => {
  it('looks after the space once at a time', async (context) => {
    const cache = await Collected.open(context, []);
    const answer = deferred<{ readonly blobs: number; readonly bytes: number }>();
    const stored = context.mock.method(cache.catalog, 'stored', () => answer.promise);
    await cache.clock.advance(10_000);
    assert.equal(stored.mock.callCount(), 1);
    answer.resolve({ blobs: 0, bytes: 0 });
    await cache.clock.advance(10_000);
    assert.ok(stored.mock.callCount() > 1);
  });
});
