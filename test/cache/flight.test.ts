/** One download and those who wait for it, over a scripted upstream and real files. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Flights, type Flight, type FlightParts } from '../../src/cache/flight.js';
import { FilesystemBlobStore } from '../../src/content/filesystem-blob-store.js';
import { abortable, KeyedMutex } from '../../src/lib/async.js';
import { AppError, type ErrorCode } from '../../src/lib/errors.js';
import { createLog } from '../../src/lib/log.js';
import type { BlobCall, Upstream } from '../../src/upstream/upstream.js';
import {
  bytesOf,
  collect,
  collectUntilFailure,
  FaultyDisk,
  KIB,
  MIB,
  never,
  openArea,
  sha256,
} from '../content/support.js';
import { memoryCatalog, repository } from '../support/catalogs.js';
import { eventually } from '../support/eventually.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';

const A = repository('library/a');
const B = repository('library/b');
const LARGE = bytesOf(3 * MIB);
const SMALL = bytesOf(300 * KIB);
const unreachable = (retryAfter?: number) =>
  new AppError('UPSTREAM_UNREACHABLE', 'it broke', retryAfter === undefined ? {} : { retryAfter });

/** What upstream answers to one GET, from `offset` on. It may fail before the first byte. */
type Answer = (offset: number, signal: AbortSignal) => AsyncIterable<Buffer> | undefined;

async function* chunks(bytes: Buffer, from: number, to = bytes.length): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (let at = from; at < to; at += 64 * KIB) yield Buffer.from(bytes.subarray(at, Math.min(at + 64 * KIB, to)));
}

const whole =
  (bytes: Buffer): Answer =>
  (offset) =>
    chunks(bytes, offset);

/** Breaks off at `to` with `failure`. */
const broken = (bytes: Buffer, to: number, failure: () => Error = unreachable): Answer =>
  async function* (offset) {
    yield* chunks(bytes, offset, to);
    throw failure();
  };

/** Sends up to `to` and then nothing more until the transfer is given up or `goOn`, when it sends the rest. */
const stalled = (bytes: Buffer, to: number, goOn: Promise<unknown> = new Promise(() => undefined)): Answer =>
  async function* (offset, signal) {
    yield* chunks(bytes, offset, to);
    await abortable(goOn, signal);
    yield* chunks(bytes, Math.max(offset, to));
  };

interface Options {
  readonly disk?: FaultyDisk;
  readonly size?: (bytes: Buffer) => number | undefined;
  readonly isPublic?: () => boolean;
  readonly parts?: Partial<FlightParts>;
}

/** Flights for one blob; upstream gives the answers in turn, the last of them again and again. */
async function open(t: Scope, bytes: Buffer, answers: readonly Answer[], options: Options = {}) {
  const { disk = new FaultyDisk(), size = () => bytes.length, isPublic = () => true } = options;
  const root = await temporaryDirectory(t);
  const { catalog, clock } = await memoryCatalog(t);
  const { area, budget, dir } = await openArea(root, { fs: disk, clock });
  const dirs = { dir: join(root, 'blobs'), quarantineDir: join(root, 'quarantine') };
  const lines: { readonly level: string; readonly msg: string }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]);
  const log = createLog({ level: 'debug', format: 'json' }, { write }).logger;
  const store = await FilesystemBlobStore.open({ ...dirs, budget, log });
  const asked: { readonly repository: string; readonly offset: number }[] = [];
  const priorities: BlobCall['priority'][] = [];
  const upstream = {
    name: A.upstream,
    stat: undefined as { readonly size: number } | undefined,
    destroyed: 0,
    blob: (name: string, _digest: string, { offset = 0, signal, priority }: BlobCall) => {
      asked.push({ repository: name, offset });
      priorities.push(priority);
      const body = answers[Math.min(asked.length, answers.length) - 1]?.(offset, signal);
      return Promise.resolve(
        body && { size: size(bytes), public: isPublic(), bytes: body, destroy: () => (upstream.destroyed += 1) },
      );
    },
    statBlob: () => Promise.resolve(upstream.stat),
  };
  const makeRoom = () => Promise.resolve(false);
  const digestLocks = new KeyedMutex();
  const parts = { spools: area, store, catalog, digestLocks, makeRoom, clock, log, ...options.parts };
  const flights = new Flights(parts);
  t.after(() => flights.close(AbortSignal.abort()));
  const digest = sha256(bytes);
  const start = (from = A) => flights.start(upstream as unknown as Upstream, from, digest);
  const others = clock.waiting;
  /** Timers of the flights. */
  const timers = () => clock.waiting - others;
  const stored = async () => {
    const source = await store.open(digest);
    return source && collect(source);
  };
  /** To its end, with a follower: waits of no time pass. */
  const followed = async (flight: Flight) => {
    flight.enter('prefetch');
    let over = false;
    const done = flight.done.finally(() => (over = true));
    done.catch(() => undefined);
    await eventually(async () => (await clock.advance(0), over), 'it is over', 60_000);
    await done;
  };
  return {
    area,
    asked,
    catalog,
    clock,
    digest,
    dir,
    digestLocks,
    disk,
    flights,
    followed,
    lines,
    priorities,
    start,
    store,
    stored,
    timers,
    upstream,
  };
}

