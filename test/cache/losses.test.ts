/** What is stored and turns out gone or bad is forgotten, and what has taken its place since is not. */
import assert from 'node:assert/strict';
import { copyFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Losses } from '../../src/cache/losses.js';
import { FilesystemBlobStore } from '../../src/content/filesystem-blob-store.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { deferred, KeyedMutex } from '../../src/lib/async.js';
import { AppError } from '../../src/lib/errors.js';
import { digestOf } from '../../src/oci/digest.js';
import { openArea } from '../content/support.js';
import { memoryCatalog, repository, silent } from '../support/catalogs.js';
import { makeImage } from '../support/images.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';
import { OperatedCache } from './support/contents.js';

const A = repository('library/a');
const BYTES = Buffer.from('a small blob');
const DIGEST = digestOf(BYTES);

/** `store` is how a flight does it: the bytes, then the record, under the digest's lock. */
async function open(t: Scope) {
  const root = await temporaryDirectory(t);
  const { catalog } = await memoryCatalog(t);
  const { area } = await openArea(root);
  const options = { dir: join(root, 'blobs'), quarantineDir: join(root, 'quarantine') };
  const store = await FilesystemBlobStore.open({ ...options, budget: new ReadBudget(), log: silent });
  const digestLocks = new KeyedMutex();
  const descriptor = { digest: DIGEST, size: BYTES.length, mediaType: 'application/octet-stream' };
  const publish = async (until: Promise<void> = Promise.resolve()) =>
    digestLocks.run(DIGEST, async () => {
      await until;
      await store.publish(await area.verified(DIGEST, BYTES));
      await catalog.recordBlob({ repository: A, descriptor, public: true });
    });
  const lose = () => rm(join(root, 'blobs/sha256', DIGEST.slice(7, 9), DIGEST.slice(7)));
  return { catalog, store, publish, lose, losses: new Losses({ store, catalog, digestLocks, log: silent }) };
}

describe('a stored blob that was seen missing', () => {
  it('is forgotten with its links, when it is missing', async (t) => {
    const { catalog, losses, publish, lose } = await open(t);
    await publish();
    await lose();
    await losses.missing(DIGEST);
    assert.equal(await catalog.blob(DIGEST), undefined);
    assert.equal(await catalog.link(A, DIGEST), undefined);
  });

  it('is not forgotten when it has been published since', async (t) => {
    const { catalog, losses, publish, lose } = await open(t);
    await publish();
    await lose();
    // Somebody looks now and finds nothing; before he says so, a flight has fetched it again.
    await publish();
    await losses.missing(DIGEST);
    assert.notEqual(await catalog.blob(DIGEST), undefined);
    assert.notEqual(await catalog.link(A, DIGEST), undefined);
  });

  it('is not forgotten when it is being published at that moment', async (t) => {
    const { catalog, store, losses, publish } = await open(t);
    const go = deferred<undefined>();
    const published = publish(go.promise);
    const missing = losses.missing(DIGEST);
    // A look at the disk that did not wait for the lock would be over by now.
    assert.equal(await store.stat(DIGEST), undefined);
    go.resolve(undefined);
    await Promise.all([published, missing]);
    assert.notEqual(await catalog.blob(DIGEST), undefined);
    assert.notEqual(await catalog.link(A, DIGEST), undefined);
  });
});

describe('a stored blob that was seen bad', () => {
  it('is set aside and forgotten while it is bad, and left alone when good bytes have come since', async (t) => {
    const { catalog, store, losses, publish } = await open(t);
    await publish();
    await losses.bad(DIGEST, () => Promise.resolve(undefined));
    assert.notEqual(await catalog.blob(DIGEST), undefined);
    assert.notEqual(await store.stat(DIGEST), undefined);
    await losses.bad(DIGEST, () => Promise.resolve('it is rotten'));
    assert.equal(await catalog.blob(DIGEST), undefined);
    assert.equal(await store.stat(DIGEST), undefined);
  });
});

const why = new AppError('BLOB_CORRUPT', 'a sector cannot be read');

/** A whole cache with one large blob in it. */
async function stored(t: TestContext) {
  const cache = await OperatedCache.open(t);
  const image = makeImage({ seed: 'losses', layers: [2_000_000] });
  cache.registry.push('team/app', image, '1');
  const { digest } = image.layers[0]!;
  await cache.blob('team/app', digest);
  const { store, catalog, locks: digestLocks } = cache;
  const isThere = async () =>
    [await store.stat(digest), await catalog.blob(digest)].map((found) => found !== undefined);
  const quarantined = () => readdir(join(cache.dir, 'quarantine'));
  return { cache, digest, losses: new Losses({ store, catalog, digestLocks, log: silent }), isThere, quarantined };
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

  it('go also when nobody can say whether they are still what is stored', async (t) => {
    const { cache, digest, losses, isThere } = await stored(t);
    const source = (await cache.store.open(digest))!;
    await source.close();
    t.mock.method(source, 'isCurrent', () => Promise.reject(new Error('another sector')));
    await losses.badAsRead(digest, source, why);
    assert.deepEqual(await isThere(), [false, false]);
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
