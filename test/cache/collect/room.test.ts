/** How room is made: from what, in which order, and with an index that takes no writes. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Room, withRoom } from '../../../src/cache/collect/room.js';
import { StoredEraser } from '../../../src/cache/collect/stored-eraser.js';
import { deferred } from '../../../src/lib/async.js';
import { AppError, isAppError } from '../../../src/lib/errors.js';
import { parseTag } from '../../../src/oci/reference.js';
import { BLOB, FaultyDisk, openSpool } from '../../content/support.js';
import { eventually } from '../../support/eventually.js';
import { Collected, digest, repositoryOf, type TestImage } from '../support/collected.js';

const IMAGES: readonly TestImage[] = ['a', 'b', 'c'].map((name) => ({ name, children: [`${name} layer`] }));
const NAMES = IMAGES.flatMap(({ name, children }) => [name, ...children]);

async function open(context: TestContext, images = IMAGES) {
  const cache = await Collected.open(context, images);
  for (const { name } of images) {
    await cache.pull(name);
    await cache.clock.advance(1000);
  }
  await cache.catalog.flush();
  const disk = new FaultyDisk();
  const { area, spool } = await openSpool(context, { fs: disk });
  const { catalog, store, locks: digestLocks, log } = cache;
  const erases = { catalog, store, digestLocks, inUse: (each: ReturnType<typeof digest>) => cache.inUse.has(each) };
  const signal = new AbortController().signal;
  const eraser = new StoredEraser(erases);
  const room = new Room({ ...erases, eraser, spools: area, recollection: cache.recollection, minFree: 0, log, signal });
  const fill = async () => {
    cache.index.hasSpace = false;
    cache.index.failNextWrite('full');
    await assert.rejects(
      catalog.turn((tx) => {
        tx.put('meta probe', 1);
      }),
    );
  };
  const recover = async () => {
    cache.index.hasSpace = true;
    await cache.clock.advance(10_000);
    assert.equal(catalog.health, 'ready');
  };
  const files = () => NAMES.filter((name) => store.sizes.has(digest(name)));
  return { cache, disk, area, spool, room, eraser, fill, recover, files };
}

/** The index is full, room is being made of `a`, and before its layer has gone the index takes writes again. */
async function recoveredMidway(context: TestContext) {
  const scene = await open(context);
  const { cache, disk, room, fill, recover } = scene;
  disk.freeBytes = 0;
  await fill();
  const released = deferred<undefined>();
  const holding = cache.locks.run(digest('a layer'), () => released.promise);
  const making = room.make(150);
  await eventually(() => !cache.store.sizes.has(digest('a')), 'the manifest has gone');
  await recover();
  const goOn = async () => {
    released.resolve(undefined);
    await holding;
    return making;
  };
  return { ...scene, goOn };
}

/** Bytes of an image went while the index was full; it takes writes again, and has not caught up with that. */
async function goneAhead(context: TestContext) {
  const scene = await open(context);
  scene.disk.freeBytes = 0;
  await scene.fill();
  assert.equal(await scene.room.make(150), true);
  await scene.recover();
  return scene;
}