const rejectsWith = (promise: Promise<unknown>, code: ErrorCode) => assert.rejects(promise, { code });

describe('a flight', () => {
  it('is one for each upstream and digest, however many ask', async (t) => {
    const { asked, start, flights, digest, upstream, stored } = await open(t, LARGE, [whole(LARGE)]);
    const flight = start();
    assert.deepEqual([flight.failed, flight.received], [false, 0]);
    assert.equal(start(B), flight);
    assert.equal(flights.find(A.upstream, digest), flight);
    assert.equal(flights.find('elsewhere.test', digest), undefined);
    const other = flights.start({ ...upstream, name: 'elsewhere.test' } as unknown as Upstream, A, digest);
    assert.notEqual(other, flight);
    assert.equal(flights.size, 2);
    await Promise.all([flight.done, other.done]);
    assert.equal(flights.size, 0);
    assert.equal(asked.length, 2);
    assert.ok((await stored())?.equals(LARGE));
  });

  it('asks in the name of who began it, and links the blob to all that upstream has admitted since', async (t) => {
    const { asked, start, catalog, digest } = await open(t, LARGE, [whole(LARGE)]);
    const flight = start();
    assert.deepEqual([flight.entitles(A), flight.entitles(B)], [true, false]);
    await flight.entitle(B);
    assert.equal(flight.entitles(B), true);
    await flight.done;
    assert.deepEqual(asked, [{ repository: A.name, offset: 0 }]);
    assert.ok(await catalog.link(A, digest));
    assert.ok(await catalog.link(B, digest));
    const late = repository('library/late');
    await flight.entitle(late);
    assert.ok(await catalog.link(late, digest), 'also once it is stored');
  });

  it('is public only when all its bytes came without credentials', async (t) => {
    let calls = 0;
    const { start, catalog, digest, followed } = await open(t, LARGE, [broken(LARGE, 2 * MIB), whole(LARGE)], {
      isPublic: () => ++calls > 1,
    });
    await followed(start());
    assert.deepEqual((await catalog.blob(digest))?.via, [{ upstream: A.upstream, public: false }]);
  });

  it('publishes the bytes before it records them, both under the mutex of the digest', async (t) => {
    const order: string[] = [];
    const opened = await open(t, SMALL, [whole(SMALL)]);
    const { catalog, digestLocks, digest, start, store } = opened;
    const publish = store.publish.bind(store);
    t.mock.method(store, 'publish', async (...[file]: Parameters<typeof publish>) => {
      await publish(file);
      order.push('published');
    });
    const record = catalog.recordBlob.bind(catalog);
    t.mock.method(catalog, 'recordBlob', async (...args: Parameters<typeof record>) => {
      void digestLocks.run(digest, () => Promise.resolve(order.push('free')));
      await record(...args);
      order.push('recorded');
    });
    await start().done;
    await digestLocks.run(digest, () => Promise.resolve());
    assert.deepEqual(order, ['published', 'recorded', 'free']);
  });

  it('frees its connection however the transfer ends', async (t) => {
    const { start, upstream, followed } = await open(t, LARGE, [broken(LARGE, 2 * MIB), whole(LARGE)]);
    await followed(start());
    assert.equal(upstream.destroyed, 2);
  });

  it('says what became of it in the log, and warns only of what is not as usual', async (t) => {
    const { lines, start } = await open(t, SMALL, [
      () => undefined,
      broken(SMALL, 0, () => new Error('odd')),
      whole(SMALL),
    ]);
    await rejectsWith(start().done, 'BLOB_UNKNOWN');
    await assert.rejects(start().done);
    await start().done;
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        ['debug', 'not stored'],
        ['warn', 'not stored'],
        ['info', 'stored'],
      ],
    );
  });
});

