import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Level } from 'level';
import { createLog } from '../../src/lib/log.js';
import { isAppError, type ErrorCode } from '../../src/lib/errors.js';
import { openLevelDatabase, type OpenLevel } from '../../src/metadata/level-database.js';
import { LevelMetadataStore, type LevelMetadataStoreOptions } from '../../src/metadata/level-metadata-store.js';
import type { Mutation } from '../../src/metadata/metadata-store.js';
import { metadataStoreConformance } from '../conformance/metadata-store.js';
import { collect } from '../support/collect.js';
import { MemoryMetadataStore } from '../support/memory-metadata-store.js';
import { temporaryDirectory } from '../support/tmp.js';

const log = createLog({ level: 'silent', format: 'json' }).logger;
const put = (key: string, value = key): Mutation => ({ type: 'put', key, value });
const fails = (code: ErrorCode) => (error: unknown) => isAppError(error, code);

async function open(t: TestContext, options: Partial<LevelMetadataStoreOptions> = {}): Promise<LevelMetadataStore> {
  const dir = options.dir ?? join(await temporaryDirectory(t), 'index');
  const store = await LevelMetadataStore.open({ ...options, dir, log });
  t.after(() => store.close());
  return store;
}

/** A real LevelDB whose next write fails, once or until told otherwise, and which tells how it was used. */
function failingDisk() {
  const disk = {
    failure: undefined as Error | undefined,
    opens: 0,
    synced: [] as boolean[],
    reopened: Promise.resolve(),
    openLevel: (async (dir, options) => {
      disk.opens++;
      await disk.reopened;
      const database = await openLevelDatabase(dir, options);
      return {
        ...database,
        batch: async (operations, batchOptions) => {
          const { failure } = disk;
          disk.failure = undefined;
          disk.synced.push(batchOptions.sync);
          if (failure) throw failure;
          await database.batch(operations, batchOptions);
        },
      };
    }) satisfies OpenLevel,
  };
  return disk;
}

const logsIn = async (dir: string) => (await readdir(dir)).filter((name) => name.endsWith('.log'));

const systemError = (code: string) => Object.assign(new Error(code), { code });

metadataStoreConformance('LevelMetadataStore', (t) => open(t));
metadataStoreConformance('MemoryMetadataStore', () => Promise.resolve(new MemoryMetadataStore()));

