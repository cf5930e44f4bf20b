import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { keys } from '../../../src/catalog/keys.js';
import { isAppError } from '../../../src/lib/errors.js';
import { parseTag } from '../../../src/oci/reference.js';
import { eventually } from '../../support/eventually.js';
import { Collected, digest, GRACE, repositoryOf, RETENTION, type TestImage } from '../support/collected.js';

const IMAGES: readonly TestImage[] = [
  { name: 'a', children: ['base', 'a1'] },
  { name: 'b', children: ['base', 'b1'] },
  { name: 'c', children: ['c1'] },
  { name: 'index', children: ['a', 'b'] },
  { name: 'signature', children: ['s1'], subject: 'c' },
];
const ALL = ['a', 'b', 'c', 'index', 'signature', 'base', 'a1', 'b1', 'c1', 's1', 'lone'];

const open = (context: TestContext, policy = {}) => Collected.open(context, IMAGES, policy);

describe('a garbage collection', () => {
  it('keeps what was pulled within the retention, and lets go what was not', async (context) => {
    const cache = await open(context);
    await cache.pull('a');
    await cache.clock.advance(RETENTION);
    await cache.pull('c');
    const { images, report } = await cache.collect();
    assert.deepEqual(images, [{ reference: 'docker.io/library/test:a', reason: 'expired', bytes: 300 }]);
    assert.deepEqual(cache.removals(), ['docker.io/library/test a expired']);
    assert.deepEqual(await cache.stored(ALL), ['c', 'c1']);
    const { scannedBlobs, reachableBlobs, sweptBlobs, sweptBytes, keptByGrace } = report;
    assert.deepEqual([scannedBlobs, reachableBlobs, sweptBlobs, sweptBytes, keptByGrace], [5, 2, 3, 300, 0]);
    assert.deepEqual(await cache.catalog.stored(), { blobs: 2, bytes: 200 });
    assert.deepEqual(
      (await cache.keys()).filter((key) => key.includes(digest('a')) || key.includes(digest('a1'))),
      [],
      'nothing in the index speaks of what is gone',
    );
  });

  it('keeps layers that another image shares', async (context) => {
    const cache = await open(context);
    await cache.pull('a');
    await cache.clock.advance(RETENTION);
    await cache.pull('b');
    assert.equal((await cache.collect()).report.sweptBytes, 200);
    assert.deepEqual(await cache.stored(ALL), ['b', 'base', 'b1']);
  });

  it('keeps the children of an index, also when only one of them was pulled lately', async (context) => {
    const cache = await open(context);
    await cache.pull('index');
    await cache.clock.advance(RETENTION);
    cache.catalog.noteUse(repositoryOf(), digest('b'), cache.clock.now());
    await cache.clock.advance(1);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), ['a', 'b', 'index', 'base', 'a1', 'b1']);
    await cache.clock.advance(RETENTION);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), []);
  });

  it('keeps a referrer as long as its subject, however long ago it was pulled itself', async (context) => {
    const cache = await open(context);
    await cache.pull('signature');
    await cache.clock.advance(0.7 * RETENTION);
    await cache.pull('c');
    await cache.clock.advance(0.7 * RETENTION);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), ['c', 'signature', 'c1', 's1']);
    await cache.clock.advance(0.7 * RETENTION);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), []);
  });

  it('keeps pinned images and those that a job works on', async (context) => {
    const cache = await open(context);
    for (const name of ['a', 'b', 'c']) await cache.pull(name);
    await cache.catalog.pin(repositoryOf(), parseTag('a'));
    cache.inUse.add(digest('b'));
    await cache.clock.advance(RETENTION);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), ['a', 'b', 'base', 'a1', 'b1']);
    await cache.catalog.unpin(repositoryOf(), parseTag('a'));
    cache.inUse.clear();
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), []);
  });

  it('keeps a blob that no manifest ever named for the grace period', async (context) => {
    const cache = await open(context);
    await cache.layer('lone');
    assert.equal((await cache.collect()).report.keptByGrace, 1);
    await cache.clock.advance(GRACE);
    assert.equal((await cache.collect()).report.sweptBlobs, 1);
    assert.deepEqual(await cache.stored(ALL), []);
  });

  it('keeps what a rebuild found without edges for the retention', async (context) => {
    const cache = await open(context);
    await cache.layer('lone');
    const key = keys.blob(digest('lone'));
    await cache.catalog.turn(async (tx) => tx.put(key, { ...(await tx.get(key))!, recoveredAt: cache.clock.now() }));
    await cache.clock.advance(RETENTION - 1);
    assert.equal((await cache.collect()).report.keptByGrace, 1);
    await cache.clock.advance(1);
    assert.equal((await cache.collect()).report.sweptBlobs, 1);
  });

  it('lets nothing go because the clock jumped or the machine was off', async (context) => {
    const cache = await open(context);
    await cache.pull('a');
    await cache.layer('lone');
    cache.clock.jump(365 * 86_400_000);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), ['a', 'base', 'a1', 'lone']);
    cache.clock.jump(-700 * 86_400_000);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), ['a', 'base', 'a1', 'lone']);
  });

  it('keeps an image whose use a crash forgot, and lets it age from then on', async (context) => {
    const cache = await open(context);
    await cache.manifest('c', repositoryOf(), 'tag', 'c');
    await cache.collect({ dryRun: true });
    await cache.clock.advance(RETENTION);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), ['c'], 'a dry run notes nothing');
    await cache.clock.advance(RETENTION);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), []);
  });

  it('takes files without a record, and bytes that came back are not among them', async (context) => {
    const cache = await open(context);
    await cache.pull('c');
    await cache.store.put(digest('lone'), 77);
    assert.equal((await cache.collect({ dryRun: true })).report.leftoverFiles, 1);
    assert.equal(cache.store.sizes.has(digest('lone')), true);
    const { leftoverFiles, leftoverBytes } = (await cache.collect()).report;
    assert.deepEqual([leftoverFiles, leftoverBytes], [1, 77]);
    assert.deepEqual([...cache.store.sizes.keys()].sort(), [digest('c'), digest('c1')].sort());
  });

  it('goes on with edges whose bytes were lost before', async (context) => {
    const cache = await open(context);
    await cache.pull('index');
    await cache.catalog.forgetBlob(digest('a'));
    await cache.store.delete(digest('a'));
    await cache.clock.advance(RETENTION);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), []);
    assert.deepEqual(
      (await cache.keys()).filter((key) => !key.startsWith('meta ')),
      [],
    );
  });
});