describe('the followers of a flight', () => {
  it('may follow a large blob as soon as its first bytes are there, and never slow it', async (t) => {
    const { start, stored } = await open(t, LARGE, [whole(LARGE)]);
    const flight = start();
    const spool = await flight.ready;
    const slow = spool.follow(0, undefined, never());
    const first = Buffer.from((await slow.next()).value!);
    await flight.done;
    assert.ok((await stored())?.equals(LARGE), 'it is stored though a follower has read one chunk');
    assert.ok(Buffer.concat([first, await collect(slow)]).equals(LARGE));
  });

  it('are told of a small blob only once it is verified, also when its size was not said', async (t) => {
    for (const size of [(bytes: Buffer) => bytes.length, () => undefined]) {
      let goOn!: () => void;
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      const { start } = await open(t, SMALL, [stalled(SMALL, 100 * KIB, gate)], { size });
      const flight = start();
      let ready = false;
      void flight.ready.then(() => (ready = true));
      await eventually(() => flight.received >= 100 * KIB, 'its beginning is there');
      assert.equal(ready, false);
      goOn();
      assert.ok((await collect((await flight.ready).follow(0, undefined, never()))).equals(SMALL));
      await flight.done;
    }
  });

  it('get the large blob whose size was not said once it is known to be large', async (t) => {
    const { start } = await open(t, LARGE, [stalled(LARGE, 2 * MIB)], { size: () => undefined });
    const flight = start();
    assert.ok((await flight.ready).received > MIB);
    await flight.land(new AppError('CANCELLED', 'enough'));
  });

  it('leave once, however often they say so', async (t) => {
    const { start, priorities } = await open(t, LARGE, [stalled(LARGE, 2 * MIB)]);
    const flight = start();
    assert.equal(flight.followed, false);
    const leave = flight.enter('live');
    const other = flight.enter('prefetch');
    await flight.ready;
    assert.equal(priorities[0]!(), 'live');
    leave();
    leave();
    assert.equal(priorities[0]!(), 'prefetch');
    other();
    assert.equal(priorities[0]!(), 'idle');
    flight.enter('live');
    assert.equal(flight.followed, true);
  });
});

