/** Blobs over several connections, against real sockets: what is asked for, what is held, and what comes out. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../src/lib/errors.js';
import { PIECE } from '../../src/upstream/ranged-body.js';
import type { UpstreamOptions } from '../../src/upstream/registry-upstream.js';
import type { BlobCall, Meter } from '../../src/upstream/upstream.js';
import { eventually } from '../support/eventually.js';
import { FakeRegistry } from '../support/fake-registry.js';
import type { Fault } from '../support/fake-reply.js';
import { content, noise, OCI_LAYER } from '../support/images.js';
import { ManualClock } from '../support/manual-clock.js';
import { collect, failsWith, openUpstream, serve } from './support.js';

const REPOSITORY = 'team/app';
/** Six pieces, the last of them of 17 bytes. */
const LARGE = content(noise('large', 5 * PIECE + 17), OCI_LAYER);
const SMALL = content(noise('small', 1000), OCI_LAYER);

const ask = (options: Partial<BlobCall> = {}): BlobCall => ({
  signal: new AbortController().signal,
  priority: () => 'live',
  ...options,
});

/** The Range header of one piece of the large blob from `offset` on. Of the first, the blob's end is not known yet. */
const piece = (index: number, offset = 0) => {
  const start = offset + index * PIECE;
  return `bytes=${start}-${Math.min(start + PIECE, index === 0 ? Infinity : LARGE.size) - 1}`;
};

async function scene(t: TestContext, options: Partial<UpstreamOptions> = {}) {
  const registry = await FakeRegistry.start(t);
  for (const blob of [LARGE, SMALL]) registry.addBlob(REPOSITORY, blob);
  const upstream = openUpstream(t, registry.url, { connectionsPerBlob: 3, ...options });
  const blob = async ({ digest } = LARGE, call: Partial<BlobCall> = {}) => {
    const body = await upstream.blob(REPOSITORY, digest, ask(call));
    assert.ok(body);
    return body;
  };
  /** The ranges that were asked for since this was called last, sorted. */
  const ranges = () => {
    const asked = registry.requests.map(({ range }) => range);
    registry.forgetRequests();
    return asked.sort((a, b) => Number(/\d+/.exec(a ?? '')?.[0]) - Number(/\d+/.exec(b ?? '')?.[0]));
  };
  const idle = () => eventually(() => upstream.bodies().active === 0, 'every slot is free');
  return { registry, upstream, blob, ranges, idle };
}

/** What comes before the failure, and the failure. */
async function upToFailure(
  bytes: AsyncIterable<Buffer>,
): Promise<{ readonly came: Buffer; readonly failure: unknown }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of bytes) chunks.push(chunk);
  } catch (failure) {
    return { came: Buffer.concat(chunks), failure };
  }
  throw new Error('it did not fail');
}

const isBeginning = (came: Buffer) => assert.ok(came.equals(LARGE.bytes.subarray(0, came.length)), 'in order, no gap');

