import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { AppError } from '../../src/lib/errors.js';
import { digestOf } from '../../src/oci/digest.js';
import type { BlobCall, Priority } from '../../src/upstream/upstream.js';
import { ManualClock } from '../support/manual-clock.js';
import { collect, failsWith, openUpstream, serve, type Handler } from './support.js';

const blob = randomBytes(300_000);
const digest = digestOf(blob);
const ask = (options: Partial<BlobCall> = {}): BlobCall => ({
  signal: new AbortController().signal,
  priority: () => 'live',
  ...options,
});

/** Honours ranges as a good registry does. */
const good: Handler = ({ headers: { range } }, response) => {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  if (from === undefined) {
    response.writeHead(200, { 'content-length': blob.length }).end(blob);
    return;
  }
  const last = Math.min(to === undefined || to === '' ? Infinity : Number(to), blob.length - 1);
  if (Number(from) > last) {
    response.writeHead(416).end();
    return;
  }
  const part = blob.subarray(Number(from), last + 1);
  response
    .writeHead(206, { 'content-length': part.length, 'content-range': `bytes ${from}-${last}/${blob.length}` })
    .end(part);
};

const ignoresRanges: Handler = (_, response) => response.writeHead(200, { 'content-length': blob.length }).end(blob);

describe('a blob', () => {
  it('comes whole, with its size', async (t) => {
    const server = await serve(t, good);
    const body = await openUpstream(t, server.url).blob('a/b', digest, ask());
    assert.equal(body?.size, blob.length);
    assert.equal(body.public, false);
    assert.deepEqual(await collect(body.bytes), blob);
    assert.equal(server.seen[0]!.url, `/v2/a/b/blobs/${digest}`);
    assert.equal(server.seen[0]!.headers.range, undefined);
  });

  for (const [what, handler] of [
    ['honours ranges', good],
    ['ignores ranges', ignoresRanges],
  ] as const) {
    it(`comes from an offset on, also to an end, where upstream ${what}`, async (t) => {
      const server = await serve(t, handler);
      const upstream = openUpstream(t, server.url);
      for (const [offset, end] of [
        [1, undefined],
        [200_000, undefined],
        [0, 10],
        [100_000, 100_001],
        [65_536, 250_000],
        [299_999, 300_000],
      ] as const) {
        const body = await upstream.blob('a/b', digest, ask({ offset, ...(end !== undefined && { end }) }));
        assert.equal(body?.size, blob.length);
        assert.deepEqual(await collect(body.bytes), blob.subarray(offset, end), `${offset}-${end}`);
      }
    });
  }

  it('is absent where upstream has none, and the slot is free again', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(404).end());
    const upstream = openUpstream(t, server.url, { maxConnections: 1 });
    for (let again = 0; again < 3; again++) assert.equal(await upstream.blob('a/b', digest, ask()), undefined);
  });

  it('may be of unknown size', async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(blob),
    );
    const body = await openUpstream(t, server.url).blob('a/b', digest, ask({ offset: 5 }));
    assert.ok(body);
    assert.equal(body.size, undefined);
    assert.deepEqual(await collect(body.bytes), blob.subarray(5));
  });

  it('may be JSON', async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"os":"linux"}'),
    );
    const body = await openUpstream(t, server.url).blob('a/b', digest, ask());
    assert.equal((await collect(body!.bytes)).toString(), '{"os":"linux"}');
  });

  it('is not an error document dressed up as one', async (t) => {
    const server = await serve(t, (_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
        .end('{"errors":[{"code":"UNKNOWN"}]}'),
    );
    const body = await openUpstream(t, server.url).blob('a/b', digest, ask());
    await assert.rejects(collect(body!.bytes), failsWith('UPSTREAM_INVALID'));
  });

  for (const [what, code, status, headers] of [
    ['a web page', 'UPSTREAM_INVALID', 200, { 'content-type': 'text/html' }],
    ['gzip', 'UPSTREAM_INVALID', 200, { 'content-encoding': 'gzip' }],
    ['brotli', 'UPSTREAM_INVALID', 200, { 'content-encoding': 'br' }],
    ['another range', 'UPSTREAM_INVALID', 206, { 'content-range': 'bytes 0-9/300000' }],
    ['a range that begins too early', 'UPSTREAM_INVALID', 206, { 'content-range': 'bytes 50-199/300000' }],
    ['a range without Content-Range', 'UPSTREAM_INVALID', 206, {}],
    ['several ranges at once', 'UPSTREAM_INVALID', 206, { 'content-type': 'multipart/byteranges; boundary=x' }],
    ['a range beyond what was asked for', 'UPSTREAM_INVALID', 206, { 'content-range': 'bytes 100-250/300000' }],
    ['416', 'RANGE_INVALID', 416, {}],
    ['a blob shorter than the offset', 'RANGE_INVALID', 200, { 'content-length': '10' }],
    ['403', 'DENIED', 403, {}],
    ['429', 'UPSTREAM_RATE_LIMITED', 429, {}],
    ['503', 'UPSTREAM_UNAVAILABLE', 503, {}],
  ] as const) {
    it(`is refused when upstream sends ${what}, and the slot is free again`, async (t) => {
      const server = await serve(t, (_, response) => response.writeHead(status, headers).end('0123456789'));
      const upstream = openUpstream(t, server.url, { maxConnections: 1 });
      for (let again = 0; again < 3; again++) {
        await assert.rejects(upstream.blob('a/b', digest, ask({ offset: 100, end: 200 })), failsWith(code));
      }
    });
  }
});

