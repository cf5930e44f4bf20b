/** A data directory that is whole, lost, damaged, old, locked or half rebuilt: what a start makes of it. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Level } from 'level';
import type { Catalog } from '../../src/catalog/catalog.js';
import { readHours } from '../../src/catalog/hours.js';
import { Jobs } from '../../src/catalog/jobs.js';
import { keys } from '../../src/catalog/keys.js';
import { openCatalog, type OpenCatalogOptions } from '../../src/catalog/open-catalog.js';
import type { SurveyedBlob, SurveyPage } from '../../src/catalog/rebuild.js';
import { isAppError } from '../../src/lib/errors.js';
import { openLevelDatabase, type OpenLevel } from '../../src/metadata/level-database.js';
import { descriptor, manifestDescriptor, repository, silent, tag, eraseUnneeded } from '../support/catalogs.js';
import { collect } from '../support/collect.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';

const A = repository('library/a');
const LAYER = descriptor('layer');
const IMAGE = manifestDescriptor('image');
const LATEST = tag('latest');

const STORED: readonly SurveyedBlob[] = [
  { digest: LAYER.digest, size: LAYER.size },
  { digest: IMAGE.digest, size: IMAGE.size, manifest: { mediaType: IMAGE.mediaType, children: [LAYER.digest] } },
];

async function* stored(): AsyncGenerator<SurveyPage> {
  await Promise.resolve();
  for (const blob of STORED) yield { prefix: blob.digest, blobs: [blob] };
}

class Directory {
  readonly path: string;
  readonly #scope: Scope;

  private constructor(path: string, scope: Scope) {
    this.path = path;
    this.#scope = scope;
  }

  static async make(scope: Scope): Promise<Directory> {
    return new Directory(await temporaryDirectory(scope), scope);
  }

  get index(): string {
    return join(this.path, 'index');
  }

  async open(options: Partial<OpenCatalogOptions> = {}): Promise<Catalog> {
    const clock = new ManualClock();
    const catalog = await openCatalog({ dataDir: this.path, survey: stored, clock, log: silent, ...options });
    this.#scope.after(() => catalog.close().catch(() => undefined));
    return catalog;
  }

  /** One image, pulled by tag, pinned and used; then a clean stop. */
  async fill(more: (catalog: Catalog) => Promise<void> = () => Promise.resolve()): Promise<void> {
    const catalog = await this.open();
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: true });
    const image = { repository: A, descriptor: IMAGE, public: true, children: [LAYER] };
    await catalog.recordManifest({ ...image, asked: 'tag', tag: LATEST });
    await catalog.pin(A, LATEST);
    catalog.noteUse(A, IMAGE.digest, 1234);
    await more(catalog);
    await catalog.close();
  }

  async setAside(): Promise<readonly string[]> {
    return (await readdir(this.path)).filter((name) => name.includes('.bad-'));
  }
}

async function assertWhole(catalog: Catalog): Promise<void> {
  assert.equal((await catalog.tag(A, LATEST))?.digest, IMAGE.digest);
  assert.notEqual(await catalog.link(A, LAYER.digest), undefined);
  assert.deepEqual((await catalog.blob(LAYER.digest))?.via, [{ upstream: 'docker.io', public: true }]);
  assert.equal((await catalog.lastUse(A, IMAGE.digest))?.at, 1234);
  assert.equal((await collect(catalog.roots())).length, 1);
  await catalog.rebuilt();
  assert.equal(catalog.health, 'ready');
  catalog.assertComplete();
  assert.equal(await catalog.isPinned(A, LAYER.digest), true);
  assert.deepEqual(await collect(catalog.parentsOf(LAYER.digest)), [IMAGE.digest]);
  assert.equal(await eraseUnneeded(catalog, LAYER.digest), undefined);
}