describe('a flight that nobody follows', () => {
  const alone = async (t: Scope) => {
    const opened = await open(t, LARGE, [stalled(LARGE, 2 * MIB), whole(LARGE)]);
    const flight = opened.start();
    const leave = flight.enter('live');
    await flight.ready;
    await eventually(() => flight.received === 2 * MIB, 'its first part is there');
    leave();
    return { ...opened, flight };
  };

  it('goes on for a minute, then becomes a partial that the next one goes on from', async (t) => {
    const { flight, clock, area, asked, start, stored, timers } = await alone(t);
    await clock.advance(59_999);
    assert.equal(flight.failed, false);
    await clock.advance(1);
    await rejectsWith(flight.done, 'CANCELLED');
    assert.equal(flight.failed, true);
    assert.equal(area.partials()[0]?.bytes, 2 * MIB);
    await start().done;
    assert.equal(asked[1]?.offset, 2 * MIB);
    assert.ok((await stored())?.equals(LARGE));
    assert.equal(timers(), 0, 'no timer is left');
  });

  it('goes on with whoever comes back in time', async (t) => {
    const { flight, clock } = await alone(t);
    await clock.advance(59_000);
    const leave = flight.enter('live');
    await clock.advance(120_000);
    assert.equal(flight.failed, false);
    leave();
    await clock.advance(59_999);
    assert.equal(flight.failed, false);
    await clock.advance(1);
    await rejectsWith(flight.done, 'CANCELLED');
  });

  it('goes on for 256 MiB at most', { timeout: 120_000 }, async (t) => {
    const chunk = Buffer.alloc(4 * MIB);
    let sent = 0;
    let goOn!: () => void;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const endless: Answer = async function* () {
      yield chunk;
      await gate;
      for (; ; sent += chunk.length) yield chunk;
    };
    const { start, area } = await open(t, LARGE, [endless], { size: () => undefined });
    const flight = start();
    const leave = flight.enter('live');
    await flight.ready;
    leave();
    goOn();
    await rejectsWith(flight.done, 'CANCELLED');
    assert.equal(sent, 256 * MIB);
    assert.equal(area.partials()[0]?.bytes, 264 * MIB);
  });

  it('gives up at the first failure', async (t) => {
    const { start, asked } = await open(t, LARGE, [broken(LARGE, 2 * MIB)]);
    await rejectsWith(start().done, 'UPSTREAM_UNREACHABLE');
    assert.equal(asked.length, 1);
  });
});

describe('a transfer that breaks', () => {
  it('goes on from where it was, at once when it had come further by a MiB', async (t) => {
    const answers = [broken(LARGE, MIB), broken(LARGE, 2 * MIB), whole(LARGE)];
    const { start, asked, followed } = await open(t, LARGE, answers);
    await followed(start());
    assert.deepEqual(
      asked.map(({ offset }) => offset),
      [0, MIB, 2 * MIB],
    );
  });

  it('waits longer each time that it has not, and gives up after five', async (t) => {
    const { start, asked, clock, area, timers } = await open(t, LARGE, [broken(LARGE, 100 * KIB)]);
    const flight = start();
    flight.enter('live');
    for (const wait of [250, 500, 1000, 2000]) {
      await eventually(() => timers() === 1, 'it waits');
      const before = asked.length;
      await clock.advance(wait - 1);
      assert.equal(asked.length, before);
      await clock.advance(1);
      await eventually(() => asked.length === before + 1, `it has asked again after ${wait} ms`);
    }
    await rejectsWith(flight.done, 'UPSTREAM_UNREACHABLE');
    assert.equal(asked.length, 5);
    assert.equal(area.partials()[0]?.bytes, 100 * KIB, 'what came is kept');
  });

  it('waits as long as upstream says, and not at all for longer than ten seconds', async (t) => {
    const answers = [broken(LARGE, 0, () => unreachable(7)), broken(LARGE, 0, () => unreachable(11))];
    const { start, asked, clock, timers } = await open(t, LARGE, answers);
    const flight = start();
    flight.enter('live');
    await eventually(() => timers() === 1, 'it waits');
    await clock.advance(6999);
    assert.equal(asked.length, 1);
    await clock.advance(1);
    await rejectsWith(flight.done, 'UPSTREAM_UNREACHABLE');
    assert.equal(asked.length, 2);
  });

  it('is tried fifty times at most, however far each gets', { timeout: 120_000 }, async (t) => {
    const large = Buffer.alloc(51 * MIB);
    const answers = Array.from({ length: 51 }, (_, index) => broken(large, (index + 1) * MIB));
    const { start, asked, followed } = await open(t, large, answers);
    await rejectsWith(followed(start()), 'UPSTREAM_UNREACHABLE');
    assert.equal(asked.length, 50);
  });

  it('queues up again when its slot went to somebody else and it has followers by now', async (t) => {
    const yielded = () => new AppError('CANCELLED', 'yielded');
    const { start, asked, timers } = await open(t, LARGE, [broken(LARGE, MIB, yielded), whole(LARGE)]);
    const flight = start();
    flight.enter('live');
    await flight.done;
    assert.equal(timers(), 0);
    assert.deepEqual(asked.at(-1)?.offset, MIB);
    const lonely = await open(t, LARGE, [broken(LARGE, MIB, yielded), whole(LARGE)]);
    await rejectsWith(lonely.start().done, 'CANCELLED');
    assert.equal(lonely.area.partials()[0]?.bytes, MIB);
  });
});