describe('a dry run', () => {
  it('says exactly what the next run does, and changes nothing', async (context) => {
    const cache = await open(context);
    await cache.pull('index');
    await cache.pull('signature');
    await cache.pull('c');
    await cache.layer('lone');
    await cache.clock.advance(RETENTION);
    await cache.pull('a');
    await cache.clock.advance(1);
    await cache.catalog.flush();
    cache.policy.maxSize = 500;
    const before = await cache.keys();
    const { images, report } = await cache.collect({ dryRun: true });
    assert.deepEqual(await cache.keys(), before);
    assert.equal((await cache.collector.state()).last, undefined);
    assert.deepEqual(cache.removals(), []);
    const real = await cache.collect();
    assert.deepEqual(images, real.images);
    assert.ok(images.length > 0);
    assert.deepEqual({ ...report, dryRun: false }, { ...real.report, startedAt: report.startedAt });
    assert.equal(report.sweptBlobs, before.filter((key) => key.startsWith('blob ')).length - cache.store.sizes.size);
  });
});

describe('eviction', () => {
  it('starts by itself at the high watermark and ends at the low one, least recently pulled first', async (context) => {
    const cache = await open(context, { maxSize: 1000, highWatermark: 0.8, lowWatermark: 0.5 });
    for (const name of ['a', 'b', 'c']) {
      await cache.pull(name);
      await cache.clock.advance(5000);
    }
    await cache.pull('a');
    assert.deepEqual(await cache.catalog.stored(), { blobs: 7, bytes: 700 });
    await cache.pull('signature');
    await cache.clock.advance(5000);
    assert.deepEqual(
      await cache.stored(ALL),
      ['a', 'signature', 'base', 'a1', 's1'],
      'b, then c, which bring it to 500',
    );
    assert.deepEqual(cache.removals(), ['docker.io/library/test b evicted', 'docker.io/library/test c evicted']);
    const last = (await cache.collector.state()).last;
    assert.deepEqual([last?.trigger, last?.images, last?.sweptBytes], ['room', 2, 400]);
  });

  it('takes garbage first, and for room alone no image that has merely expired', async (context) => {
    const cache = await open(context, { maxSize: 1000 });
    await cache.pull('a');
    for (let at = 0; at < 8; at++) await cache.layer(`garbage ${at}`);
    cache.policy.maxSize = 10_000;
    await cache.clock.advance(RETENTION);
    cache.policy.maxSize = 1000;
    await cache.clock.advance(1000);
    await eventually(async () => (await cache.collector.state()).last !== undefined, 'a collection has ended');
    assert.deepEqual(await cache.stored(ALL), ['a', 'base', 'a1']);
    assert.equal((await cache.collector.state()).last?.trigger, 'room');
  });

  it('is no part of a requested collection below the high watermark either', async (context) => {
    const cache = await open(context, { maxSize: 1000, highWatermark: 0.7, lowWatermark: 0.1 });
    for (const name of ['a', 'b', 'c']) await cache.pull(name);
    assert.deepEqual((await cache.collect()).images, []);
  });

  it('does not begin below the high watermark', async (context) => {
    const cache = await open(context, { maxSize: 1000, highWatermark: 0.7, lowWatermark: 0.1 });
    for (const name of ['a', 'b', 'c']) await cache.pull(name);
    await cache.clock.advance(5000);
    assert.equal((await cache.catalog.stored()).bytes, 700);
  });

  it('leaves pinned images alone even when nothing else is left', async (context) => {
    const cache = await open(context, { maxSize: 100 });
    await cache.pull('a');
    await cache.pull('c');
    await cache.catalog.pin(repositoryOf(), digest('a'));
    await cache.clock.advance(10_000);
    assert.deepEqual(await cache.stored(ALL), ['a', 'base', 'a1']);
  });

  it('makes room on a full disk, and says when there is none to make', async (context) => {
    const cache = await open(context, { minFree: 50 });
    await cache.pull('a');
    await cache.clock.advance(1000);
    await cache.pull('c');
    await cache.clock.advance(1000);
    cache.free = 90;
    assert.equal(await cache.collector.makeRoom(40), true);
    assert.deepEqual(await cache.stored(ALL), ['a', 'c', 'base', 'a1', 'c1'], 'there was enough');
    assert.equal(await cache.collector.makeRoom(200), true);
    assert.deepEqual(await cache.stored(ALL), ['c', 'c1']);
    assert.deepEqual(cache.removals(), ['docker.io/library/test a disk-full']);
    assert.equal(await cache.collector.makeRoom(10_000), false);
  });

  it('unlinks bytes ahead of their records while the index is full, and the records follow', async (context) => {
    const cache = await open(context);
    await cache.pull('a');
    await cache.clock.advance(70_000);
    await cache.pull('c');
    await cache.catalog.flush();
    cache.index.hasSpace = false;
    cache.index.failNextWrite('full');
    await assert.rejects(cache.layer('lone'), (error) => isAppError(error, 'STORE_FULL'));
    cache.store.sizes.delete(digest('lone'));
    cache.free = 32 * 1024 * 1024 - 290;
    await cache.clock.advance(1500);
    assert.deepEqual([...cache.store.sizes.keys()].sort(), [digest('c'), digest('c1')].sort());
    assert.ok(await cache.catalog.blob(digest('a')));
    assert.deepEqual(cache.removals(), ['docker.io/library/test a disk-full']);
    cache.index.hasSpace = true;
    cache.free = 1e12;
    await cache.clock.advance(5000);
    assert.equal(cache.catalog.health, 'ready');
    assert.deepEqual(await cache.stored(ALL), ['c', 'c1']);
    assert.deepEqual(await cache.catalog.stored(), { blobs: 2, bytes: 200 });
    assert.equal(cache.removals().length, 1, 'told once');
  });
});