describe('a blob over several connections', () => {
  it('comes in order, also when its pieces do not', async (t) => {
    const { registry, blob, ranges, idle } = await scene(t);
    const held = registry.hold({ ranged: piece(1) });
    const reading = blob().then(({ bytes }) => collect(bytes));
    const sent = (index: number) => registry.seen({ ranged: piece(index) })[0]?.sentBytes === PIECE;
    await eventually(() => sent(0) && sent(2), 'the third piece is here');
    await held.reached;
    held.open();
    assert.ok((await reading).equals(LARGE.bytes));
    assert.deepEqual(
      ranges(),
      [0, 1, 2, 3, 4, 5].map((index) => piece(index)),
      'each byte is asked for once',
    );
    await idle();
  });

  it('tells its size and, once for all pieces, that upstream answered; each byte is counted once', async (t) => {
    const { blob } = await scene(t);
    const count = { answered: 0, received: 0 };
    const meter: Meter = { answered: () => count.answered++, received: (bytes) => (count.received += bytes) };
    const body = await blob(LARGE, { meter });
    assert.deepEqual([body.size, body.public, count.answered], [LARGE.size, false, 1]);
    await collect(body.bytes);
    assert.deepEqual(count, { answered: 1, received: LARGE.size });
  });

  it('goes on from an offset', async (t) => {
    const { blob, ranges } = await scene(t);
    const offset = 2 * PIECE + 5;
    const body = await blob(LARGE, { offset });
    assert.equal(body.size, LARGE.size);
    assert.ok((await collect(body.bytes)).equals(LARGE.bytes.subarray(offset)));
    assert.deepEqual(
      ranges(),
      [0, 1, 2, 3].map((index) => piece(index, offset)),
    );
  });

  it('uses at most as many connections as it may', async (t) => {
    const { registry, upstream, blob } = await scene(t, { maxConnections: 16 });
    const gate = registry.hold({ at: 'headers', skip: 1 });
    const reading = blob().then(({ bytes }) => collect(bytes));
    await eventually(() => gate.arrivals() === 3, 'three are open, the first one again');
    await sleep(100);
    assert.deepEqual([gate.arrivals(), upstream.bodies().active], [3, 3]);
    gate.open();
    assert.ok((await reading).equals(LARGE.bytes));
    assert.ok(registry.connections <= 3, `${registry.connections} connections`);
  });

  it('holds no more than a piece a connection when nobody reads, and then no slot but its own', async (t) => {
    const { registry, upstream, blob } = await scene(t);
    let received = 0;
    const body = await blob(LARGE, { meter: { answered: () => undefined, received: (bytes) => (received += bytes) } });
    const chunks = body.bytes[Symbol.asyncIterator]();
    const first = (await chunks.next()).value as Buffer;
    await eventually(() => received === 3 * PIECE, 'three pieces are here');
    await sleep(100);
    assert.deepEqual([received, registry.requests.length, upstream.bodies().active], [3 * PIECE, 3, 1]);
    const rest = await collect({ [Symbol.asyncIterator]: () => chunks });
    assert.ok(Buffer.concat([first, rest]).equals(LARGE.bytes));
  });

  it('shares what may be held with the other blobs', async (t) => {
    const { upstream, blob, idle } = await scene(t, { maxConnections: 3 });
    let received = 0;
    const meter: Meter = { answered: () => undefined, received: (bytes) => (received += bytes) };
    const bodies = [await blob(LARGE, { meter }), await blob(LARGE, { meter })];
    const readers = bodies.map(({ bytes }) => bytes[Symbol.asyncIterator]());
    for (const reader of readers) await reader.next();
    await eventually(() => received >= 5 * PIECE, 'one piece for each, and three ahead');
    await sleep(100);
    assert.deepEqual([received, upstream.bodies().active], [5 * PIECE, 2]);
    bodies[0]!.destroy();
    const rest = await collect({ [Symbol.asyncIterator]: () => readers[1]! });
    assert.ok(rest.equals(LARGE.bytes.subarray(-rest.length)));
    await idle();
    received = 0;
    await blob(LARGE, { meter }).then(({ bytes }) => bytes[Symbol.asyncIterator]().next());
    await eventually(() => received === 3 * PIECE, 'all of it was given back');
  });

  for (const [size, requests] of [
    // The registry answers 416 to a range of nothing, and is then asked without one.
    [0, 2],
    [1, 1],
    [PIECE, 1],
    [PIECE + 1, 2],
    [3 * PIECE, 3],
  ] as const) {
    it(`is ${requests} requests when it has ${size} bytes`, async (t) => {
      const { registry, blob, idle } = await scene(t);
      const sized = content(noise('sized', size), OCI_LAYER);
      registry.addBlob(REPOSITORY, sized);
      assert.ok((await collect((await blob(sized)).bytes)).equals(sized.bytes));
      assert.equal(registry.requests.length, requests);
      await idle();
    });
  }

  for (const [what, options, call, range] of [
    ['not configured so', { connectionsPerBlob: 1 }, {}, undefined],
    ['at a client’s pace', {}, { paced: true }, undefined],
    ['of which a client wants a range', {}, { offset: 0, end: 3 * PIECE }, `bytes=0-${3 * PIECE - 1}`],
  ] as const) {
    it(`is none when it is ${what}`, async (t) => {
      const { blob, ranges } = await scene(t, options);
      await collect((await blob(LARGE, call)).bytes);
      assert.deepEqual(ranges(), [range]);
    });
  }
});

