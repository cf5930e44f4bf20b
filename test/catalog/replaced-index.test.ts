/** An index that is replaced, or whose rebuild is cut short, while the daemon goes on: nothing is deleted on its word. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Catalog } from '../../src/catalog/catalog.js';
import { Epoch } from '../../src/catalog/epoch.js';
import { openCatalog } from '../../src/catalog/open-catalog.js';
import type { Survey } from '../../src/catalog/rebuild.js';
import { deferred } from '../../src/lib/async.js';
import { isAppError } from '../../src/lib/errors.js';
import { openLevelDatabase, type LevelDatabase, type OpenLevel } from '../../src/metadata/level-database.js';
import { descriptor, digest, manifestDescriptor, memoryCatalog, repository, silent, tag } from '../support/catalogs.js';
import { collect } from '../support/collect.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryMetadataStore } from '../support/memory-metadata-store.js';
import { temporaryDirectory } from '../support/tmp.js';

const APP = repository('team/app');

const oneBlob: Survey = async function* () {
  await Promise.resolve();
  yield { prefix: '', blobs: [{ digest: digest('layer'), size: 5 }] };
};

const recordImage = (catalog: Catalog): Promise<unknown> =>
  catalog.recordManifest({
    repository: APP,
    descriptor: manifestDescriptor('image'),
    children: [descriptor('layer')],
    public: true,
    asked: 'tag',
    tag: tag('v1'),
  });

/** Opened again, so that it remembers nothing of what it wrote. */
async function holdingAnImage(
  t: TestContext,
  parts: { readonly dataDir: string; readonly clock: ManualClock; readonly openLevel: OpenLevel },
): Promise<Catalog> {
  const open = () => openCatalog({ ...parts, survey: oneBlob, log: silent });
  const catalog = await open();
  await catalog.rebuilt();
  await recordImage(catalog);
  await catalog.close();
  const again = await open();
  t.after(() => again.close().catch(() => undefined));
  return again;
}

/** Tags do not match their checksums while it is `damaged`. */
function withBadTags(database: LevelDatabase, damaged: () => boolean): LevelDatabase {
  const getSync = (key: string) => {
    const value = database.getSync(key);
    return damaged() && value !== undefined && key.startsWith('tag ') ? `--------${value.slice(8)}` : value;
  };
  return { ...database, getSync };
}

describe('an index that is found damaged', () => {
  it('counts as incomplete before it is emptied', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const clock = new ManualClock();
    let damaged = false;
    const whenEmptied: boolean[] = [];
    const openLevel: OpenLevel = async (dir, options) => {
      if (damaged) whenEmptied.push(again.rebuilding);
      return withBadTags(await openLevelDatabase(dir, options), () => damaged);
    };
    const again: Catalog = await holdingAnImage(t, { openLevel, dataDir, clock });
    damaged = true;
    await assert.rejects(again.tag(APP, tag('v1')), (error) => isAppError(error, 'INDEX_CORRUPT'));
    await again.recover();
    assert.equal(whenEmptied[0], true);
    damaged = false;
    await again.rebuilt();
    assert.equal(again.health, 'ready');
  });
});

describe('an index that is being replaced', () => {
  it('answers nobody before what the snapshot knows is in the new one', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const clock = new ManualClock();
    let damaged = false;
    let restored = Promise.resolve();
    const openLevel: OpenLevel = async (dir, options) => {
      const database = await openLevelDatabase(dir, options);
      if (options.createIfMissing && damaged) {
        damaged = false;
        const batch: typeof database.batch = async (...args) => {
          await restored;
          await database.batch(...args);
        };
        return { ...database, batch };
      }
      return withBadTags(database, () => damaged);
    };
    const again = await holdingAnImage(t, { openLevel, dataDir, clock });
    damaged = true;
    await assert.rejects(again.tag(APP, tag('v1')), (error) => isAppError(error, 'INDEX_CORRUPT'));
    const gate = deferred<undefined>();
    restored = gate.promise.then(() => undefined);
    const recovered = again.recover();
    await eventually(() => !damaged, 'the new index is open, and empty');
    const answers = Promise.all([
      again.tag(APP, tag('v1')),
      again.link(APP, digest('image')),
      collect(again.tags(APP)),
      collect(again.records.pages('link ')),
    ]);
    gate.resolve(undefined);
    const [record, link, tags, links] = await answers;
    assert.equal(record?.digest, digest('image'));
    assert.ok(link);
    assert.equal(tags.length, 1);
    assert.equal(links.flat().length, 1);
    await recovered;
    await again.rebuilt();
  });

  it('is one that turns out damaged when it is opened again after a failed write', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const clock = new ManualClock();
    let fails = false;
    const openLevel: OpenLevel = async (dir, options) => {
      const database = await openLevelDatabase(dir, options);
      const batch: typeof database.batch = async (...args) => {
        if (fails) throw new Error('EIO');
        await database.batch(...args);
      };
      return { ...database, batch };
    };
    const catalog = await openCatalog({ dataDir, survey: oneBlob, clock, log: silent, openLevel });
    t.after(() => catalog.close().catch(() => undefined));
    await catalog.rebuilt();
    await recordImage(catalog);
    await catalog.snapshot();
    fails = true;
    await assert.rejects(catalog.recordBlob({ repository: APP, descriptor: descriptor('other'), public: false }));
    fails = false;
    await rm(join(dataDir, 'index/CURRENT'));
    await catalog.recover();
    await catalog.rebuilt();
    assert.equal(catalog.health, 'ready');
    assert.equal((await catalog.tag(APP, tag('v1')))?.digest, digest('image'));
  });
});

describe('a rebuild that a full disk ends', () => {
  it('goes on when there is room again', async (t) => {
    const dir = await temporaryDirectory(t);
    const store = new MemoryMetadataStore();
    const clock = new ManualClock();
    const epoch = await Epoch.open(join(dir, 'epoch'));
    await epoch.raise(store);
    store.hasSpace = false;
    store.failNextWrite('full');
    const catalog = await Catalog.open({
      store,
      clock,
      log: silent,
      files: { snapshot: join(dir, 'snapshot'), statistics: join(dir, 'statistics') },
      epoch,
      rebuilding: true,
      replaceIndex: () => Promise.reject(new Error('not in this test')),
      survey: oneBlob,
    });
    t.after(() => catalog.close().catch(() => undefined));
    await catalog.rebuilt();
    assert.deepEqual([catalog.health, catalog.rebuilding], ['full', true]);
    store.hasSpace = true;
    await clock.advance(1000);
    await eventually(() => catalog.health === 'ready', 'it is whole');
    assert.equal((await catalog.blob(digest('layer')))?.size, 5);
  });
});

describe('a link that was never granted', () => {
  it('costs no write when it is revoked', async (t) => {
    const { catalog, store } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: APP, descriptor: descriptor('layer'), public: false });
    const { writes } = store;
    await catalog.revokeLink(repository('other/app'), digest('layer'));
    assert.equal(store.writes, writes);
    await catalog.revokeLink(APP, digest('layer'));
    assert.equal(await catalog.link(APP, digest('layer')), undefined);
  });
});