describe('the collector', () => {
  it('never runs twice at once, whoever asks', async (context) => {
    const cache = await open(context);
    await cache.pull('a');
    const first = cache.collector.run({ dryRun: true }, new AbortController().signal)[Symbol.asyncIterator]();
    await first.next();
    assert.equal((await cache.collector.state()).running?.dryRun, true);
    await assert.rejects(cache.collect(), (error) => isAppError(error, 'ALREADY_RUNNING'));
    await assert.rejects(cache.collector.runScheduled(new AbortController().signal), (error) =>
      isAppError(error, 'ALREADY_RUNNING'),
    );
    await first.return?.();
    await cache.collect();
  });

  it('stops when it is told to, and the next run goes on', async (context) => {
    const cache = await open(context);
    await cache.pull('a');
    await cache.clock.advance(RETENTION);
    const stop = new AbortController();
    const reason = new Error('enough');
    await assert.rejects(async () => {
      for await (const event of cache.collector.run({ dryRun: false }, stop.signal)) {
        assert.notEqual(event.kind, 'report');
        stop.abort(reason);
      }
    }, reason);
    assert.equal((await cache.collector.state()).running, undefined);
    await cache.collect();
    assert.deepEqual(await cache.stored(ALL), []);
  });

  it('counts what went, and the collections that failed, not those that were stopped', async (context) => {
    const cache = await open(context);
    await cache.pull('a');
    await cache.clock.advance(RETENTION);
    const stop = new AbortController();
    const stopped = cache.collector.run({ dryRun: false }, stop.signal)[Symbol.asyncIterator]();
    await stopped.next();
    await stopped.return?.();
    assert.equal(cache.collector.failures, 0);
    cache.index.failNextWrite('failed');
    await assert.rejects(cache.collect());
    assert.equal(cache.collector.failures, 1);
    await cache.clock.advance(2000);
    const { report } = await cache.collect();
    assert.equal(cache.collector.failures, 1);
    assert.ok(report.sweptBlobs > 0);
    const { sweptBlobs: blobs, sweptBytes: bytes } = report;
    assert.deepEqual(cache.eraser.erased, { blobs, bytes });
  });

  it('remembers its last report over a restart', async (context) => {
    const cache = await open(context);
    const { report } = await cache.collect();
    await cache.restart();
    assert.deepEqual((await cache.collector.state()).last, report);
  });

  it('skips an image that was used since it was chosen', async (context) => {
    const cache = await open(context);
    await cache.pull('a');
    await cache.clock.advance(RETENTION);
    for await (const event of cache.collector.run({ dryRun: false }, AbortSignal.timeout(60_000))) {
      if (event.kind === 'progress' && event.phase === 'plan')
        cache.catalog.noteUse(repositoryOf(), digest('a'), cache.clock.now());
    }
    assert.deepEqual(await cache.stored(ALL), ['a', 'base', 'a1']);
  });
});
