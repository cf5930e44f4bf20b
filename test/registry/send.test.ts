import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { deferred } from '../../src/lib/async.js';
import { systemClock, type Clock } from '../../src/lib/clock.js';
import { isAppError } from '../../src/lib/errors.js';
import { Sender, type Sent } from '../../src/registry/send.js';

const MiB = 1024 * 1024;

/** One answer by `answer`, and the client's side of it. */
async function exchange(t: TestContext, answer: (response: ServerResponse) => void): Promise<IncomingMessage> {
  const server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function* chunksOf(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

function movedByHand(): { readonly clock: Clock; readonly advance: (ms: number) => void } {
  let now = 0;
  let check = (): void => assert.fail('never checked');
  const clock: Clock = { ...systemClock, monotonic: () => now, every: (_ms, fn) => ((check = fn), () => undefined) };
  const advance = (ms: number) => {
    now += ms;
    check();
  };
  return { clock, advance };
}

/** An answer without an end, whose reader has stopped, and as much of which has left as the sockets take. */
async function stalled(t: TestContext) {
  const { clock, advance } = movedByHand();
  const sender = new Sender(clock);
  const chunks = async function* () {
    for (;;) yield await Promise.resolve(Buffer.alloc(MiB));
  };
  const sent = { bytes: 0 };
  let sending = Promise.resolve();
  let cut = false;
  const response = await exchange(t, (to) => {
    sending = sender.send(to, chunks(), () => undefined, sent);
    sending.catch(() => (cut = true));
  });
  response.on('error', () => undefined);
  /** Stops reading, and waits until nothing has left in fifty turns of this process: it is the one that sends. */
  const stop = async (): Promise<void> => {
    response.pause();
    for (let before = sent.bytes, unchanged = 0; unchanged < 50; unchanged++, before = sent.bytes) {
      await systemClock.sleep(4);
      if (sent.bytes !== before) unchanged = 0;
    }
  };
  /** Reads on until something more has left. */
  const readOn = async (): Promise<void> => {
    const before = sent.bytes;
    response.resume();
    while (sent.bytes === before) await systemClock.sleep(1);
  };
  const isCut = async (): Promise<boolean> => {
    await systemClock.sleep(100);
    return cut;
  };
  await stop();
  return { response, sending, advance, stop, readOn, isCut };
}

describe('sending a body', () => {
  it('gives every byte once, also when a slow reader gets smaller pieces in the middle of a chunk', async (t) => {
    // Each look at the clock is half a minute later, so every write looks slow.
    let now = 0;
    const slow: Clock = { ...systemClock, monotonic: () => (now += 30_000), every: () => () => undefined };
    const chunks = [randomBytes(MiB), randomBytes(300_000), randomBytes(1)];
    const response = await exchange(
      t,
      (to) => void new Sender(slow).send(to, chunksOf(...chunks), () => undefined, { bytes: 0 }),
    );
    const received: Buffer[] = [];
    for await (const chunk of response) received.push(chunk as Buffer);
    assert.deepEqual(Buffer.concat(received), Buffer.concat(chunks));
  });

  it('cuts a reader that does not read, once its time is over', async (t) => {
    const { response, sending, advance, isCut } = await stalled(t);
    advance(1000_000);
    assert.equal(await isCut(), false, 'at 1 KiB a second it would still read its chunk');
    advance(100_000);
    await assert.rejects(sending, (error) => isAppError(error, 'CANCELLED'));
    const closed = new Promise((resolve) => response.once('close', resolve));
    response.resume();
    await closed;
    assert.equal(response.complete, false);
  });

  it('gives one that was slow once little pieces, and half a minute for each', async (t) => {
    const { sending, advance, stop, readOn, isCut } = await stalled(t);
    advance(60_000);
    await readOn();
    await stop();
    advance(29_000);
    assert.equal(await isCut(), false, 'it still has time');
    advance(2000);
    await assert.rejects(sending, (error) => isAppError(error, 'CANCELLED'));
  });

  it('writes the head with the first byte, so that a failure before it can still be an error', async (t) => {
    const broken = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('no first byte')) }) };
    const response = await exchange(t, (to) => {
      new Sender(systemClock)
        .send(to, broken, () => to.writeHead(200), { bytes: 0 })
        .catch(() => {
          to.writeHead(502);
          to.end();
        });
    });
    assert.equal(response.statusCode, 502);
  });

  it('lets others have their turn while a socket takes all it is given', async (t) => {
    const bodies = 64;
    const chunks = Array.from({ length: 64 }, () => Buffer.alloc(64 * 1024));
    // A response that takes everything at once, as long as nobody else is heard.
    const greedy = () =>
      Object.assign(new EventEmitter(), {
        ...{ destroyed: false, end: (done: () => void) => done() },
        write: (_bytes: Buffer, done: () => void) => process.nextTick(done),
      }) as unknown as ServerResponse;
    const sender = new Sender(systemClock);
    t.after(() => sender.close());
    let turns = 0;
    let over = false;
    const sending = Promise.all(
      Array.from({ length: bodies }, () => sender.send(greedy(), chunks, () => undefined, { bytes: 0 })),
    ).then(() => (over = true));
    for (; !over; turns++) await nextTurn();
    await sending;
    // 256 MiB, of which 32 leave in a turn.
    assert.ok(turns >= 7, `${turns} turns`);
  });

  it('listens to a response once, however many chunks it gets', async (t) => {
    let listeners = 0;
    let sending: Promise<void> | undefined;
    const chunks = Array.from({ length: 5 }, () => Buffer.alloc(1000));
    const response = await exchange(t, (to) => {
      to.on('newListener', (name) => (listeners += name === 'close' ? 1 : 0));
      sending = new Sender(systemClock).send(to, chunksOf(...chunks), () => undefined, { bytes: 0 });
    });
    await buffer(response);
    await sending;
    assert.equal(listeners, 2, 'for all that is written, and for the end');
  });

  it('stops reading the source when the client leaves', async (t) => {
    let ended = false;
    const source = async function* () {
      try {
        for (;;) yield await Promise.resolve(Buffer.alloc(MiB));
      } finally {
        ended = true;
      }
    };
    let sending: Promise<void> | undefined;
    const response = await exchange(t, (to) => {
      sending = new Sender(systemClock).send(to, source(), () => undefined, { bytes: 0 });
    });
    response.destroy();
    await assert.rejects(sending!, (error) => isAppError(error, 'CANCELLED'));
    assert.ok(ended);
  });

  it('gives nothing to a client that leaves before the end of the turn', async (t) => {
    const answered = deferred<Sent>();
    const server = createServer((_request, response) => {
      const sent = { bytes: 0 };
      // What is then not written is an error of the one who writes.
      response.strictContentLength = true;
      response.writeHead(200, { 'Content-Length': 5 });
      new Sender(systemClock).sendWhole(response, Buffer.from('12345'), sent).then(
        () => answered.resolve(sent),
        (error: unknown) => answered.reject(error),
      );
      response.destroy();
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).on('error', () => undefined);
    assert.deepEqual(await answered.promise, { bytes: 0 });
  });

  it('lets the short answers of one turn of the event loop leave together', async (t) => {
    const sender = new Sender(systemClock);
    t.after(() => sender.close());
    const waiting: ServerResponse[] = [];
    const both = deferred<undefined>();
    const onRequest = (response: ServerResponse) => {
      if (waiting.push(response) === 2) both.resolve(undefined);
    };
    const asked = [exchange(t, onRequest), exchange(t, onRequest)];
    await both.promise;
    const sent = { bytes: 0 };
    const first = sender.sendWhole(waiting[0]!, Buffer.from('a'), sent);
    await Promise.resolve();
    assert.equal(waiting[0]!.writableEnded, false, 'what comes in this turn may still join it');
    const second = sender.sendWhole(waiting[1]!, Buffer.from('b'), sent);
    await first;
    assert.deepEqual(
      waiting.map(({ writableEnded }) => writableEnded),
      [true, true],
    );
    await second;
    const bodies = await Promise.all((await Promise.all(asked)).map((response) => text(response)));
    assert.deepEqual(bodies.sort(), ['a', 'b']);
  });
});
