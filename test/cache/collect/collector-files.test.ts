/** The collector over a real index and real files: what it lets go has left the disk, also when it died halfway. */
import assert from 'node:assert/strict';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GarbageCollector } from '../../../src/cache/collect/collector.js';
import { StoredEraser } from '../../../src/cache/collect/stored-eraser.js';
import { Recollection } from '../../../src/cache/recollection.js';
import { openCatalog } from '../../../src/catalog/open-catalog.js';
import { FilesystemBlobStore } from '../../../src/content/filesystem-blob-store.js';
import { ReadBudget } from '../../../src/content/read-budget.js';
import { SpoolArea } from '../../../src/content/spool-area.js';
import { survey } from '../../../src/content/survey.js';
import { KeyedMutex } from '../../../src/lib/async.js';
import { digestHex } from '../../../src/oci/digest.js';
import { descriptor, digest, manifestDescriptor, repository, silent, tag } from '../../support/catalogs.js';
import { ManualClock } from '../../support/manual-clock.js';
import { temporaryDirectory } from '../../support/tmp.js';
import { POLICY } from '../support/collected.js';

const APP = repository('team/app');
const nameOfFile = (name: string): string => digestHex(digest(name));

/** What a process has open on a data directory. */
async function openCache(dir: string) {
  const clock = new ManualClock();
  const budget = new ReadBudget();
  const blobs = join(dir, 'blobs');
  const spools = await SpoolArea.open({ dir: join(dir, 'spool'), clock, log: silent, minFree: 0, budget });
  const quarantineDir = join(dir, 'quarantine');
  const store = await FilesystemBlobStore.open({ dir: blobs, quarantineDir, budget, log: silent });
  const catalog = await openCatalog({ dataDir: dir, survey: () => survey(blobs), clock, log: silent });
  await catalog.rebuilt();
  const parts = { catalog, store, digestLocks: new KeyedMutex(), inUse: () => false, spools, clock, log: silent };
  const policy = { ...POLICY, gracePeriod: 0 };
  const eraser = new StoredEraser(parts);
  const collector = GarbageCollector.start({
    ...parts,
    eraser,
    recollection: new Recollection(parts),
    policy,
    nextAt: () => undefined,
  });
  return {
    catalog,
    store,
    publish: async (name: string) => store.publish(await spools.verified(digest(name), Buffer.from(name))),
    /** The files that are there, by their names. */
    files: async () =>
      (await readdir(blobs, { recursive: true }))
        .filter((path) => path.length > 64)
        .map(lastPart)
        .sort(),
    collect: async () => {
      for await (const event of collector.run({ dryRun: false }, AbortSignal.timeout(60_000))) {
        if (event.kind === 'report') return event.report;
      }
      throw new Error('there was no report');
    },
    close: async () => {
      await collector.close();
      await catalog.close();
      await store.close();
      await spools.close();
    },
  };
}

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

describe('a collection of real files', () => {
  it('takes unreferenced blobs, files without a record and abandoned spools off the disk, and nothing else', async (t) => {
    const dir = await temporaryDirectory(t);
    const cache = await openCache(dir);
    for (const name of ['image', 'layer', 'garbage', 'orphan']) await cache.publish(name);
    const image = { repository: APP, descriptor: manifestDescriptor('image'), children: [descriptor('layer')] };
    await cache.catalog.recordManifest({ ...image, public: true, asked: 'tag', tag: tag('v1') });
    for (const name of ['layer', 'garbage']) {
      await cache.catalog.recordBlob({ repository: APP, descriptor: descriptor(name), public: true });
    }
    const abandoned = join(dir, 'spool', 'abandoned');
    await writeFile(abandoned, 'half a blob');
    await utimes(abandoned, 0, 0);

    const report = await cache.collect();

    assert.deepEqual(await cache.files(), ['image', 'layer'].map(nameOfFile).sort());
    assert.deepEqual(await readdir(join(dir, 'spool')), []);
    const { sweptBlobs, sweptBytes, leftoverFiles, leftoverBytes } = report;
    assert.deepEqual([sweptBlobs, sweptBytes], [1, 'garbage'.length]);
    assert.deepEqual([leftoverFiles, leftoverBytes], [2, 'orphan'.length + 'half a blob'.length]);
    await cache.close();
  });

  it('that died between the records and the bytes is finished by the next one', async (t) => {
    const dir = await temporaryDirectory(t);
    const first = await openCache(dir);
    const names = ['one', 'two', 'three'];
    for (const name of names) {
      await first.publish(name);
      await first.catalog.recordBlob({ repository: APP, descriptor: descriptor(name), public: true });
    }
    // The records are gone for good by the time that bytes are deleted; from here on nothing of it reaches the disk.
    first.store.delete = () => Promise.reject(new Error('the process has died'));
    await assert.rejects(first.collect(), /has died/);
    for (const name of names) assert.equal(await first.catalog.blob(digest(name)), undefined);
    assert.deepEqual(await first.files(), names.map(nameOfFile).sort());
    await first.close();

    const second = await openCache(dir);
    assert.equal((await second.collect()).leftoverFiles, 3);
    assert.deepEqual(await second.files(), []);
    await second.close();
  });
});