describe('a transfer that goes wrong', () => {
  it('throws when upstream closes before the announced length, after the bytes that came', async (t) => {
    const server = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 1000), () => response.destroy());
    });
    const body = await openUpstream(t, server.url).blob('a/b', digest, ask());
    let received = 0;
    await assert.rejects(async () => {
      for await (const chunk of body!.bytes) received += chunk.length;
    }, failsWith('UPSTREAM_UNREACHABLE'));
    assert.equal(received, 1000);
  });

  it('throws when a range ends cleanly but early', async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(206, { 'content-range': `bytes 100-199/${blob.length}` }).end(blob.subarray(100, 200)),
    );
    const body = await openUpstream(t, server.url).blob('a/b', digest, ask({ offset: 100 }));
    await assert.rejects(collect(body!.bytes), failsWith('UPSTREAM_UNREACHABLE'));
  });

  it('throws when upstream falls silent', async (t) => {
    const clock = new ManualClock();
    const server = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 1000));
    });
    const body = await openUpstream(t, server.url, { clock, responseTimeout: 5000 }).blob('a/b', digest, ask());
    const chunks = body!.bytes[Symbol.asyncIterator]();
    assert.equal(((await chunks.next()).value as Buffer).length, 1000);
    const next = assert.rejects(chunks.next(), failsWith('UPSTREAM_TIMEOUT'));
    await clock.advance(7000);
    await next;
  });

  it('throws what the caller aborts with, and destroy frees the slot', async (t) => {
    const server = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 1000));
    });
    const upstream = openUpstream(t, server.url, { maxConnections: 1 });
    const stop = new AbortController();
    const reason = new AppError('CANCELLED', 'enough');
    const body = await upstream.blob('a/b', digest, ask({ signal: stop.signal }));
    const chunks = body!.bytes[Symbol.asyncIterator]();
    await chunks.next();
    const next = chunks.next();
    stop.abort(reason);
    await assert.rejects(next, reason);

    const second = await upstream.blob('a/b', digest, ask());
    second!.destroy();
    second!.destroy();
    const third = await upstream.blob('a/b', digest, ask());
    third!.destroy();
    await assert.rejects(collect(third!.bytes), failsWith('CANCELLED'));
  });
});

describe('the slots for bodies', () => {
  it('are never more than maxConnections at once, whatever metadata does', async (t) => {
    let open = 0;
    let most = 0;
    const server = await serve(t, ({ url, method }, response) => {
      if (!url.includes('/blobs/') || method === 'HEAD') {
        response.writeHead(200, { 'content-length': 1 }).end();
        return;
      }
      most = Math.max(most, ++open);
      response.writeHead(200, { 'content-length': 3 });
      response.write('a');
      setImmediate(() => {
        open--;
        response.end('bc');
      });
    });
    const upstream = openUpstream(t, server.url, { maxConnections: 2 });
    const bodies = Array.from({ length: 20 }, async () => {
      const body = await upstream.blob('a/b', digest, ask());
      assert.equal((await collect(body!.bytes)).toString(), 'abc');
    });
    const heads = Array.from({ length: 20 }, () => upstream.statBlob('a/b', digest, ask()));
    await Promise.all([...bodies, ...heads]);
    assert.ok(most <= 2, `${most} at once`);
  });

  it('are taken back from an idle fill when a live request waits', async (t) => {
    const server = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 1000));
    });
    const upstream = openUpstream(t, server.url, { maxConnections: 1 });
    let priority: Priority = 'live';
    const first = await upstream.blob('a/b', digest, ask({ priority: () => priority }));
    const reading = collect(first!.bytes);
    reading.catch(() => undefined);
    priority = 'idle';
    const second = await upstream.blob('a/b', digest, ask());
    await assert.rejects(reading, { code: 'CANCELLED', message: 'yielded' });
    second!.destroy();
  });
});
