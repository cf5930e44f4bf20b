/** What happens seldom to records: said twice, said late, said by an import, or damaged where nobody looked yet. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eraseDigests } from '../../src/catalog/edges.js';
import { keys, prefixes } from '../../src/catalog/keys.js';
import { openSnapshot } from '../../src/catalog/snapshot.js';
import { StoredRecords } from '../../src/catalog/stored-records.js';
import { AppError, isAppError } from '../../src/lib/errors.js';
import { surveyStore } from '../../src/catalog/rebuild.js';
import { WriteQueue } from '../../src/catalog/write-queue.js';
import { descriptor, digest, manifestDescriptor, memoryCatalog, repository, tag } from '../support/catalogs.js';
import { collect } from '../support/collect.js';
import { MemoryMetadataStore } from '../support/memory-metadata-store.js';
import { temporaryDirectory } from '../support/tmp.js';

const R = repository('library/r');
const LAYER = descriptor('layer');
const IMAGE = manifestDescriptor('image');
const V1 = tag('v1');

describe('the catalog, where it is seldom asked', () => {
  it('keeps an import an import, gives it no upstream, and keeps what a link calls a manifest', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: R, descriptor: LAYER, public: true, imported: true });
    assert.deepEqual((await catalog.blob(LAYER.digest))?.via, []);
    await catalog.recordBlob({ repository: R, descriptor: IMAGE, public: true });
    await catalog.recordBlob({ repository: R, descriptor: IMAGE, public: true, imported: true });
    assert.deepEqual((await catalog.blob(IMAGE.digest))?.via, [{ upstream: 'docker.io', public: true }]);
    await catalog.grantLink(R, IMAGE.digest, 5, IMAGE.mediaType);
    assert.equal((await catalog.link(R, IMAGE.digest))?.mediaType, IMAGE.mediaType);
    await catalog.pointTag(R, V1, IMAGE, 1, true);
    await catalog.pointTag(R, V1, IMAGE, 2);
    const [entry] = await collect(catalog.tags(R));
    assert.deepEqual([entry?.tag, entry?.imported, entry?.checkedAt], [V1, true, 2]);
    assert.equal((await collect(catalog.tags())).length, 1);
    await catalog.dropTag(R, tag('never'));
  });

  it('links an import only when all of it is stored', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordUnlinked(LAYER);
    await catalog.recordUnlinked(LAYER);
    assert.equal(await catalog.link(R, LAYER.digest), undefined);
    assert.equal(await catalog.linkImported(R, [LAYER.digest, IMAGE.digest]), false);
    assert.equal(await catalog.link(R, LAYER.digest), undefined);
    assert.equal(await catalog.linkImported(R, [LAYER.digest]), true);
    assert.equal((await catalog.link(R, LAYER.digest))?.imported, true);
  });

  it('lets a parent take over the later use of two children, and asks a digest that two parents name once', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    const [a, b, top, other] = ['a', 'b', 'top', 'other'].map(manifestDescriptor) as [
      typeof IMAGE,
      typeof IMAGE,
      typeof IMAGE,
      typeof IMAGE,
    ];
    const stored = { repository: R, public: true } as const;
    for (const each of [a, b]) {
      await catalog.recordManifest({ ...stored, descriptor: each, children: [LAYER], asked: 'digest' });
    }
    catalog.noteUse(R, b.digest, 1);
    await clock.advance(100_000);
    catalog.noteUse(R, a.digest, 2);
    await catalog.flush();
    await catalog.recordManifest({ ...stored, descriptor: top, children: [a, b], asked: 'tag', tag: V1 });
    assert.equal((await catalog.useOf(R, top.digest))?.at, 2);
    await catalog.recordManifest({ ...stored, descriptor: other, children: [a, b], asked: 'tag', tag: tag('v2') });
    await catalog.pin(R, tag('v2'));
    assert.equal(await catalog.isPinned(R, LAYER.digest), true);
    assert.equal(await catalog.isPinned(repository('library/x'), LAYER.digest), false);
  });

  it('erases roots, uses and links with a digest', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordManifest({
      repository: R,
      public: true,
      descriptor: IMAGE,
      children: [LAYER],
      asked: 'digest',
    });
    catalog.noteUse(R, IMAGE.digest, 1);
    await catalog.flush();
    const [erased] = await catalog.turn((tx) => eraseDigests(tx, [IMAGE.digest]));
    assert.deepEqual(erased, {
      digest: IMAGE.digest,
      size: IMAGE.size,
      freed: [{ digest: LAYER.digest, ran: undefined }],
    });
    for (const prefix of ['root ', 'used ', 'link ', 'held ', 'blob ', 'manifest ', 'parent ']) {
      assert.deepEqual(await collect(catalog.records.scan(prefix)), [], prefix);
    }
  });

  it('changes a record twice in one turn', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.turn(async (tx) => {
      await tx.update(keys.runningTime, (ran = 0) => ran + 1);
      await tx.update(keys.runningTime, (ran = 0) => ran + 1);
    });
    assert.equal(await catalog.records.get(keys.runningTime), 2);
  });

  it('writes a snapshot after a write that failed, once the index is open again', async (t) => {
    const { catalog, store, snapshotFile } = await memoryCatalog(t);
    store.failNextWrite('failed');
    await assert.rejects(catalog.recordBlob({ repository: R, descriptor: LAYER, public: true }));
    assert.equal(catalog.health, 'failed');
    await catalog.snapshot();
    assert.equal(catalog.health, 'ready');
    assert.match(await readFile(snapshotFile, 'utf8'), /\n$/);
  });
});

describe('a snapshot', () => {
  it('is read back whole when it is larger than what is written at once', async (t) => {
    const { catalog, snapshotFile } = await memoryCatalog(t);
    const names = Array.from({ length: 3000 }, (_, n) => tag(`v${n}-${'x'.repeat(80)}`));
    await catalog.turn((tx) => {
      const record = { digest: IMAGE.digest, mediaType: 'm', size: 1, fetchedAt: 1, checkedAt: 1, ran: 0 };
      for (const each of names) tx.put(keys.tag(R, each), record);
    });
    await catalog.snapshot();
    const lines = await openSnapshot(snapshotFile);
    assert.ok(lines !== undefined && lines !== 'broken');
    const found = (await collect(lines)).flat().filter(([key]) => key.startsWith(prefixes.tags));
    assert.equal(found.length, names.length);
  });

  it('that cannot be read is not taken for none', async (t) => {
    const file = join(await temporaryDirectory(t), 'snapshot');
    await mkdir(file);
    await assert.rejects(openSnapshot(file), { code: 'EISDIR' });
    await rm(file, { recursive: true });
    assert.equal(await openSnapshot(file), undefined);
    await writeFile(file, '');
    assert.equal(await openSnapshot(file), 'broken');
  });
});

describe('a survey', () => {
  it('counts a blob of another size once, and writes what it is told of a subject only where nothing is known', async () => {
    const store = new MemoryMetadataStore();
    const records = new StoredRecords(store);
    const queue = new WriteQueue({ store, records, check: () => Promise.resolve(), changed: () => undefined });
    const [subject, mediaType] = [digest('subject'), IMAGE.mediaType];
    const children: (typeof subject)[] = [];
    const run = (size: number) =>
      surveyStore({
        queue,
        survey: async function* () {
          await Promise.resolve();
          yield { prefix: '', blobs: [{ digest: IMAGE.digest, size, manifest: { mediaType, children, subject } }] };
        },
        moment: { at: 1, ran: 1 },
        signal: new AbortController().signal,
      });
    await run(10);
    assert.deepEqual(await records.getFresh(keys.stored), { blobs: 1, bytes: 10 });
    assert.deepEqual(await records.getFresh(keys.manifest(IMAGE.digest)), { children, subject });
    await run(15);
    assert.deepEqual(await records.getFresh(keys.stored), { blobs: 1, bytes: 15 });
  });
});

describe('records that are read', () => {
  it('tell of damage wherever it is found', async () => {
    const broken = new MemoryMetadataStore();
    const damage = new AppError('INDEX_CORRUPT', 'damaged');
    broken.scan = broken.pages = () => {
      throw damage;
    };
    const told: AppError[] = [];
    const records = new StoredRecords(broken, (error) => told.push(error));
    await assert.rejects(collect(records.scan('a ')), (error) => isAppError(error, 'INDEX_CORRUPT'));
    await assert.rejects(collect(records.pages('a ')), (error) => isAppError(error, 'INDEX_CORRUPT'));
    assert.deepEqual(told, [damage, damage]);
  });
});
