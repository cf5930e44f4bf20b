import assert from 'node:assert/strict';
import { getEventListeners, setMaxListeners } from 'node:events';
import { readdir } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import { AppError } from '../../src/lib/errors.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { TAIL, VerifiedFile } from '../../src/content/spool.js';
import { temporaryDirectory } from '../support/tmp.js';
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

/** A verified MiB, all of it in memory, with no more followers than make it worth to be kept there. */
async function followedByCrowd(t: TestContext, budget: ReadBudget) {
  const disk = new FaultyDisk();
  const { area } = await openArea(t, { fs: disk, budget });
  const blob = bytesOf(MIB);
  const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
  await appendAll(spool, blob);
  const file = await spool.verify();
  const crowd = Array.from({ length: MIB / (256 * KIB) + 1 }, () => spool.follow(0, undefined, never()));
  return { spool, crowd, disk, file };
}

describe('a spool', () => {
  it('gives every follower all bytes, whenever and wherever it joins', async (t) => {
    const { spool } = await openSpool(t);
    const early = collect(spool.follow(0, undefined, never()));
    await appendAll(spool, BLOB.subarray(0, 200 * KIB), 10_007);
    const middle = collect(spool.follow(100_001, undefined, never()));
    const range = collect(spool.follow(5, 70_000, never()));
    assert.deepEqual(await range, BLOB.subarray(5, 70_000), 'a range before the tail needs no verify');
    await appendAll(spool, BLOB.subarray(200 * KIB), 10_007);
    const file = await spool.verify();
    const late = collect(spool.follow(0, undefined, never()));
    assert.deepEqual(await early, BLOB);
    assert.deepEqual(await middle, BLOB.subarray(100_001));
    assert.deepEqual(await late, BLOB);
    assert.equal(file.size, BLOB.length);
    await file.release();
  });

  it('gives nothing beyond the end to a follower that asks for more', async (t) => {
    const { area } = await openArea(t);
    const spool = await area.create({ upstream, digest: DIGEST, size: undefined });
    const beyond = collect(spool.follow(BLOB.length + 7, BLOB.length + 9, never()));
    const past = collect(spool.follow(BLOB.length - 3, BLOB.length + 9, never()));
    await appendAll(spool, BLOB);
    await (await spool.verify()).release();
    assert.equal((await beyond).length, 0);
    assert.deepEqual(await past, BLOB.subarray(-3));
  });

  for (const size of [undefined, BLOB.length]) {
    it(`holds the last 64 KiB back until they are verified, size ${size === undefined ? 'unknown' : 'known'}`, async (t) => {
      const { area } = await openArea(t);
      const spool = await area.create({ upstream, digest: DIGEST, size });
      const follower = spool.follow(0, undefined, never());
      await appendAll(spool, BLOB);
      let got = 0;
      while (got < BLOB.length - TAIL) got += (await follower.next()).value?.length ?? 0;
      assert.equal(got, BLOB.length - TAIL);
      let more = false;
      const next = follower.next().then((chunk) => {
        more = true;
        return chunk;
      });
      await turn();
      assert.equal(more, false);
      await (await spool.verify()).release();
      assert.deepEqual((await next).value, BLOB.subarray(got, got + ((await next).value?.length ?? 0)));
      await follower.return?.();
    });
  }

  it('gives nothing at all of a blob that is all tail before it is verified', async (t) => {
    const { area } = await openArea(t);
    const small = bytesOf(TAIL);
    const spool = await area.create({ upstream, digest: sha256(small), size: small.length });
    const follower = spool.follow(0, undefined, never());
    let given = false;
    const first = follower.next().then((result) => {
      given = true;
      return result.value;
    });
    await spool.append(small);
    await turn();
    assert.equal(given, false);
    await (await spool.verify()).release();
    assert.deepEqual(await first, small);
    await follower.return?.();
  });

  it('knows the empty blob', async (t) => {
    const { area } = await openArea(t);
    const empty = Buffer.alloc(0);
    const spool = await area.create({ upstream, digest: sha256(empty), size: 0 });
    const follower = collect(spool.follow(0, undefined, never()));
    await spool.append(empty);
    const file = await spool.verify();
    assert.equal(file.size, 0);
    assert.equal((await follower).length, 0);
    await file.release();
  });

  it('finds a wrong digest: followers never get the tail, and the file is gone', async (t) => {
    const { area, dir } = await openArea(t);
    const wrong = Buffer.from(BLOB);
    wrong[17] = ~wrong[17]! & 0xff;
    const spool = await area.create({ upstream, digest: DIGEST, size: undefined });
    const follower = collectUntilFailure(spool.follow(0, undefined, never()));
    await appendAll(spool, wrong);
    await assert.rejects(spool.verify(), { code: 'UPSTREAM_INVALID' });
    const { got, failure } = await follower;
    assert.equal((failure as AppError).code, 'UPSTREAM_INVALID');
    assert.equal(got.length, BLOB.length - TAIL);
    assert.deepEqual(await readdir(dir), []);
    await assert.rejects(spool.append(wrong), { code: 'UPSTREAM_INVALID' });
  });

  it('finds a wrong size: too few bytes at verify, too many at once', async (t) => {
    const { area } = await openArea(t);
    const short = await area.create({ upstream, digest: DIGEST, size: BLOB.length });
    await appendAll(short, BLOB.subarray(1));
    await assert.rejects(short.verify(), { code: 'UPSTREAM_INVALID' });
    const long = await area.create({ upstream, digest: DIGEST, size: BLOB.length - 1 });
    await assert.rejects(appendAll(long, BLOB), { code: 'UPSTREAM_INVALID' });
    assert.ok(long.received < BLOB.length, 'the chunk that is too much is not taken');
    await long.discard(new Error('too long'));
  });

  it('finds a wrong size though the digest is right', async (t) => {
    const { area, dir } = await openArea(t);
    const spool = await area.create({ upstream, digest: DIGEST, size: BLOB.length + 1 });
    await appendAll(spool, BLOB);
    await assert.rejects(spool.verify(), { code: 'UPSTREAM_INVALID' });
    assert.deepEqual(await readdir(dir), []);
  });

  it('may learn its size later, once, and not one that is too small', async (t) => {
    const { area } = await openArea(t);
    const spool = await area.create({ upstream, digest: DIGEST, size: undefined });
    await appendAll(spool, BLOB.subarray(0, 1000));
    assert.throws(() => spool.expect(999), { code: 'UPSTREAM_INVALID' });
    spool.expect(BLOB.length);
    spool.expect(BLOB.length);
    assert.throws(() => spool.expect(BLOB.length + 1), { code: 'UPSTREAM_INVALID' });
    assert.equal(spool.size, BLOB.length);
    await spool.discard(new Error('enough'));
  });

  it('is the only maker of verified files', () => {
    // @ts-expect-error The constructor is private, so this does not compile...
    assert.throws(() => new VerifiedFile());
    assert.deepEqual(
      Object.getOwnPropertyNames(VerifiedFile).sort(),
      ['length', 'name', 'prototype'],
      '...nor has it a maker',
    );
  });

  it('does not wait for a slow follower, and reads older bytes for it from the file', async (t) => {
    const { area } = await openArea(t);
    const blob = bytesOf(24 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    const slow = spool.follow(0, undefined, never());
    const first = (await Promise.all([slow.next(), appendAll(spool, blob)]))[0].value!;
    const head = Buffer.from(first);
    await (await spool.verify()).release();
    assert.deepEqual(Buffer.concat([head, await collect(slow)]), blob, 'it goes on although the file is removed');
  });

  it('lets go of memory when it is over, and of its file when the last follower has left', async (t) => {
    const disk = new FaultyDisk();
    const { spool } = await openSpool(t, { fs: disk });
    await appendAll(spool, BLOB);
    const file = await spool.verify();
    const slow = spool.follow(0, undefined, never());
    const first = Buffer.from((await slow.next()).value!);
    assert.equal(disk.calls.includes('read'), false, 'all of it is in memory');
    await file.release();
    assert.equal(disk.calls.includes('close'), false);
    assert.deepEqual(Buffer.concat([first, await collect(slow)]), BLOB);
    assert.equal(disk.calls.includes('read'), true, 'the rest came from the file');
    await turn();
    assert.equal(disk.calls.at(-1), 'close');
  });

  it('holds more of the newest bytes in memory for a crowd', async (t) => {
    for (const [followers, fromMemory] of [
      [2, false],
      [64, true],
    ] as const) {
      const disk = new FaultyDisk();
      const { area } = await openArea(t, { fs: disk });
      const blob = bytesOf(12 * MIB);
      const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
      const crowd = Array.from({ length: followers }, () => spool.follow(0, undefined, never()));
      await appendAll(spool, blob);
      await crowd[0]!.next();
      assert.equal(!disk.calls.includes('read'), fromMemory);
      await spool.discard(new Error('enough'));
    }
  });

  it('goes on from memory for a crowd when it is over, until reading the file would take those who are left less', async (t) => {
    const budget = new ReadBudget({ memory: 2 * MIB });
    const { crowd, disk, file } = await followedByCrowd(t, budget);
    await file.release();
    assert.equal(budget.held, MIB, 'what is kept is counted with what readers hold');
    const [first, ...others] = crowd;
    for (const each of crowd) await each.next();
    assert.equal(disk.calls.includes('read'), false);
    await others[0]!.return?.();
    assert.equal(budget.held, 0);
    await first!.next();
    assert.equal(disk.calls.includes('read'), true, 'with one less they take less to read the file');
    for (const each of crowd) await each.return?.();
    assert.equal(budget.held, 0);
    await turn();
    assert.equal(disk.calls.at(-1), 'close');
  });

  it('goes on from memory for as long as anybody follows when the file cannot be read any more', async (t) => {
    const budget = new ReadBudget({ memory: 2 * MIB });
    const { spool, crowd, disk, file } = await followedByCrowd(t, budget);
    await file.release();
    disk.fail.read = () => systemError('EIO');
    await assert.rejects(spool.read(Buffer.alloc(1), 0), { code: 'STORE_FAILED' });
    const [last, ...others] = crowd;
    for (const each of others) await each.return?.();
    assert.equal(budget.held, MIB);
    assert.deepEqual(await collect(last!), bytesOf(MIB));
    assert.equal(budget.held, 0);
  });

  it('keeps nothing for a crowd when other readers need the memory', async (t) => {
    const budget = new ReadBudget({ memory: 2 * MIB });
    const { crowd, disk, file } = await followedByCrowd(t, budget);
    budget.hold(MIB + 1);
    await file.release();
    assert.equal(budget.held, MIB + 1);
    await crowd[0]!.next();
    assert.equal(disk.calls.includes('read'), true);
    for (const each of crowd) await each.return?.();
    assert.equal(budget.held, MIB + 1);
  });

  it('cuts every follower at once with the cause of a discard', async (t) => {
    const { area, dir, spool } = await openSpool(t);
    const cause = new Error('the cause');
    const waiting = collectUntilFailure(spool.follow(0, undefined, never()));
    const idle = spool.follow(0, undefined, never());
    await appendAll(spool, BLOB.subarray(0, 128 * KIB));
    await spool.discard(cause);
    await spool.discard(new Error('another'));
    assert.equal((await waiting).failure, cause);
    await assert.rejects(idle.next(), cause, 'also one that had bytes left to read');
    await assert.rejects(collect(spool.follow(0, undefined, never())), cause, 'also one that comes later');
    await assert.rejects(spool.append(BLOB), cause);
    await assert.rejects(spool.verify(), cause);
    assert.deepEqual(await readdir(dir), []);
    assert.equal(area.bytes, 0);
  });

  it('lets a follower leave by its signal without touching the others, and leaves no listener behind', async (t) => {
    const { spool } = await openSpool(t);
    const leaving = new AbortController();
    const staying = new AbortController();
    const left = collectUntilFailure(spool.follow(0, undefined, leaving.signal));
    const stayed = collect(spool.follow(0, undefined, staying.signal));
    const broken = spool.follow(0, undefined, staying.signal);
    await appendAll(spool, BLOB.subarray(0, 100 * KIB), 1000);
    await broken.next();
    await broken.return?.();
    assert.equal(getEventListeners(leaving.signal, 'abort').length, 1, 'one for its whole life');
    assert.equal(getEventListeners(staying.signal, 'abort').length, 1);
    const reason = new Error('gone');
    leaving.abort(reason);
    assert.equal((await left).failure, reason);
    await appendAll(spool, BLOB.subarray(100 * KIB));
    await (await spool.verify()).release();
    assert.deepEqual(await stayed, BLOB);
    for (const { signal } of [leaving, staying]) assert.equal(getEventListeners(signal, 'abort').length, 0);
    await assert.rejects(collect(spool.follow(0, undefined, leaving.signal)), reason);
    assert.equal(getEventListeners(leaving.signal, 'abort').length, 0);
  });

  it('answers an abort while a read from the disk is under way', async (t) => {
    const disk = new FaultyDisk();
    const { area } = await openArea(t, { fs: disk });
    const blob = bytesOf(10 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    await appendAll(spool, blob);
    const file = await spool.verify();
    let open: () => void = () => undefined;
    disk.gate = new Promise((resolve) => (open = resolve));
    const leaving = new AbortController();
    const next = spool.follow(0, undefined, leaving.signal).next();
    leaving.abort(new Error('gone'));
    await assert.rejects(next, /gone/);
    open();
    await file.release();
  });

  it('refuses to be asked for two chunks at once', async (t) => {
    const { spool } = await openSpool(t);
    const follower = spool.follow(0, undefined, never());
    const first = follower.next();
    await assert.rejects(follower.next(), { code: 'INTERNAL' });
    await spool.append(BLOB);
    assert.equal((await first).done, false);
    await spool.discard(new Error('enough'));
    await assert.rejects(follower.next(), /enough/);
    assert.equal((await follower.next()).done, true);
  });

  it('asks its producer to wait while the disk is slow', async (t) => {
    const disk = new FaultyDisk();
    const { area } = await openArea(t, { fs: disk });
    const blob = bytesOf(6 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    let open: () => void = () => undefined;
    disk.gate = new Promise((resolve) => (open = resolve));
    const appending = appendAll(spool, blob);
    for (let i = 0; i < 200; i++) await turn();
    assert.equal(spool.received, 4 * MIB);
    assert.equal(spool.written, 0);
    open();
    await appending;
    await (await spool.verify()).release();
  });

  it('gives out of memory what the disk has not taken yet, however small the ring', async (t) => {
    const disk = new FaultyDisk();
    const budget = new ReadBudget({ memory: MIB });
    const { area } = await openArea(t, { fs: disk, budget });
    const blob = bytesOf(3 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    let open: () => void = () => undefined;
    disk.gate = new Promise((resolve) => (open = resolve));
    await appendAll(spool, blob);
    assert.deepEqual(await collect(spool.follow(0, 2 * MIB, never())), blob.subarray(0, 2 * MIB));
    assert.equal(spool.written, 0);
    open();
    await (await spool.verify()).release();
  });

  it('also counts tiny chunks, so that they do not pile up in memory', async (t) => {
    const disk = new FaultyDisk();
    const { area } = await openArea(t, { fs: disk });
    const blob = bytesOf(20_000);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    let open: () => void = () => undefined;
    disk.gate = new Promise((resolve) => (open = resolve));
    const appending = appendAll(spool, blob, 1);
    for (let i = 0; i < 200; i++) await turn();
    assert.equal(spool.received, 4096);
    open();
    await appending;
    const file = await spool.verify();
    assert.deepEqual(await collect(spool.follow(0, undefined, never())), blob);
    await file.release();
  });

  it('takes no more once it is verified, and keep and discard leave what is verified alone', async (t) => {
    const { spool } = await openSpool(t);
    await appendAll(spool, BLOB);
    const file = await spool.verify();
    await assert.rejects(spool.append(BLOB), { code: 'INTERNAL' });
    await assert.rejects(spool.verify(), { code: 'INTERNAL' });
    await spool.keep();
    const follower = collect(spool.follow(0, undefined, never()));
    await spool.discard(new Error('too late'));
    assert.deepEqual(await follower, BLOB);
    file.take();
    assert.throws(() => file.take(), { code: 'INTERNAL' });
    await file.release();
    await file.release();
  });

  it('serves 2,000 followers, 200 of them stalled, from bounded memory', { timeout: 120_000 }, async (t) => {
    const disk = new FaultyDisk();
    const root = await temporaryDirectory(t);
    const { area, budget } = await openArea(root, { fs: disk });
    const blob = bytesOf(16 * MIB);
    const spool = await area.create({ upstream, digest: sha256(blob), size: blob.length });
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const stalled = Array.from({ length: 200 }, () => spool.follow(0, undefined, stop.signal));
    const started = stalled.map((follower) => follower.next());
    const lengths = Array.from({ length: 1800 }, async (_, i) => {
      let got = 0;
      for await (const chunk of spool.follow(0, undefined, never())) {
        assert.equal(chunk[0], blob[got]);
        got += chunk.length;
        // Every ninth is slow and falls behind the ring, so that it reads from the file.
        if (i % 9 === 0 && got < 4 * MIB) await turn();
      }
      return got;
    });
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let at = 0; at < blob.length; at += 64 * KIB) {
      await spool.append(blob.subarray(at, at + 64 * KIB));
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    const file = await spool.verify();
    for (const got of await Promise.all(lengths)) assert.equal(got, blob.length);
    most = Math.max(most, process.memoryUsage().arrayBuffers);
    assert.ok(most - before < 160 * MIB, `${Math.round((most - before) / MIB)} MiB of buffers`);
    await Promise.all(started);
    stop.abort(new Error('stalled for too long'));
    await file.release();
    assert.equal(budget.held, 0, 'every reader was counted out again');
  });
});