describe('opening a data directory', () => {
  it('finds everything after a clean stop, and sets nothing aside', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    const survey = () => assert.fail('nothing to rebuild');
    await assertWhole(await dir.open({ survey }));
    assert.deepEqual(await dir.setAside(), []);
  });

  const damages: Record<string, (dir: Directory) => Promise<void>> = {
    'an index that is gone': (dir) => rm(dir.index, { recursive: true }),
    'an index that lost its CURRENT': (dir) => rm(join(dir.index, 'CURRENT')),
    'an index that lost its MANIFEST': async (dir) => {
      for (const name of await readdir(dir.index)) {
        if (name.startsWith('MANIFEST-')) await rm(join(dir.index, name));
      }
    },
    'an index whose CURRENT names a file that is not there': (dir) =>
      writeFile(join(dir.index, 'CURRENT'), 'MANIFEST-999999\n'),
    'an index whose CURRENT is garbage': (dir) => writeFile(join(dir.index, 'CURRENT'), 'garbage'),
    'an index whose CURRENT is empty': (dir) => writeFile(join(dir.index, 'CURRENT'), ''),
    'an index whose files are garbage': async (dir) => {
      for (const name of await readdir(dir.index)) await writeFile(join(dir.index, name), 'garbage');
    },
    'an index that was emptied': async (dir) => {
      await rm(dir.index, { recursive: true });
      const empty = new Level(dir.index);
      await empty.put('unrelated', 'entry');
      await empty.close();
    },
    'an index whose epoch does not match its checksum': async (dir) => {
      const level = new Level(dir.index);
      await level.put('meta epoch', `00000000{"epoch":1000,"format":1}`);
      await level.close();
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`rebuilds ${name}, from the snapshot and the stored bytes`, async (t) => {
      const dir = await Directory.make(t);
      await dir.fill();
      await damage(dir);
      await assertWhole(await dir.open());
      assert.equal((await dir.setAside()).length, name === 'an index that is gone' ? 0 : 1);
    });
  }

  it('rebuilds an old copy that was put back in the place of the index', async (t) => {
    const dir = await Directory.make(t);
    await (await dir.open()).close();
    await cp(dir.index, join(dir.path, 'old'), { recursive: true });
    await dir.fill();
    await rm(dir.index, { recursive: true });
    await cp(join(dir.path, 'old'), dir.index, { recursive: true });
    await assertWhole(await dir.open());
    assert.equal((await dir.setAside()).length, 1);
  });

  it('knows everything after a bit flipped anywhere while nothing ran, or has noticed it', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill(async (catalog) => {
      // LevelDB leaves out a damaged block of 32 KiB, and goes on with the next one as if nothing were missing.
      const hours = Array.from({ length: 700 }, (_, hour) => keys.hour(hour * 3_600_000, A));
      await catalog.turn((tx) => {
        for (const key of hours) tx.put(key, { manifests: [1], blobs: [2] });
      });
    });
    const names = (await readdir(dir.index)).filter((name) => !/^(LOG|LOG\.old|LOCK)$/.test(name));
    for (const name of names) {
      const bytes = await readFile(join(dir.index, name));
      const step = Math.ceil((bytes.length * 8) / 30);
      for (let bit = 0; bit < bytes.length * 8; bit += step) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const copy = await Directory.make(t);
        await cp(dir.path, copy.path, { recursive: true });
        await writeFile(join(copy.index, name), flipped);
        const catalog = await copy.open();
        await assertWhole(catalog).catch((cause: unknown) => {
          throw new Error(`bit ${bit} of ${name}`, { cause });
        });
        await catalog.close();
      }
    }
  });

  it('leaves nothing of the copies that a kill cut off', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    for (const name of ['snapshot', 'statistics']) await writeFile(join(dir.path, `${name}.tmp`), 'the beginning');
    await assertWhole(await dir.open());
    assert.deepEqual(
      (await readdir(dir.path)).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('keeps an index that is ahead of its marker: a crash between the two is no damage', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    const marker = join(dir.path, 'epoch');
    await writeFile(marker, `${Number(await readFile(marker, 'utf8')) - 1}\n`);
    await assertWhole(await dir.open());
    assert.deepEqual(await dir.setAside(), []);
  });

  it('leaves a locked index alone', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    const holder = new Level(dir.index);
    await holder.open();
    await assert.rejects(
      dir.open(),
      (error) => isAppError(error, 'DIRECTORY_IN_USE') && error.message.includes(dir.path),
    );
    assert.deepEqual(await dir.setAside(), []);
    await holder.close();
    await assertWhole(await dir.open());
  });

  it('is made anew when it is opened again with the damage that a later read has shown', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    const openLevel: OpenLevel = async (path, options) => {
      const database = await openLevelDatabase(path, options);
      const getSync = (key: string) => {
        if (key !== keys.runningTime) return database.getSync(key);
        throw Object.assign(new Error('bad block'), { code: 'LEVEL_CORRUPTION' });
      };
      return { ...database, getSync };
    };
    const damage = await dir.open({ openLevel }).catch((error: unknown) => error);
    assert.ok(isAppError(damage, 'INDEX_CORRUPT'));
    const catalog = await dir.open({ damage });
    assert.equal((await catalog.tag(A, LATEST))?.digest, IMAGE.digest);
    assert.equal((await dir.setAside()).length, 1);
  });

  it('never takes an index that cannot be read for a damaged one', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    const openLevel = () => Promise.reject(Object.assign(new Error('No space left'), { code: 'LEVEL_IO_ERROR' }));
    await assert.rejects(dir.open({ openLevel }), (error) => isAppError(error, 'INDEX_FAILED'));
    assert.deepEqual(await dir.setAside(), []);
    await assertWhole(await dir.open());
  });

  it('brings back prefetch jobs, with what their requests were called, and statistics when the index is gone', async (t) => {
    const dir = await Directory.make(t);
    const first = await dir.open();
    const spec = { images: ['a:1'], platforms: [], allPlatforms: false, attestations: false, signatures: false };
    const job = { ...spec, id: 'j1', referrers: false, origin: 'request', state: 'running', createdAt: 1 } as const;
    await new Jobs(first).create({ ...job, requestId: 'asked once' }, () => true);
    const image = { reference: 'a:1', platforms: [], state: 'running', blobs: 1, bytesTotal: 5 } as const;
    const record = { ...image, bytesFetched: 1, bytesReused: 0 };
    const blob = { digest: LAYER.digest, size: 5, received: 1, state: 'running', counted: true } as const;
    await new Jobs(first).save({ ...job, expanded: true }, [{ number: 0, record, blobs: [blob] }]);
    const hour = { manifests: [3], blobs: [4] };
    await first.turn((tx) => tx.put(keys.hour(3_600_000, A), hour));
    await first.close();
    await rm(dir.index, { recursive: true });

    const second = await dir.open();
    const jobs = new Jobs(second);
    assert.deepEqual(await jobs.list(), [{ ...job, expanded: true }]);
    assert.deepEqual(await jobs.images('j1'), [record]);
    assert.deepEqual(await jobs.blobs('j1'), [[blob]]);
    assert.equal((await jobs.create({ ...job, id: 'j2', requestId: 'asked once' }, () => true)).id, 'j1');
    assert.deepEqual(await collect(readHours(second.records, 0, 7_200_000)), [
      { ...hour, at: 3_600_000, repository: A },
    ]);
  });

  it('remembers when bytes were stored, also over a second rebuild', async (t) => {
    const dir = await Directory.make(t);
    const clock = new ManualClock();
    const first = await dir.open({ clock });
    await clock.advance(5000);
    await first.recordBlob({ repository: A, descriptor: LAYER, public: false });
    await first.close();
    for (let rebuilds = 0; rebuilds < 2; rebuilds++) {
      await rm(dir.index, { recursive: true });
      const catalog = await dir.open();
      await catalog.rebuilt();
      const record = await catalog.blob(LAYER.digest);
      assert.notEqual(record?.recoveredAt, undefined);
      assert.equal(record?.ranBefore, 5000);
      await catalog.close();
    }
  });

  it('brings back the rest when only the statistics were cut', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    await rm(dir.index, { recursive: true });
    await writeFile(join(dir.path, 'statistics'), 'cut');
    await assertWhole(await dir.open());
  });

  it('uses nothing of a snapshot that was cut or changed', async (t) => {
    for (const spoil of [(text: string) => text.slice(0, -5), (text: string) => text.replace('latest', 'newest')]) {
      const dir = await Directory.make(t);
      await dir.fill();
      await rm(dir.index, { recursive: true });
      const file = join(dir.path, 'snapshot');
      await writeFile(file, spoil(await readFile(file, 'utf8')));
      const catalog = await dir.open();
      await catalog.rebuilt();
      assert.deepEqual(await collect(catalog.tags()), []);
      assert.deepEqual(await collect(catalog.parentsOf(LAYER.digest)), [IMAGE.digest]);
      assert.notEqual((await catalog.blob(LAYER.digest))?.recoveredAt, undefined);
      assert.deepEqual((await catalog.blob(LAYER.digest))?.via, []);
    }
  });
});

