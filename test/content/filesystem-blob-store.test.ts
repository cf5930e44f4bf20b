import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FilesystemBlobStore } from '../../src/content/filesystem-blob-store.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { deferred } from '../../src/lib/async.js';
import { digestHex, type Digest } from '../../src/oci/digest.js';
import { blobStoreConformance } from '../conformance/blob-store.js';
import { temporaryDirectory } from '../support/tmp.js';
import {
  bytesOf,
  collect,
  FaultyDisk,
  KIB,
  MIB,
  never,
  openArea,
  sha256,
  systemError,
  type TestArea,
} from './support.js';

const log = { warn: () => undefined };

const openStore = (dir: string, disk = new FaultyDisk(), budget = new ReadBudget()) =>
  FilesystemBlobStore.open({ dir: join(dir, 'blobs'), quarantineDir: join(dir, 'quarantine'), budget, log, fs: disk });

blobStoreConformance('the file system', (dir) => openStore(dir));

const BLOB = bytesOf(100 * KIB);
const DIGEST = sha256(BLOB);

interface Opened extends TestArea {
  readonly root: string;
  readonly disk: FaultyDisk;
  readonly store: FilesystemBlobStore;
  readonly path: string;
}

async function open(t: TestContext, digest: Digest = DIGEST): Promise<Opened> {
  const root = await temporaryDirectory(t);
  const disk = new FaultyDisk();
  const store = await openStore(root, disk);
  const hex = digestHex(digest);
  const path = join(root, 'blobs', 'sha256', hex.slice(0, 2), hex);
  return { ...(await openArea(root, { fs: disk })), root, disk, store, path };
}