describe('a flight whose bytes are wrong', () => {
  const WRONG = bytesOf(SMALL.length, 2);

  it('asks once more from the start as long as nobody has seen any', async (t) => {
    const { start, asked, stored } = await open(t, SMALL, [whole(WRONG), whole(SMALL)]);
    const flight = start();
    assert.ok((await collect((await flight.ready).follow(0, undefined, never()))).equals(SMALL));
    await flight.done;
    assert.deepEqual(
      asked.map(({ offset }) => offset),
      [0, 0],
    );
    assert.ok((await stored())?.equals(SMALL));
  });

  it('asks no third time, and stores nothing', async (t) => {
    const { start, asked, stored, dir, catalog, digest } = await open(t, SMALL, [whole(WRONG)]);
    const flight = start();
    await rejectsWith(flight.ready, 'UPSTREAM_INVALID');
    await rejectsWith(flight.done, 'UPSTREAM_INVALID');
    assert.equal(asked.length, 2);
    assert.equal(await stored(), undefined);
    assert.equal(await catalog.blob(digest), undefined);
    assert.deepEqual(await readdir(dir), []);
  });

  it('does not ask again for what somebody has seen the beginning of, who never gets the whole', async (t) => {
    const wrong = bytesOf(LARGE.length, 2);
    const { start, asked, stored, dir } = await open(t, LARGE, [whole(wrong), whole(LARGE)]);
    const flight = start();
    const { got, failure } = await collectUntilFailure((await flight.ready).follow(0, undefined, never()));
    assert.equal((failure as AppError).code, 'UPSTREAM_INVALID');
    assert.ok(got.length < LARGE.length);
    await rejectsWith(flight.done, 'UPSTREAM_INVALID');
    assert.equal(asked.length, 1);
    assert.equal(await stored(), undefined);
    assert.deepEqual(await readdir(dir), []);
  });

  it('drops a partial that upstream will not go on with, and begins anew', async (t) => {
    const noRange = () => new AppError('RANGE_INVALID', 'not from there');
    const answers = [broken(SMALL, 64 * KIB), broken(SMALL, 0, noRange), whole(SMALL)];
    const { start, asked, area, stored } = await open(t, SMALL, answers);
    await rejectsWith(start().done, 'UPSTREAM_UNREACHABLE');
    assert.equal(area.partials().length, 1);
    await start().done;
    assert.deepEqual(
      asked.map(({ offset }) => offset),
      [0, 64 * KIB, 0],
    );
    assert.ok((await stored())?.equals(SMALL));
  });
});

describe('a partial that lacks nothing but its verification', () => {
  const complete = async (t: Scope) => {
    const opened = await open(t, LARGE, [broken(LARGE, LARGE.length)]);
    await rejectsWith(opened.start().done, 'UPSTREAM_UNREACHABLE');
    return opened;
  };

  it('is stored when upstream agrees that the repository may have it, and nothing is fetched', async (t) => {
    const { start, asked, stored, upstream } = await complete(t);
    upstream.stat = { size: LARGE.length };
    await start(B).done;
    assert.equal(asked.length, 1);
    assert.ok((await stored())?.equals(LARGE));
  });

  it('is not when upstream does not', async (t) => {
    const { start, stored } = await complete(t);
    await rejectsWith(start(B).done, 'BLOB_UNKNOWN');
    assert.equal(await stored(), undefined);
  });
});

