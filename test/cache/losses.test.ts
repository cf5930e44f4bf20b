/** Bytes that turn out bad go, and those that have taken their place since do not. */
import assert from 'node:assert/strict';
import { copyFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Losses } from '../../src/cache/losses.js';
import { AppError } from '../../src/lib/errors.js';
import { createLog } from '../../src/lib/log.js';
import { makeImage } from '../support/images.js';
import { OperatedCache } from './support/contents.js';

const why = new AppError('BLOB_CORRUPT', 'a sector cannot be read');

async function stored(t: TestContext) {
  const cache = await OperatedCache.open(t);
  const image = makeImage({ seed: 'losses', layers: [2_000_000] });
  cache.registry.push('team/app', image, '1');
  const { digest } = image.layers[0]!;
  await cache.blob('team/app', digest);
  const { store, catalog, locks: digestLocks } = cache;
  const log = createLog({ level: 'error', format: 'json' }, { write: () => undefined }).logger;
  const isThere = async () =>
    [await store.stat(digest), await catalog.blob(digest)].map((found) => found !== undefined);
  const quarantined = () => readdir(join(cache.dir, 'quarantine'));
  return { cache, digest, losses: new Losses({ store, catalog, digestLocks, log }), isThere, quarantined };
}

describe('bytes that were read and are bad', () => {
  it('are set aside, and their record goes', async (t) => {
    const { cache, digest, losses, isThere, quarantined } = await stored(t);
    const source = await cache.store.open(digest);
    await source!.close();
    await losses.badAsRead(digest, source!, why);
    assert.deepEqual(await isThere(), [false, false]);
    assert.equal((await quarantined()).length, 1);
  });

  it('say nothing of those that have come since', async (t) => {
    const { cache, digest, losses, isThere, quarantined } = await stored(t);
    const source = await cache.store.open(digest);
    await copyFile(cache.path(digest), join(cache.dir, 'again'));
    await rename(join(cache.dir, 'again'), cache.path(digest));
    await source!.close();
    await losses.badAsRead(digest, source!, why);
    assert.deepEqual(await isThere(), [true, true]);
    assert.deepEqual(await quarantined(), []);
  });
});

describe('bytes that could not be opened', () => {
  it('stay when they can be opened after all', async (t) => {
    const { cache, digest, isThere, quarantined } = await stored(t);
    const open = cache.store.open.bind(cache.store);
    const failing = t.mock.method(cache.store, 'open', open);
    failing.mock.mockImplementationOnce(() => Promise.reject(why));
    assert.equal((await cache.blob('team/app', digest)).length, 2_000_000);
    assert.equal(failing.mock.callCount(), 2);
    assert.deepEqual(await isThere(), [true, true]);
    assert.deepEqual(await quarantined(), []);
  });
});
