import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Losses } from '../../src/cache/losses.js';
import { FilesystemBlobStore } from '../../src/content/filesystem-blob-store.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { deferred, KeyedMutex } from '../../src/lib/async.js';
import { digestOf } from '../../src/oci/digest.js';
import { openArea } from '../content/support.js';
import { memoryCatalog, repository, silent } from '../support/catalogs.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';

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