describe('a flight on a failing disk', () => {
  it('leaves nothing where there is room for no byte, and of a small beginning nothing either', async (t) => {
    for (const room of [0, 100 * KIB]) {
      const disk = new FaultyDisk();
      disk.room = room;
      const asks: number[] = [];
      const makeRoom = (bytes: number) => (asks.push(bytes), Promise.resolve(false));
      const { start, area, dir } = await open(t, LARGE, [whole(LARGE)], { disk, parts: { makeRoom } });
      const flight = start();
      await rejectsWith(flight.done, 'STORE_FULL');
      await eventually(() => area.bytes === 0, 'nothing is left');
      await eventually(async () => (await readdir(dir)).length === 0, 'no file is left');
      assert.deepEqual(asks, [LARGE.length + MIB], 'room is made for the next');
    }
  });

  it('makes room for a MiB when upstream did not say how large it is', async (t) => {
    const disk = new FaultyDisk();
    disk.room = 0;
    const asks: number[] = [];
    const makeRoom = (bytes: number) => (asks.push(bytes), Promise.resolve(false));
    const { start } = await open(t, LARGE, [whole(LARGE)], { disk, parts: { makeRoom }, size: () => undefined });
    await rejectsWith(start().done, 'STORE_FULL');
    assert.deepEqual(asks, [MIB]);
  });

  it('makes room before it gives up, and is stored when there is some then', async (t) => {
    const disk = new FaultyDisk();
    disk.freeBytes = -1;
    const makeRoom = () => ((disk.freeBytes = 1e9), Promise.resolve(true));
    const { start, stored } = await open(t, SMALL, [whole(SMALL)], { disk, parts: { makeRoom } });
    await start().done;
    assert.ok((await stored())?.equals(SMALL));
  });

  it('keeps no beginning of a disk that failed', async (t) => {
    const disk = new FaultyDisk();
    disk.fail.writev = () => Object.assign(new Error('EIO'), { code: 'EIO' });
    const { start, area, dir } = await open(t, LARGE, [whole(LARGE)], { disk });
    const flight = start();
    flight.enter('live');
    await rejectsWith(flight.done, 'STORE_FAILED');
    assert.deepEqual(area.partials(), []);
    assert.deepEqual(await readdir(dir), []);
  });
});

describe('the flights of a daemon that stops', () => {
  const stop = async (t: Scope, followed: boolean) => {
    let goOn!: () => void;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const opened = await open(t, LARGE, [stalled(LARGE, 2 * MIB, gate)]);
    const flight = opened.start();
    if (followed) flight.enter('live');
    await flight.ready;
    await eventually(() => flight.received === 2 * MIB, 'its first part is there');
    return { ...opened, flight, goOn };
  };

  it('land at once when nobody follows them, and are kept', async (t) => {
    const { flight, flights, area, start } = await stop(t, false);
    await flights.close(never());
    await rejectsWith(flight.done, 'CANCELLED');
    assert.equal(area.partials()[0]?.bytes, 2 * MIB);
    assert.throws(() => start(), { code: 'DRAINING' });
  });

  it('come to their end when they are followed', async (t) => {
    const { flight, flights, goOn, stored } = await stop(t, true);
    const closed = flights.close(never());
    goOn();
    await Promise.all([flight.done, closed]);
    assert.ok((await stored())?.equals(LARGE));
  });

  it('land when the time is up', async (t) => {
    const { flight, flights, area } = await stop(t, true);
    const up = new AbortController();
    const closed = flights.close(up.signal);
    up.abort();
    await closed;
    await rejectsWith(flight.done, 'CANCELLED');
    assert.equal(area.partials()[0]?.bytes, 2 * MIB);
  });
});
