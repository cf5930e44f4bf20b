import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { nodeFileSystem } from '../../src/content/open-file.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { deferred } from '../../src/lib/async.js';
import { AppError } from '../../src/lib/errors.js';
import { TAIL } from '../../src/content/spool.js';
import {
  BLOB,
  DIGEST,
  KIB,
  MIB,
  appendAll,
  bytesOf,
  collect,
  collectUntilFailure,
  FaultyDisk,
  never,
  openArea,
  sha256,
  systemError,
  turn,
  upstream,
  openSpool,
} from './support.js';

describe('a spool on a failing disk', () => {
  it('loops on short writes', async (t) => {
    const disk = new FaultyDisk();
    disk.longestWrite = 5_536;
    const { spool } = await openSpool(t, { fs: disk });
    await appendAll(spool, BLOB, 10_000);
    const file = await spool.verify();
    assert.deepEqual(await collect(spool.follow(0, undefined, never())), BLOB);
    assert.equal(spool.written, BLOB.length);
    await file.release();
  });

  it('stops at what is written when the disk is full, and says how to go on', async (t) => {
    const disk = new FaultyDisk();
    disk.room = 200_001;
    const { spool } = await openSpool(t, { fs: disk });
    const follower = collectUntilFailure(spool.follow(0, undefined, never()));
    await assert.rejects(
      (async () => {
        await appendAll(spool, BLOB);
        await spool.verify();
      })(),
      { code: 'STORE_FULL' },
    );
    const { got, failure } = await follower;
    assert.equal((failure as AppError).code, 'STORE_FULL');
    assert.deepEqual(got, BLOB.subarray(0, got.length));
    assert.ok(got.length >= 200_001, 'all that was written and is not tail');
    const late = await collectUntilFailure(spool.follow(0, undefined, never()));
    assert.deepEqual(late.got, BLOB.subarray(0, 200_001));
    await assert.rejects(spool.append(BLOB), { code: 'STORE_FULL' });
    await assert.rejects(spool.verify(), { code: 'STORE_FULL' });

    const prefix = spool.stopped()!;
    assert.equal(prefix.offset, 200_001);
    assert.equal(`sha256:${prefix.hash.update(BLOB.subarray(200_001)).digest('hex')}`, DIGEST);
    const reader = prefix.read(1)[Symbol.asyncIterator]();
    const first = Buffer.from((await reader.next()).value as Buffer);
    await spool.discard(new Error('enough'));
    assert.equal(spool.stopped(), undefined, 'there is nothing more to go on from');
    assert.deepEqual(
      Buffer.concat([first, await collect({ [Symbol.asyncIterator]: () => reader })]),
      BLOB.subarray(1, 200_001),
      'a prefix that is being read outlives the spool',
    );
    await assert.rejects(collect(prefix.read(0)), { code: 'CANCELLED' });
  });

  it('never reads its file again after a failed sync: what is in memory is given, the rest is cut', async (t) => {
    const disk = new FaultyDisk();
    disk.fail.datasync = () => systemError('EIO');
    const { area } = await openArea(t, { fs: disk });
    const blob = bytesOf(40 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: undefined });
    const slow = spool.follow(0, undefined, never());
    const first = slow.next();
    await assert.rejects(
      (async () => {
        await appendAll(spool, blob);
        while (disk.calls.filter((call) => call === 'datasync').length === 0) await turn();
        await turn();
        await spool.verify();
      })(),
      { code: 'STORE_FAILED' },
    );
    await first;
    disk.calls.length = 0;
    await assert.rejects(collect(slow), { code: 'STORE_FAILED' });
    const near = await collectUntilFailure(spool.follow(spool.received - TAIL - 10, undefined, never()));
    assert.equal(near.got.length, 10);
    assert.equal((near.failure as AppError).code, 'STORE_FAILED');
    assert.equal(spool.stopped(), undefined);
    await spool.keep();
    assert.deepEqual(area.partials(), [], 'nor is it kept');
    assert.deepEqual(disk.calls, ['close']);
  });

  it('rejects with STORE_FAILED when a write fails', async (t) => {
    const disk = new FaultyDisk();
    disk.fail.writev = () => systemError('EIO');
    const { spool } = await openSpool(t, { fs: disk });
    const follower = collectUntilFailure(spool.follow(0, undefined, never()));
    await spool.append(BLOB);
    await assert.rejects(spool.verify(), { code: 'STORE_FAILED' });
    assert.equal(((await follower).failure as AppError).code, 'STORE_FAILED');
    await spool.discard(new Error('enough'));
  });

  it('cuts a follower whose bytes cannot be read back, and is not published then', async (t) => {
    const disk = new FaultyDisk();
    const { area } = await openArea(t, { fs: disk });
    const blob = bytesOf(10 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    await appendAll(spool, blob);
    const file = await spool.verify();
    disk.fail.read = () => systemError('EIO');
    await assert.rejects(collect(spool.follow(0, undefined, never())), { code: 'STORE_FAILED' });
    await assert.rejects(file.sync(), { code: 'STORE_FAILED' });
    assert.deepEqual(
      await collect(spool.follow(9 * MIB, undefined, never())),
      blob.subarray(9 * MIB),
      'memory is still good',
    );
    await file.release();
  });

  it('fails when the disk takes nothing and says nothing', async (t) => {
    const open = async (path: string, flags: string) => ({
      ...(await nodeFileSystem.open(path, flags)),
      writev: () => Promise.resolve({ bytesWritten: 0 }),
      close: () => Promise.resolve(),
    });
    const { spool } = await openSpool(t, { fs: { ...nodeFileSystem, open } });
    await assert.rejects(
      appendAll(spool, BLOB).then(() => spool.verify()),
      { code: 'STORE_FAILED' },
    );
    await spool.discard(new Error('over'));
  });

  it('cuts a follower whose bytes are no longer in the file', async (t) => {
    const { area } = await openArea(t, { budget: new ReadBudget({ memory: 16 * KIB }) });
    const blob = bytesOf(3 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    await appendAll(spool, blob);
    const file = await spool.verify();
    await truncate(file.path, 100 * KIB);
    const { got, failure } = await collectUntilFailure(spool.follow(0, undefined, never()));
    assert.equal((failure as AppError).code, 'STORE_FAILED');
    assert.deepEqual(got, blob.subarray(0, 100 * KIB));
    await file.release();
  });

  it('reads from the file for a few followers at a time, so that its own writes are not kept waiting', async (t) => {
    const disk = new FaultyDisk();
    const { area } = await openArea(t, { fs: disk, budget: new ReadBudget({ memory: 16 * KIB, preads: 2 }) });
    const blob = bytesOf(3 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    await appendAll(spool, blob);
    const file = await spool.verify();
    const gate = deferred<undefined>();
    disk.gate = gate.promise;
    const followers = Array.from({ length: 10 }, () => collect(spool.follow(0, 64 * KIB, never())));
    await turn();
    assert.equal(disk.calls.filter((call) => call === 'read').length, 2);
    gate.resolve(undefined);
    for (const got of await Promise.all(followers)) assert.ok(got.equals(blob.subarray(0, 64 * KIB)));
    await file.release();
  });
});