describe('rebuilding the index', () => {
  /** A survey that waits until it is let go. */
  function heldSurvey() {
    let letGo = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const survey = async function* () {
      await held;
      yield* stored();
    };
    return { letGo, survey };
  }

  it('serves tags and links at once, takes writes, and deletes nothing until it is done', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    await rm(dir.index, { recursive: true });
    const { letGo, survey } = heldSurvey();
    const catalog = await dir.open({ survey });
    assert.equal(catalog.health, 'rebuilding');
    assert.equal((await catalog.tag(A, LATEST))?.digest, IMAGE.digest);
    assert.notEqual(await catalog.link(A, LAYER.digest), undefined);
    const fresh = descriptor('fresh');
    await catalog.recordBlob({ repository: A, descriptor: fresh, public: true });
    await catalog.snapshot();
    await catalog.recover();
    assert.throws(() => catalog.assertComplete(), { code: 'REBUILDING' }, 'a parent may not have been seen yet');
    letGo();
    await catalog.rebuilt();
    assert.equal(catalog.health, 'ready');
    assert.notEqual(await catalog.blob(fresh.digest), undefined);
    assert.deepEqual(await eraseUnneeded(catalog, fresh.digest), []);
  });

  it('forgets what the snapshot knew and the store has no more, with its links', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    await rm(dir.index, { recursive: true });
    const survey = async function* () {
      await Promise.resolve();
      yield { prefix: '', blobs: STORED.slice(1) };
    };
    const catalog = await dir.open({ survey });
    await catalog.rebuilt();
    assert.equal(await catalog.blob(LAYER.digest), undefined);
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    assert.notEqual(await catalog.link(A, IMAGE.digest), undefined);
  });

  it('revives no old grant for bytes that are fetched while it runs', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    await rm(dir.index, { recursive: true });
    const { letGo, survey } = heldSurvey();
    const catalog = await dir.open({ survey });
    const other = repository('library/other');
    await catalog.recordBlob({ repository: other, descriptor: LAYER, public: false });
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    letGo();
    await catalog.rebuilt();
    assert.notEqual(await catalog.link(other, LAYER.digest), undefined);
  });

  it('is resumed by the next start when it was interrupted', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    await rm(dir.index, { recursive: true });
    const broken = async function* () {
      for await (const page of stored()) {
        yield page;
        break;
      }
      throw new Error('killed');
    };
    const first = await dir.open({ survey: broken });
    await first.rebuilt();
    assert.equal(first.health, 'rebuilding');
    assert.throws(() => first.assertComplete(), { code: 'REBUILDING' });
    await first.close();
    await assertWhole(await dir.open());
    assert.deepEqual(await dir.setAside(), []);
  });

  it('starts its first half again when that was interrupted', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    await rm(dir.index, { recursive: true });
    let batches = 0;
    const dying: OpenLevel = async (path, options) => {
      const database = await openLevelDatabase(path, options);
      return {
        ...database,
        batch: async (operations, batchOptions) => {
          if (++batches > 1) throw Object.assign(new Error('power cut'), { code: 'EIO' });
          await database.batch(operations, batchOptions);
        },
      };
    };
    await assert.rejects(dir.open({ openLevel: dying }), (error) => isAppError(error, 'INDEX_FAILED'));
    await assertWhole(await dir.open());
    assert.deepEqual(await dir.setAside(), []);
  });

  it('is begun by damage that a snapshot finds, and keeps the last whole one', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    const level = new Level(dir.index);
    const key = `link ${LAYER.digest} docker.io library/a`;
    await level.put(key, (await level.get(key)).replace('checkedAt', 'checkedAT'));
    await level.close();
    const before = await readFile(join(dir.path, 'snapshot'), 'utf8');
    const catalog = await dir.open();
    await assert.rejects(catalog.close(), (error) => isAppError(error, 'INDEX_CORRUPT'));
    assert.equal(catalog.health, 'failed');
    assert.equal(await readFile(join(dir.path, 'snapshot'), 'utf8'), before);
  });

  it('begins by itself when a record turns out damaged while serving', async (t) => {
    const dir = await Directory.make(t);
    await dir.fill();
    const level = new Level(dir.index);
    const key = `link ${LAYER.digest} docker.io library/a`;
    await level.put(key, (await level.get(key)).replace('checkedAt', 'checkedAT'));
    await level.close();
    const clock = new ManualClock();
    const catalog = await dir.open({ clock });
    assert.equal(catalog.health, 'ready');
    await assert.rejects(catalog.link(A, LAYER.digest), (error) => isAppError(error, 'INDEX_CORRUPT'));
    assert.equal(catalog.health, 'failed');
    await assert.rejects(catalog.recordBlob({ repository: A, descriptor: LAYER, public: true }));
    await assert.rejects(catalog.snapshot(), (error) => isAppError(error, 'INDEX_CORRUPT'));
    await catalog.recover();
    await assertWhole(catalog);
    assert.equal((await dir.setAside()).length, 1);
  });
});
