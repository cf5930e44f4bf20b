/** What is counted by the hour, and last use: what is seldom, and easily lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eraseHours, readHours } from '../../src/catalog/hours.js';
import { keys } from '../../src/catalog/keys.js';
import { StoredRecords } from '../../src/catalog/stored-records.js';
import { Transaction } from '../../src/catalog/transaction.js';
import { Usage } from '../../src/catalog/usage.js';
import { descriptor, digest, manifestDescriptor, memoryCatalog, repository } from '../support/catalogs.js';
import { collect } from '../support/collect.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryMetadataStore } from '../support/memory-metadata-store.js';

const R = repository('library/r');
const HOUR = 3_600_000;

describe('Usage', () => {
  it('counts the pull that comes while pulls are written', async () => {
    const store = new MemoryMetadataStore();
    const records = new StoredRecords(store).fresh;
    const usage = new Usage(new ManualClock(), 0);
    const image = digest('image');
    const key = keys.used(image, R);
    await store.write([{ type: 'put', key: keys.blob(image), value: '{}' }]);
    usage.notePull(R, image, 1);
    await usage.flush(async (work) => {
      const tx = new Transaction(records);
      await work(tx);
      usage.notePull(R, image, 2);
      await store.write(tx.batch());
    });
    const written = await records.get(key);
    assert.deepEqual([written?.pulls, usage.pulls(key, written)], [1, 2]);
  });

  it('takes the use of an image for the latest of its own and those of what it names', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    const [index, child] = [manifestDescriptor('index'), manifestDescriptor('child')];
    const stored = { repository: R, public: true, asked: 'child' } as const;
    await catalog.recordManifest({ ...stored, descriptor: child, children: [descriptor('layer')] });
    await catalog.recordManifest({ ...stored, descriptor: index, children: [child] });
    catalog.noteUse(R, index.digest, 1);
    await clock.advance(1000);
    catalog.noteUse(R, child.digest, 2);
    assert.equal((await catalog.lastUse(R, index.digest))?.at, 2);
    await clock.advance(1000);
    catalog.noteUse(R, index.digest, 3);
    assert.equal((await catalog.lastUse(R, index.digest))?.at, 3);
  });
});

describe('hours', () => {
  it('are read from one time to another, and erased from the oldest on, some at a time', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.turn((tx) => {
      for (let hour = 0; hour < 5; hour++) tx.put(keys.hour(hour * HOUR, R), { manifests: [hour], blobs: [] });
    });
    const read = async (from: number, to: number) =>
      (await collect(readHours(catalog.records, from * HOUR, to * HOUR))).map(({ at }) => at / HOUR);
    assert.deepEqual(await read(1, 3), [1, 2]);
    assert.equal(await catalog.turn((tx) => eraseHours(tx, 3 * HOUR, 2)), 2);
    assert.deepEqual(await read(0, 9), [2, 3, 4]);
    assert.equal(await catalog.turn((tx) => eraseHours(tx, 3 * HOUR, 9)), 1);
    assert.deepEqual(await read(0, 9), [3, 4]);
  });
});