describe('room for a fill', () => {
  it('comes from partials first, and only then from the least recently pulled images', async (context) => {
    const { cache, disk, area, spool, room } = await open(context);
    await spool.append(BLOB.subarray(0, 1000));
    await spool.keep();
    disk.freeBytes = 0;
    assert.equal(await room.make(900), true);
    assert.deepEqual(area.partials(), []);
    assert.equal((await cache.stored(NAMES)).length, NAMES.length);
    assert.equal(await room.make(150), true);
    assert.deepEqual(await cache.stored(NAMES), ['b', 'b layer', 'c', 'c layer']);
  });

  it('is not made where something else is wrong than a full disk', async (context) => {
    const { disk, room, eraser } = await open(context);
    disk.freeBytes = 0;
    context.mock.method(eraser, 'dropRoots', () => Promise.reject(new Error('the index is gone')));
    await assert.rejects(room.make(100), /the index is gone/);
    const full = () => Promise.reject(new AppError('STORE_FULL', 'no space'));
    await assert.rejects(
      withRoom(() => Promise.resolve(false), 1, full),
      (error) => isAppError(error, 'STORE_FULL'),
    );
  });

  it('is not made of what an image needs that went while the index was full, and has come again', async (context) => {
    const shared = ['a', 'b'].map((name) => ({ name, children: ['base'] }));
    const { cache, disk, room, fill, recover } = await open(context, shared);
    const files = () => ['a', 'b', 'base'].filter((name) => cache.store.sizes.has(digest(name)));
    disk.freeBytes = 0;
    await fill();
    assert.equal(await room.make(90), true);
    assert.deepEqual(files(), ['b', 'base']);
    await recover();
    await cache.pull('a');
    await fill();
    assert.equal(await room.make(90), true);
    assert.deepEqual(files(), ['a', 'base']);
    await recover();
    await room.tend();
    assert.deepEqual(await cache.stored(['a', 'b', 'base']), ['a', 'base']);
  });

  it('is not made of what was looked up before the index took writes in between', async (context) => {
    const { cache, fill, goOn } = await recoveredMidway(context);
    await fill();
    assert.equal(await goOn(), false);
    assert.ok(cache.store.sizes.has(digest('a layer')));
  });

  it('takes no more than was chosen when the index takes writes again in the middle of it', async (context) => {
    const { cache, room, goOn } = await recoveredMidway(context);
    assert.equal(await goOn(), false);
    await room.tend();
    assert.deepEqual(await cache.stored(NAMES), ['b', 'b layer', 'c', 'c layer']);
    assert.deepEqual(cache.removals(), ['docker.io/library/test a disk-full']);
  });

  it('is made, though the index cannot catch up with what went ahead', async (context) => {
    const { cache, room } = await goneAhead(context);
    const stat = context.mock.method(cache.store, 'stat', () => Promise.reject(new Error('EIO')));
    await cache.catalog.pin(repositoryOf(), parseTag('a'));
    assert.equal(await room.make(150), true);
    assert.ok(cache.logs.some((line) => line.includes('could not catch up')));
    stat.mock.restore();
    await cache.catalog.unpin(repositoryOf(), parseTag('a'));
    await room.tend();
    assert.deepEqual(await cache.stored(NAMES), ['c', 'c layer']);
  });

  it('counts nothing twice that has gone ahead of the index', async (context) => {
    const { cache, room } = await goneAhead(context);
    assert.equal(await room.make(150), true);
    assert.deepEqual(await cache.stored(NAMES), ['c', 'c layer']);
  });

  it('goes on ahead of the index when that becomes full meanwhile, and counts what lost its record', async (context) => {
    const { cache, disk, room, eraser, fill, files } = await open(context);
    await cache.catalog.forgetBlob(digest('a layer'));
    await cache.store.delete(digest('a layer'));
    disk.freeBytes = 0;
    context.mock.method(eraser, 'dropRoots', async () => {
      await fill();
      throw new AppError('STORE_FULL', 'the index is full');
    });
    assert.equal(await room.make(90), true);
    assert.deepEqual(files(), ['b', 'b layer', 'c', 'c layer']);
    assert.equal(await room.make(150), true);
    assert.deepEqual(files(), ['c', 'c layer'], 'one that went ahead already is not counted again');
  });
});

describe('what was unlinked ahead of its record', () => {
  it('keeps its record when its bytes have come back', async (context) => {
    const { cache, disk, room, fill, files } = await open(context);
    disk.freeBytes = 0;
    await fill();
    assert.equal(await room.make(350), true);
    assert.deepEqual(files(), ['c', 'c layer']);
    cache.index.hasSpace = true;
    await cache.clock.advance(10_000);
    assert.equal(cache.catalog.health, 'ready');
    // Two of them are needed again: one was fetched by now, the other not yet.
    for (const name of ['a', 'a layer', 'b']) cache.inUse.add(digest(name));
    await cache.store.put(digest('a'), 100);
    await room.tend();
    assert.ok(await cache.catalog.blob(digest('a')));
    for (const name of ['a layer', 'b', 'b layer'])
      assert.equal(await cache.catalog.blob(digest(name)), undefined, name);
    await room.tend();
  });
});