describe('LevelMetadataStore', () => {
  it('keeps what was written over a restart, and says whether it was made or found', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    const first = await open(t, { dir });
    assert.equal(first.created, true);
    await first.write([put('a')]);
    await first.close();
    const second = await open(t, { dir });
    assert.equal(second.created, false);
    assert.equal(await second.get('a'), 'a');
  });

  it('has in its tables what came before a batch that makes all of it durable: a log left for a new one is not synced', async (t) => {
    const parent = await temporaryDirectory(t);
    const [dir, afterwards] = [join(parent, 'index'), join(parent, 'afterwards')];
    const store = await open(t, { dir });
    await store.write([put('before')], { durable: false });
    await store.write([put('last')], { durable: 'all' });
    await cp(dir, afterwards, { recursive: true });
    for (const name of await logsIn(afterwards)) await truncate(join(afterwards, name));
    assert.equal(await (await open(t, { dir: afterwards })).get('before'), 'before');
  });

  it('syncs each batch that is to last, and no other', async (t) => {
    const disk = failingDisk();
    const store = await open(t, { openLevel: disk.openLevel });
    await store.write([put('a')]);
    await store.write([put('b')], { durable: false });
    await store.write([put('c')], { durable: 'all' });
    assert.deepEqual(disk.synced, [true, false, true]);
  });

  it('leaves nothing in its log when it is closed', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    const store = await open(t, { dir });
    await store.write([put('a')]);
    await store.close();
    for (const name of await logsIn(dir)) assert.equal((await stat(join(dir, name))).size, 0);
    assert.equal(await (await open(t, { dir })).get('a'), 'a');
  });

  it('says that a record is damaged instead of giving a wrong value, or the value of another key', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    const store = await open(t, { dir });
    await store.write([put('a', 'value'), put('b', 'value')]);
    await store.close();
    const raw = new Level(dir);
    const sealed = await raw.get('a');
    await raw.batch([
      { type: 'put', key: 'a', value: sealed.replace('value', 'valve') },
      { type: 'put', key: 'b', value: sealed },
      { type: 'put', key: 'c', value: '' },
    ]);
    await raw.close();
    const again = await open(t, { dir });
    for (const key of ['a', 'b', 'c']) await assert.rejects(again.get(key), fails('INDEX_CORRUPT'));
    await assert.rejects(collect(again.scan('')), fails('INDEX_CORRUPT'));
  });

  it('is damaged when a table of it was cut or has a flipped bit, which LevelDB would merge or end the process for', async (t) => {
    const written = join(await temporaryDirectory(t), 'index');
    const store = await open(t, { dir: written });
    await store.write(Array.from({ length: 3000 }, (_, n) => put(`key ${n}`, `${n}`.repeat(20))));
    await store.close();
    const name = (await readdir(written)).find((each) => each.endsWith('.ldb'))!;
    const table = await readFile(join(written, name));
    for (const share of [0.1, 0.5, 0.9]) {
      const at = Math.floor(table.length * share);
      const flipped = Buffer.from(table);
      flipped[at]! ^= 1;
      for (const damaged of [table.subarray(0, at), flipped]) {
        const dir = join(await temporaryDirectory(t), 'index');
        await cp(written, dir, { recursive: true });
        await writeFile(join(dir, name), damaged);
        await assert.rejects(LevelMetadataStore.open({ dir, log }), fails('INDEX_CORRUPT'), `at ${share}`);
        assert.deepEqual(await readFile(join(dir, `${name}.unsound`)), damaged, 'a person may look at it');
      }
    }
  });

  it('is not damaged by a table that a killed merge did not finish, and leaves nothing of it', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    const first = await open(t, { dir });
    await first.write([put('a')]);
    await first.close();
    await writeFile(join(dir, '000900.ldb'), 'the beginning of a table');
    const second = await open(t, { dir });
    assert.equal(await second.get('a'), 'a');
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.startsWith('000900')),
      [],
    );
  });

  it('is not damaged when a table cannot be read for another reason', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    await (await open(t, { dir })).close();
    await symlink('000900.ldb', join(dir, '000900.ldb'));
    await assert.rejects(LevelMetadataStore.open({ dir, log }), fails('INDEX_FAILED'));
    assert.ok((await readdir(dir)).includes('000900.ldb'));
  });

  it('opens with litter that cannot be removed', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    await mkdir(join(dir, '000900.ldb.unsound'), { recursive: true });
    assert.equal((await open(t, { dir })).created, true);
  });

  it('takes no write after one failed for want of space, serves reads, and is back once there is space', async (t) => {
    const disk = failingDisk();
    let space = false;
    const spaceProbe = () => (space ? Promise.resolve() : Promise.reject(systemError('ENOSPC')));
    const store = await open(t, { openLevel: disk.openLevel, spaceProbe });
    await store.write([put('a')]);
    // LevelDB gives prose, not a code: it is the probe that knows.
    disk.failure = new Error('IO error: No space left on device');
    await assert.rejects(store.write([put('b')]), fails('STORE_FULL'));
    assert.equal(store.state, 'full');
    await assert.rejects(store.write([put('c')]), fails('STORE_FULL'));
    assert.equal(await store.get('a'), 'a');
    await assert.rejects(store.reopen(), fails('STORE_FULL'));
    assert.equal(disk.opens, 1, 'a full store is not closed: it could not be opened again');
    assert.equal(await store.get('a'), 'a');
    space = true;
    await store.reopen();
    assert.equal(store.state, 'ready');
    await store.write([put('d')]);
    assert.equal(await store.get('d'), 'd');
    assert.equal(disk.opens, 2);
  });

  it('takes no write after an unknown failure until it is opened again', async (t) => {
    const disk = failingDisk();
    const store = await open(t, { openLevel: disk.openLevel });
    disk.failure = systemError('EIO');
    await assert.rejects(store.write([put('a')]), fails('INDEX_FAILED'));
    assert.equal(store.state, 'failed');
    await assert.rejects(store.write([put('b')]), fails('INDEX_FAILED'));
    await store.reopen();
    await store.write([put('b')]);
    assert.equal(await store.get('b'), 'b');
  });

  it('knows a full disk by its code too', async (t) => {
    const disk = failingDisk();
    const store = await open(t, { openLevel: disk.openLevel });
    disk.failure = systemError('ENOSPC');
    await assert.rejects(store.write([put('a')]), fails('STORE_FULL'));
  });

  it('says that it could not be read, and does not call it damage, when the disk fails', async (t) => {
    const broken: OpenLevel = async (dir, options) => ({
      ...(await openLevelDatabase(dir, options)),
      getSync: () => {
        throw systemError('LEVEL_IO_ERROR');
      },
      iterator: () => ({ all: () => Promise.reject(systemError('LEVEL_IO_ERROR')) }),
    });
    const store = await open(t, { openLevel: broken });
    await assert.rejects(store.get('a'), fails('INDEX_FAILED'));
    await assert.rejects(collect(store.scan('a')), fails('INDEX_FAILED'));
  });

  it('is opened again once for two who ask at a time, and never once it is closed', async (t) => {
    const disk = failingDisk();
    const store = await open(t, { openLevel: disk.openLevel });
    await Promise.all([store.reopen(), store.reopen()]);
    assert.equal(disk.opens, 2);
    await store.close();
    await assert.rejects(store.reopen(), fails('INDEX_FAILED'));
    await assert.rejects(store.startOver(0), fails('INDEX_FAILED'));
  });

  it('lets reads wait while it is opened again, and scans go on after their last key', async (t) => {
    const disk = failingDisk();
    const store = await open(t, { openLevel: disk.openLevel });
    const keys = Array.from({ length: 3000 }, (_, i) => `n ${i.toString().padStart(4, '0')}`);
    await store.write(keys.map((key) => put(key)));
    const scan = store.scan('n ')[Symbol.asyncIterator]();
    const seen = [(await scan.next()).value as readonly [string, string]];
    let letGo = () => {};
    disk.reopened = new Promise((resolve) => (letGo = resolve));
    const reopened = store.reopen();
    let answered = false;
    const read = store.get('n 0001').finally(() => (answered = true));
    const rest = (async () => {
      for (let next = await scan.next(); !next.done; next = await scan.next()) seen.push(next.value);
    })();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(answered, false);
    letGo();
    await reopened;
    assert.equal(await read, 'n 0001');
    await rest;
    assert.deepEqual(
      seen.map(([key]) => key),
      keys,
    );
  });

  it('is damaged when it lost its CURRENT, and destroys nothing', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    const store = await open(t, { dir });
    await store.write([put('a')]);
    await store.close();
    await rm(join(dir, 'CURRENT'));
    const logs = async () => (await readdir(dir)).filter((name) => /\.(log|ldb)$/.test(name));
    const before = await logs();
    await assert.rejects(LevelMetadataStore.open({ dir, log }), fails('INDEX_CORRUPT'));
    assert.deepEqual(await logs(), before);
  });

  it('is damaged when it lost its CURRENT while it served, and is not made anew by opening it again', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    const store = await open(t, { dir });
    await store.write([put('a')]);
    await rm(join(dir, 'CURRENT'));
    await assert.rejects(store.reopen(), fails('INDEX_CORRUPT'));
    await assert.rejects(store.get('a'), fails('INDEX_FAILED'));
    await store.startOver(0);
    assert.equal(await store.get('a'), undefined);
    await store.write([put('b')]);
    assert.equal(await store.get('b'), 'b');
  });

  it('is damaged when its MANIFEST is not one', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    await (await open(t, { dir })).close();
    const name = (await readFile(join(dir, 'CURRENT'), 'utf8')).trim();
    await writeFile(join(dir, name), 'no manifest');
    await assert.rejects(LevelMetadataStore.open({ dir, log }), fails('INDEX_CORRUPT'));
  });

  it('is in use, not damaged, when somebody else has it open', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    const store = await open(t, { dir });
    await assert.rejects(LevelMetadataStore.open({ dir, log }), fails('DIRECTORY_IN_USE'));
    await store.write([put('still', 'mine')]);
  });

  it('is not damaged when it cannot be opened for another reason', async (t) => {
    const dir = join(await temporaryDirectory(t), 'index');
    await (await open(t, { dir })).close();
    const openLevel = () => Promise.reject(systemError('LEVEL_IO_ERROR'));
    await assert.rejects(LevelMetadataStore.open({ dir, log, openLevel }), fails('INDEX_FAILED'));
  });

  it('keeps the last damaged index only', async (t) => {
    const parent = await temporaryDirectory(t);
    const store = await open(t, { dir: join(parent, 'index') });
    const first = await store.startOver(1000);
    const second = await store.startOver(2000);
    assert.notEqual(first, second);
    assert.deepEqual((await readdir(parent)).map((name) => join(parent, name)).sort(), [join(parent, 'index'), second]);
  });
});