describe('the blob store on the file system', () => {
  it('keeps a blob as a read-only file under its digest', async (t) => {
    const { area, store, path, dir } = await open(t);
    await store.publish(await area.verified(DIGEST, BLOB));
    assert.deepEqual(await readFile(path), BLOB);
    assert.equal((await stat(path)).mode & 0o777, 0o444);
    assert.deepEqual(await readdir(dir), []);
  });

  it('syncs the file before it is in place, and its directories after', async (t) => {
    const { area, store, disk, path } = await open(t);
    const file = await area.verified(DIGEST, BLOB);
    const synced: [string, boolean][] = [];
    disk.fail.sync = (what) => {
      synced.push([what, existsSync(path)]);
      return undefined;
    };
    await store.publish(file);
    assert.deepEqual(synced, [
      [file.path, false],
      [dirname(dirname(path)), false],
      [dirname(path), true],
    ]);
    synced.length = 0;
    await store.publish(await area.verified(DIGEST, BLOB));
    assert.deepEqual(synced.map(([what]) => what).slice(1), [dirname(path)], 'a shard is made durable once');
  });

  it('replaces a corrupt file of the same digest', async (t) => {
    const { area, store, path } = await open(t);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'rotten');
    await chmod(path, 0o444);
    await store.publish(await area.verified(DIGEST, BLOB));
    assert.deepEqual(await readFile(path), BLOB);
  });

  for (const [system, code] of [
    ['EIO', 'STORE_FAILED'],
    ['ENOSPC', 'STORE_FULL'],
  ] as const) {
    it(`discards the file when its fsync fails with ${system}, and does not try again`, async (t) => {
      const { area, store, disk, path, dir } = await open(t);
      const file = await area.verified(DIGEST, BLOB);
      let times = 0;
      disk.fail.sync = () => (times++ === 0 ? systemError(system) : undefined);
      await assert.rejects(store.publish(file), { code });
      assert.equal(times, 1);
      assert.equal(existsSync(path), false);
      assert.deepEqual(await readdir(dir), []);
      await store.publish(await area.verified(DIGEST, BLOB));
      assert.deepEqual(await readFile(path), BLOB, 'fetched anew, it is stored');
    });
  }

  it('does not acknowledge what a failed sync of its directory may lose', async (t) => {
    const { area, store, disk, path } = await open(t);
    disk.fail.sync = (what) => (what === dirname(dirname(path)) ? systemError('EIO') : undefined);
    await assert.rejects(store.publish(await area.verified(DIGEST, BLOB)), { code: 'STORE_FAILED' });
    assert.equal(existsSync(path), false);
    disk.fail.sync = (what) => (what === dirname(path) ? systemError('EIO') : undefined);
    await assert.rejects(store.publish(await area.verified(DIGEST, BLOB)), { code: 'STORE_FAILED' });
    disk.fail.sync = undefined;
    await store.publish(await area.verified(DIGEST, BLOB));
  });

  it('does not publish a file whose size has changed behind its back', async (t) => {
    const { area, store, path } = await open(t);
    const file = await area.verified(DIGEST, BLOB);
    await truncate(file.path, 10);
    await assert.rejects(store.publish(file), { code: 'STORE_FAILED' });
    assert.equal(existsSync(path), false);
  });

  it('lets those who follow the spool finish while and after it is published', async (t) => {
    const blob = bytesOf(20 * MIB);
    const { area, store } = await open(t);
    const spool = await area.create({ upstream: 'docker.io', digest: sha256(blob), size: blob.length });
    const slow = spool.follow(0, undefined, never());
    for (let at = 0; at < blob.length; at += MIB) await spool.append(blob.subarray(at, at + MIB));
    await store.publish(await spool.verify());
    assert.deepEqual(await collect(slow), blob);
    await assert.rejects(
      collect(spool.follow(0, undefined, never())),
      { code: 'CANCELLED' },
      'later ones ask the store',
    );
  });

  it('tells damage apart from a failing store when reading', async (t) => {
    const { area, store, disk } = await open(t);
    await store.publish(await area.verified(DIGEST, BLOB));
    disk.fail.read = () => systemError('EIO');
    await assert.rejects(collect((await store.open(DIGEST))!), { code: 'BLOB_CORRUPT' });
    disk.fail.read = () => systemError('ENOMEM');
    await assert.rejects(collect((await store.open(DIGEST))!), { code: 'STORE_FAILED' });
    disk.fail.read = undefined;
    disk.fail.stat = () => systemError('EIO');
    await assert.rejects(store.open(DIGEST), { code: 'BLOB_CORRUPT' });
    disk.fail.stat = () => systemError('EACCES');
    await assert.rejects(store.open(DIGEST), { code: 'STORE_FAILED' });
    for (const own of ['EIO', 'Unknown system error -74', 'Unknown system error -117']) {
      disk.open = () => Promise.reject(systemError(own));
      await assert.rejects(store.open(DIGEST), { code: 'BLOB_CORRUPT' });
    }
  });

  it('never ends early as if all was well: a file that shrinks under a reader is corrupt', async (t) => {
    const { area, store, path } = await open(t);
    await store.publish(await area.verified(DIGEST, BLOB));
    const source = (await store.open(DIGEST))!;
    await truncate(path, 1000);
    await assert.rejects(collect(source), { code: 'BLOB_CORRUPT' });
  });

  it('says so when there are too many open files', async (t) => {
    const { store, disk } = await open(t);
    disk.open = () => Promise.reject(systemError('EMFILE'));
    await assert.rejects(store.open(DIGEST), { code: 'OVERLOADED' });
  });

  it('loops on short reads', async (t) => {
    const { area, store, disk } = await open(t);
    await store.publish(await area.verified(DIGEST, BLOB));
    const whole = disk.open;
    disk.open = async (path, flags) => {
      const file = await whole(path, flags);
      const read: typeof file.read = (buffer, offset, length, at) =>
        file.read(buffer, offset, Math.min(length, 999), at);
      return { ...file, read };
    };
    assert.deepEqual(await collect((await store.open(DIGEST))!), BLOB);
  });

  it('lets go of its memory at the end, and also when it is closed while it is read', async (t) => {
    const { root, area, store } = await open(t);
    const blob = bytesOf(MIB);
    await store.publish(await area.verified(sha256(blob), blob));
    const budget = new ReadBudget();
    const shared = await openStore(root, new FaultyDisk(), budget);
    assert.deepEqual(await collect((await shared.open(sha256(blob)))!), blob);
    assert.equal(budget.held, 0);

    const source = (await shared.open(sha256(blob)))!;
    await assert.rejects(async () => {
      for await (const chunk of source) {
        assert.ok(budget.held >= chunk.length);
        await source.close();
      }
    });
    assert.equal(budget.held, 0);
  });

  it('overlooks what is no blob in its directories', async (t) => {
    const { area, store, path } = await open(t);
    await store.publish(await area.verified(DIGEST, BLOB));
    await writeFile(join(dirname(path), 'README'), 'not ours');
    const found = [];
    for await (const digests of store.digests()) found.push(...digests);
    for await (const { digest } of store.list()) found.push(digest);
    assert.deepEqual(found, [DIGEST, DIGEST]);
  });

  it('makes its own directories durable when it is opened', async (t) => {
    const root = await temporaryDirectory(t);
    const disk = new FaultyDisk();
    const synced: string[] = [];
    disk.fail.sync = (path) => void synced.push(path);
    await openStore(root, disk);
    assert.deepEqual(synced, [join(root, 'blobs'), root]);
  });

  it('leaves no descriptor behind when a blob cannot be looked at', async (t) => {
    const { area, store, disk } = await open(t);
    await store.publish(await area.verified(DIGEST, BLOB));
    disk.fail.stat = () => systemError('EIO');
    disk.calls.length = 0;
    await assert.rejects(store.open(DIGEST), { code: 'BLOB_CORRUPT' });
    assert.deepEqual(disk.calls, ['stat', 'close']);
  });

  it('waits for what is being published when it is closed', async (t) => {
    const { area, store, disk, path } = await open(t);
    const file = await area.verified(DIGEST, BLOB);
    const gate = deferred<undefined>();
    disk.gate = gate.promise;
    const published = store.publish(file);
    const closed = store.close().then(() => existsSync(path));
    gate.resolve(undefined);
    assert.equal(await closed, true);
    await published;
  });

  it('says that a bad blob could not be set aside, and takes good bytes in its place', async (t) => {
    const { root, area, store } = await open(t);
    await store.publish(await area.verified(DIGEST, BLOB));
    await rm(join(root, 'quarantine'), { recursive: true });
    await writeFile(join(root, 'quarantine'), '');
    assert.equal(await store.quarantine(DIGEST), false);
    assert.equal(store.quarantined, 0);
    await store.publish(await area.verified(DIGEST, BLOB));
    assert.deepEqual(await collect((await store.open(DIGEST))!), BLOB);
  });

  it('keeps a bad blob for a person to look at', async (t) => {
    const { root, area, store } = await open(t);
    await store.publish(await area.verified(DIGEST, BLOB));
    await store.quarantine(DIGEST);
    assert.deepEqual(await readFile(join(root, 'quarantine', `sha256-${digestHex(DIGEST)}`)), BLOB);
    assert.equal(store.quarantined, 1);
  });
});