describe('an upstream that does not do ranges', () => {
  it('is asked once, and then without a Range for a while', async (t) => {
    const clock = new ManualClock();
    const { registry, blob, ranges, idle } = await scene(t, { clock });
    registry.fail({}, { range: 'ignore' });
    const whole = async () => (await collect((await blob()).bytes)).equals(LARGE.bytes);
    assert.ok(await whole());
    assert.deepEqual(ranges(), [piece(0)]);
    assert.ok(await whole());
    assert.deepEqual(ranges(), [undefined]);
    await clock.advance(10 * 60_000);
    assert.ok(await whole());
    assert.deepEqual(ranges(), [piece(0)]);
    await idle();
  });

  it('is not one that sends a small blob whole', async (t) => {
    const { registry, blob, ranges } = await scene(t);
    registry.fail({ times: 1 }, { range: 'ignore' });
    assert.ok((await collect((await blob(SMALL)).bytes)).equals(SMALL.bytes));
    await collect((await blob(SMALL)).bytes);
    assert.deepEqual(ranges(), [piece(0), piece(0)]);
  });

  it('may refuse them, and is asked again without', async (t) => {
    const { registry, blob, ranges, idle } = await scene(t);
    registry.fail({}, { range: 'refuse' });
    assert.ok((await collect((await blob()).bytes)).equals(LARGE.bytes));
    assert.deepEqual(ranges(), [piece(0), undefined]);
    await idle();
  });

  it('may keep the size to itself, and is asked again without', async (t) => {
    const server = await serve(t, ({ headers: { range } }, response) => {
      if (range === undefined) response.end(SMALL.bytes);
      else response.writeHead(206, { 'content-range': `bytes 0-${SMALL.size - 1}/*` }).end(SMALL.bytes);
    });
    const upstream = openUpstream(t, server.url, { connectionsPerBlob: 3, maxConnections: 1 });
    for (let again = 0; again < 2; again++) {
      const body = await upstream.blob(REPOSITORY, SMALL.digest, ask());
      assert.equal(upstream.bodies().active, 1);
      assert.ok((await collect(body!.bytes)).equals(SMALL.bytes));
    }
    assert.deepEqual(
      server.seen.map(({ headers: { range } }) => range),
      [piece(0), undefined, undefined],
    );
  });
});

