import assert from 'node:assert/strict';
import { readdir, readFile, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { AppError } from '../../src/lib/errors.js';
import { parseDigest } from '../../src/oci/digest.js';
import { temporaryDirectory } from '../support/tmp.js';
import { ManualClock } from '../support/manual-clock.js';
import {
  BLOB,
  DIGEST,
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

const HOUR = 60 * 60 * 1000;

async function keepPartial(root: string, bytes: number, clock = new ManualClock()) {
  const opened = await openArea(root, { clock });
  const spool = await opened.area.create({ upstream, digest: DIGEST, size: BLOB.length });
  await appendAll(spool, BLOB.subarray(0, bytes));
  await spool.keep();
  return opened;
}

describe('a partial', () => {
  it('survives a restart and goes on where it was, to the same digest', async (t) => {
    const root = await temporaryDirectory(t);
    await keepPartial(root, 100_003);
    const { area, dir } = await openArea(root);
    assert.deepEqual(
      area.partials().map(({ digest, bytes }) => ({ digest, bytes })),
      [{ digest: DIGEST, bytes: 100_003 }],
    );
    assert.equal(area.bytes, 100_003);
    const spool = (await area.resume(upstream, DIGEST))!;
    assert.deepEqual(area.partials(), []);
    assert.equal(await area.resume(upstream, DIGEST), undefined, 'by one flight only');
    assert.equal(spool.received, 100_003);
    assert.equal(spool.size, BLOB.length);
    const follower = collect(spool.follow(0, undefined, never()));
    await appendAll(spool, BLOB.subarray(100_003));
    const file = await spool.verify();
    assert.deepEqual(await follower, BLOB);
    await file.release();
    assert.equal(area.bytes, 0);
    assert.deepEqual(await readdir(dir), [], 'nor is its note left');
  });

  it('of a sha512 blob is resumed as well', async (t) => {
    const { area } = await openArea(t);
    const digest = parseDigest(
      `sha512:${(await import('node:crypto')).createHash('sha512').update(BLOB).digest('hex')}`,
    );
    const spool = await area.create({ upstream, digest, size: undefined });
    await appendAll(spool, BLOB.subarray(0, 1000));
    await spool.keep();
    const again = (await area.resume(upstream, digest))!;
    assert.equal(again.size, undefined);
    await appendAll(again, BLOB.subarray(1000));
    await (await again.verify()).release();
  });

  it('is cut off to its last synced offset after a crash', async (t) => {
    const root = await temporaryDirectory(t);
    const disk = new FaultyDisk();
    const blob = bytesOf(40 * MIB);
    const digest = sha256(blob);
    const { area: crashed, dir } = await openArea(root, { fs: disk });
    const running = await crashed.create({ upstream, digest, size: blob.length });
    await appendAll(running, blob.subarray(0, 36 * MIB));
    while (!(await readdir(dir)).some((name) => name.endsWith('.json'))) await turn();
    // No keep, no close: as if the process had been killed here.
    const { area } = await openArea(root);
    const spool = (await area.resume(upstream, digest))!;
    assert.ok(spool.received >= 32 * MIB && spool.received < 36 * MIB, `${spool.received}`);
    assert.equal((await stat(spool.path)).size, spool.received);
    await appendAll(spool, blob.subarray(spool.received));
    await (await spool.verify()).release();
    await running.discard(new Error('over'));
  });

  it("is another upstream's business only if that upstream kept it", async (t) => {
    const root = await temporaryDirectory(t);
    const { area } = await keepPartial(root, 1000);
    assert.equal(await area.resume('ghcr.io', DIGEST), undefined);
    assert.equal(area.partials().length, 1);
  });

  it('cuts its followers with CANCELLED, or with the cause that is given', async (t) => {
    const { area } = await openArea(t);
    for (const cause of [undefined, new Error('upstream broke')]) {
      const spool = await area.create({ upstream, digest: DIGEST, size: BLOB.length });
      const follower = collectUntilFailure(spool.follow(0, undefined, never()));
      await spool.append(BLOB.subarray(0, 10));
      await spool.keep(cause);
      await spool.keep();
      const { failure } = await follower;
      if (cause) assert.equal(failure, cause);
      else assert.equal((failure as AppError).code, 'CANCELLED');
    }
    assert.equal(area.partials().length, 1, 'two of the same blob are one');
  });

  it('is not kept of nothing, nor when its checkpoint fails', async (t) => {
    const disk = new FaultyDisk();
    const { area, dir } = await openArea(t, { fs: disk });
    const empty = await area.create({ upstream, digest: DIGEST, size: BLOB.length });
    await empty.keep();
    const failing = await area.create({ upstream, digest: DIGEST, size: BLOB.length });
    await failing.append(BLOB.subarray(0, 1000));
    disk.fail.datasync = () => systemError('EIO');
    await failing.keep();
    assert.deepEqual(area.partials(), []);
    assert.deepEqual(await readdir(dir), []);
  });

  it('is kept also when the disk became full', async (t) => {
    const disk = new FaultyDisk();
    disk.room = 50_000;
    const { area, spool } = await openSpool(t, { fs: disk });
    await assert.rejects(async () => {
      await appendAll(spool, BLOB);
      await spool.verify();
    });
    await spool.keep();
    assert.equal(area.partials()[0]?.bytes, 50_000);
    disk.room = Number.POSITIVE_INFINITY;
    const again = (await area.resume(upstream, DIGEST))!;
    await appendAll(again, BLOB.subarray(50_000));
    await (await again.verify()).release();
  });

  it('of more bytes replaces one of fewer, and not the other way round', async (t) => {
    const root = await temporaryDirectory(t);
    const { area, dir } = await openArea(root);
    for (const bytes of [1000, 3000, 2000]) {
      const spool = await area.create({ upstream, digest: DIGEST, size: BLOB.length });
      await spool.append(BLOB.subarray(0, bytes));
      await spool.keep();
    }
    assert.deepEqual(
      area.partials().map(({ bytes }) => bytes),
      [3000],
    );
    assert.equal((await readdir(dir)).length, 2);
  });

  const damages: Record<string, (data: string) => Promise<void>> = {
    'whose bytes have changed': async (data) => {
      const bytes = await readFile(data);
      bytes[500]! ^= 1;
      await writeFile(data, bytes);
    },
    'that became shorter': (data) => truncate(data, 999),
    'whose note is torn': (data) => truncate(`${data}.json`, 20),
    'whose note makes no sense': (data) => writeFile(`${data}.json`, '{"upstream":"docker.io","digest":7}'),
    'whose note is not an object': (data) => writeFile(`${data}.json`, '7'),
    'whose note has an impossible offset': async (data) => {
      const note = JSON.parse(await readFile(`${data}.json`, 'utf8')) as object;
      await writeFile(`${data}.json`, JSON.stringify({ ...note, offset: -1 }));
    },
    'whose note names no digest': async (data) => {
      const note = JSON.parse(await readFile(`${data}.json`, 'utf8')) as object;
      await writeFile(`${data}.json`, JSON.stringify({ ...note, prefix: 'sha256:no' }));
    },
  };
  for (const [which, damage] of Object.entries(damages)) {
    for (const when of ['before a restart', 'before it is resumed'] as const) {
      it(`${which} ${when} is dropped, never served`, async (t) => {
        const root = await temporaryDirectory(t);
        const kept = await keepPartial(root, 1000);
        const data = join(
          kept.dir,
          (await readdir(kept.dir)).find((name) => !name.endsWith('.json'))!,
        );
        await damage(data);
        const area = when === 'before a restart' ? (await openArea(root)).area : kept.area;
        assert.equal(await area.resume(upstream, DIGEST), undefined);
        assert.deepEqual(await readdir(kept.dir), []);
        assert.equal(area.bytes, 0);
      });
    }
  }

  it('lives 24 hours at most across a restart', async (t) => {
    const root = await temporaryDirectory(t);
    const clock = new ManualClock();
    const { dir } = await keepPartial(root, 1000, clock);
    clock.jump(24 * HOUR);
    assert.equal((await openArea(root, { clock })).area.partials().length, 1);
    clock.jump(1);
    assert.equal((await openArea(root, { clock })).area.partials().length, 0);
    assert.deepEqual(await readdir(dir), []);
  });

  it('is not found by a restart when it is shorter than it was', async (t) => {
    const root = await temporaryDirectory(t);
    const { dir } = await keepPartial(root, 100_003);
    const [name] = (await readdir(dir)).filter((each) => !each.endsWith('.json'));
    await truncate(join(dir, name!), 100_002);
    assert.deepEqual((await openArea(root)).area.partials(), []);
    assert.deepEqual(await readdir(dir), []);
  });

  it('is dropped by age, or the oldest first when bytes are wanted', async (t) => {
    const clock = new ManualClock();
    const root = await temporaryDirectory(t);
    const before = await openArea(root, { clock });
    const keep = async (from: string) => {
      const spool = await before.area.create({ upstream: from, digest: DIGEST, size: BLOB.length });
      await spool.append(BLOB.subarray(0, 1000));
      await spool.keep();
      clock.jump(HOUR);
    };
    for (const from of ['a', 'b', 'c', 'd']) await keep(from);
    // Found in the order of their random names.
    const { area, dir } = await openArea(root, { clock });
    assert.equal(await area.dropPartials({ olderThan: 3.5 * HOUR }), 1000);
    assert.deepEqual(
      area
        .partials()
        .map((partial) => partial.upstream)
        .sort(),
      ['b', 'c', 'd'],
    );
    assert.equal(await area.dropPartials({ bytes: 1001 }), 2000);
    assert.deepEqual(
      area.partials().map((partial) => partial.upstream),
      ['d'],
    );
    assert.equal((await readdir(dir)).length, 2);
    assert.equal(await area.dropPartials({ bytes: 1_000_000 }), 1000);
    assert.deepEqual(await readdir(dir), []);
  });
});

describe('what lies in the spool area and belongs to nobody', () => {
  it('is removed once it is an hour old, and a dry run only counts it', async (t) => {
    const { area, dir, clock } = await openArea(t);
    const spool = await area.create({ upstream, digest: DIGEST, size: BLOB.length });
    await spool.append(BLOB.subarray(0, 1000));
    for (const name of ['old', 'new']) await writeFile(join(dir, name), 'left');
    await symlink(join(dir, 'nowhere'), join(dir, 'gone meanwhile'));
    const before = new Date(Date.now() - 2 * HOUR);
    await utimes(join(dir, 'old'), before, before);
    await utimes(spool.path, before, before);
    assert.deepEqual(await area.dropStale(HOUR, true), { files: 1, bytes: 4 });
    assert.equal((await readdir(dir)).length, 4);
    assert.deepEqual(await area.dropStale(HOUR, false), { files: 1, bytes: 4 });
    assert.deepEqual((await readdir(dir)).sort(), ['gone meanwhile', 'new', basename(spool.path)].sort());
    await spool.keep();
    await clock.advance(2 * HOUR);
    assert.deepEqual(await area.dropStale(HOUR, true), { files: 1, bytes: 1000 });
    assert.equal(area.partials().length, 1);
    assert.deepEqual(await area.dropStale(HOUR, false), { files: 1, bytes: 1000 });
    assert.equal(area.partials().length, 0);
  });

  it('is not what was resumed while room was made', async (t) => {
    const { area, clock } = await openArea(t);
    for (const from of ['a.test', 'b.test']) {
      const spool = await area.create({ upstream: from, digest: DIGEST, size: BLOB.length });
      await spool.append(BLOB.subarray(0, 1000));
      await spool.keep();
      await clock.advance(1);
    }
    const [freed, resumed] = await Promise.all([
      area.dropPartials({ bytes: Number.POSITIVE_INFINITY }),
      area.resume('b.test', DIGEST),
    ]);
    assert.equal(freed, 1000);
    await appendAll(resumed!, BLOB.subarray(1000));
    await (await resumed!.verify()).release();
  });
});

describe('the spool area', () => {
  it('removes what no partial needs when it is opened', async (t) => {
    const root = await temporaryDirectory(t);
    const { dir } = await keepPartial(root, 1000);
    const kept = (await readdir(dir)).sort();
    for (const name of ['data-alone', 'note-alone.json', 'half.json.tmp'])
      await writeFile(join(dir, name), 'left over');
    await openArea(root);
    assert.deepEqual((await readdir(dir)).sort(), kept);
  });

  it('creates nothing when less than minFree would be left', async (t) => {
    const disk = new FaultyDisk();
    disk.freeBytes = 10_000;
    const { area, dir } = await openArea(t, { fs: disk, minFree: 9_000 });
    await assert.rejects(area.create({ upstream, digest: DIGEST, size: 1_001 }), { code: 'STORE_FULL' });
    await (await area.create({ upstream, digest: DIGEST, size: 1_000 })).discard(new Error('enough'));
    await (await area.create({ upstream, digest: DIGEST, size: undefined })).discard(new Error('enough'));
    disk.freeBytes = 8_999;
    await assert.rejects(area.create({ upstream, digest: DIGEST, size: undefined }), { code: 'STORE_FULL' });
    assert.deepEqual(await readdir(dir), []);
  });

  it('has no more room when what is still to come would leave less than minFree', async (t) => {
    const disk = new FaultyDisk();
    disk.freeBytes = 1_000_000;
    const { area } = await openArea(t, { fs: disk, minFree: 100_000 });
    const full = { code: 'STORE_FULL' };
    const first = await area.create({ upstream, digest: DIGEST, size: undefined });
    await area.requireRoom();
    first.expect(BLOB.length);
    await area.requireRoom();
    // Each would fit alone; not all of them at once.
    const others = [];
    for (const [name, size] of [
      ['second', 500_000],
      ['third', 500_000],
    ] as const) {
      const other = await area.create({ upstream, digest: sha256(Buffer.from(name)), size: undefined });
      other.expect(size);
      others.push(other);
    }
    await assert.rejects(area.requireRoom(), full);
    await others.pop()!.discard(new Error('enough'));
    await area.requireRoom();
    // What is written already is counted by the disk itself, and only there.
    disk.freeBytes = 600_000 + BLOB.length - 1;
    await assert.rejects(area.requireRoom(), full);
    const follower = collect(first.follow(0, undefined, never()));
    await appendAll(first, BLOB);
    await (await first.verify()).release();
    assert.deepEqual(await follower, BLOB);
    disk.freeBytes = 600_000;
    await area.requireRoom();
    disk.freeBytes = 599_999;
    await assert.rejects(area.requireRoom(), full);
    for (const other of others) await other.discard(new Error('enough'));
    await area.requireRoom();
  });

  it('says what kept a spool from being created', async (t) => {
    const disk = new FaultyDisk();
    const { area } = await openArea(t, { fs: disk });
    for (const [system, code] of [
      ['ENOSPC', 'STORE_FULL'],
      ['EDQUOT', 'STORE_FULL'],
      ['EMFILE', 'OVERLOADED'],
      ['EIO', 'STORE_FAILED'],
    ] as const) {
      disk.open = () => Promise.reject(systemError(system));
      await assert.rejects(area.create({ upstream, digest: DIGEST, size: 1 }), { code });
    }
  });

  it('makes a verified file of bytes that are all there, but not of wrong ones', async (t) => {
    const { area, dir } = await openArea(t);
    const file = await area.verified(DIGEST, BLOB);
    assert.deepEqual(await readFile(file.path), BLOB);
    await file.release();
    await assert.rejects(area.verified(DIGEST, BLOB.subarray(1)), { code: 'UPSTREAM_INVALID' });
    assert.deepEqual(await readdir(dir), []);
  });

  it('keeps what is being filled when it is closed', async (t) => {
    const root = await temporaryDirectory(t);
    const { area } = await openArea(root);
    const spool = await area.create({ upstream, digest: DIGEST, size: BLOB.length });
    await spool.append(BLOB.subarray(0, 1000));
    assert.equal(spool.received, 1000);
    await area.close();
    assert.equal((await openArea(root)).area.partials()[0]?.bytes, 1000);
  });
});