describe('a piece that goes wrong', () => {
  it('in its middle ends the body, after all that came before', async (t) => {
    const { registry, blob, idle, ranges } = await scene(t);
    registry.fail({ ranged: piece(1), at: PIECE + 100_000 }, { drop: 'fin' });
    const { came, failure } = await upToFailure((await blob()).bytes);
    assert.equal((failure as AppError).code, 'UPSTREAM_UNREACHABLE');
    assert.equal(came.length, PIECE + 100_000);
    isBeginning(came);
    await idle();
    ranges();
    const rest = await collect((await blob(LARGE, { offset: came.length })).bytes);
    assert.ok(rest.equals(LARGE.bytes.subarray(came.length)));
    assert.equal(ranges()[0], piece(0, came.length), 'it is still fetched in pieces');
  });

  for (const [what, fault] of [
    ['as a whole', { range: 'ignore' }],
    ['by another range', { range: 'shifted' }],
    ['by 416', { range: 'refuse' }],
    ['by 404', { status: 404 }],
    ['by 403', { status: 403 }],
    ['by 429', { status: 429 }],
    ['by 503', { status: 503 }],
    ['by a web page', { html: true }],
    ['with another ETag', { headers: { etag: '"other"' } }],
    ['by a reset', { drop: 'rst' }],
  ] as const satisfies readonly (readonly [string, Fault])[]) {
    it(`being answered ${what} ends the body as a break would; the next is asked for without pieces`, async (t) => {
      const { registry, blob, idle, ranges } = await scene(t);
      registry.fail({}, { headers: { etag: '"one"' } });
      registry.fail({ ranged: piece(1) }, fault);
      const { came, failure } = await upToFailure((await blob()).bytes);
      assert.equal((failure as AppError).code, 'UPSTREAM_UNREACHABLE');
      assert.equal(came.length, PIECE);
      isBeginning(came);
      await idle();
      if ('status' in fault && fault.status === 429) return;
      ranges();
      const rest = await collect((await blob(LARGE, { offset: PIECE })).bytes);
      assert.ok(rest.equals(LARGE.bytes.subarray(PIECE)));
      assert.deepEqual(ranges(), [`bytes=${PIECE}-`]);
    });
  }

  it('because the blob has another size is the same', async (t) => {
    const server = await serve(t, ({ headers: { range } }, response) => {
      const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
      const size = from === '0' ? LARGE.size : LARGE.size + 1;
      const part = LARGE.bytes.subarray(Number(from), Number(to) + 1);
      response.writeHead(206, { 'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${size}` }).end(part);
    });
    const body = await openUpstream(t, server.url, { connectionsPerBlob: 2 }).blob(REPOSITORY, LARGE.digest, ask());
    const { came, failure } = await upToFailure(body!.bytes);
    assert.equal((failure as AppError).code, 'UPSTREAM_UNREACHABLE');
    assert.equal(came.length, PIECE);
  });
});

describe('the connections of a blob', () => {
  for (const [how, end] of [
    ['an abort', (_: { destroy(): void }, stop: AbortController) => stop.abort(new AppError('CANCELLED', 'enough'))],
    ['destroy', (body: { destroy(): void }) => body.destroy()],
  ] as const) {
    for (const moment of ['headers', 'first'] as const) {
      it(`end by ${how}, with their slots, at ${moment}`, async (t) => {
        // Nothing but our own doing may end them.
        const { registry, blob, idle } = await scene(t, { responseTimeout: 60_000 });
        // At `headers` those of the later pieces wait, at `first` that of the first one too.
        const gate = registry.hold({ skip: moment === 'headers' ? 1 : 0, at: moment });
        const stop = new AbortController();
        const body = await blob(LARGE, { signal: stop.signal });
        const reading = upToFailure(body.bytes);
        await eventually(() => gate.arrivals() === 3, 'three are open');
        end(body, stop);
        const { came, failure } = await reading;
        assert.equal((failure as AppError).code, 'CANCELLED');
        assert.ok(came.length >= (moment === 'headers' ? PIECE : 1));
        isBeginning(came);
        await idle();
        await eventually(() => registry.requests.every(({ status }) => status > 0), 'upstream is rid of them');
      });
    }
  }

  it('are not opened when the body is destroyed unread', async (t) => {
    const { registry, blob, upstream } = await scene(t, { responseTimeout: 60_000 });
    registry.hold({ at: 'middle' });
    const body = await blob();
    body.destroy();
    body.destroy();
    assert.equal(upstream.bodies().active, 0);
    await assert.rejects(collect(body.bytes), failsWith('CANCELLED'));
    await eventually(() => registry.requests.every(({ status }) => status > 0), 'upstream is rid of it');
    assert.equal(registry.requests.length, 1);
  });

  it('beside the first are only those that are free', async (t) => {
    const { registry, upstream, blob } = await scene(t, { maxConnections: 1 });
    const gate = registry.hold({ ranged: piece(1) });
    const reading = blob().then(({ bytes }) => collect(bytes));
    await gate.reached;
    const other = blob(SMALL);
    await sleep(50);
    assert.deepEqual([registry.requests.length, upstream.bodies().waiting], [2, 1]);
    gate.open();
    assert.ok((await reading).equals(LARGE.bytes));
    assert.ok((await collect((await other).bytes)).equals(SMALL.bytes), 'it has had its turn');
  });

  it('beside the first are left to a live request at once, and nothing of the blob is lost', async (t) => {
    const { registry, upstream, blob, idle } = await scene(t, { maxConnections: 3 });
    const gates = [1, 2].map((index) => registry.hold({ ranged: piece(index), at: index * PIECE + 70_000 }));
    const reading = blob().then(({ bytes }) => collect(bytes));
    await Promise.all(gates.map(({ reached }) => reached));
    await eventually(() => registry.count({ ranged: piece(3) }) === 1, 'its own connection goes on');
    assert.ok((await collect((await blob(SMALL)).bytes)).equals(SMALL.bytes));
    gates.forEach((gate) => gate.open());
    assert.ok((await reading).equals(LARGE.bytes));
    assert.equal(upstream.bodies().most, 3);
    await idle();
  });

  it('go with the slot of an idle fill', async (t) => {
    const { registry, blob, idle } = await scene(t, { maxConnections: 1 });
    const gate = registry.hold({ ranged: piece(1) });
    let priority: 'live' | 'idle' = 'live';
    const reading = upToFailure((await blob(LARGE, { priority: () => priority })).bytes);
    await gate.reached;
    priority = 'idle';
    assert.ok((await collect((await blob(SMALL)).bytes)).equals(SMALL.bytes));
    const { failure } = await reading;
    assert.equal((failure as AppError).message, 'yielded');
    await idle();
  });
});
