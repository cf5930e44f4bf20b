import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { AppError } from '../../src/lib/errors.js';
import { digestOf } from '../../src/oci/digest.js';
import { OCI_IMAGE } from '../../src/oci/media-types.js';
import { parseTag } from '../../src/oci/reference.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { call, collect, failsWith, listen, openUpstream, serve } from './support.js';

const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config: {}, layers: [] }));
const digest = digestOf(manifest);
const latest = parseTag('latest');
const headers = { 'content-type': OCI_IMAGE, 'content-length': manifest.length };
const resolving = (...addresses: string[]) => {
  const asked: string[] = [];
  const lookup = (hostname: string): Promise<LookupAddress[]> => {
    asked.push(hostname);
    const next = addresses.length > 1 ? addresses.shift() : addresses[0];
    return Promise.resolve([{ address: next!, family: 4 }]);
  };
  return { lookup, asked };
};

/** A TCP server that says exactly what the test wants. */
async function raw(t: TestContext, onRequest: (socket: Socket, text: string, nth: number) => void) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const nth = sockets.length;
    socket.on('error', () => undefined).on('data', (data) => onRequest(socket, data.toString('latin1'), nth));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, port, sockets };
}

const answer = (body: Buffer): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${OCI_IMAGE}\r\nContent-Length: ${body.length}\r\n\r\n${body.toString('latin1')}`;

describe('time limits', () => {
  it('end a connection that is not made', async (t) => {
    const clock = new ManualClock();
    // Names resolve for ever: nothing is connected to.
    const upstream = openUpstream(t, 'http://example.com', {
      clock,
      connectTimeout: 3000,
      lookup: () => new Promise(() => undefined),
    });
    const asking = assert.rejects(upstream.manifest('a/b', latest, call()), failsWith('UPSTREAM_TIMEOUT'));
    await clock.advance(2999);
    await clock.advance(1);
    await asking;
  });

  it('end a request that is not answered, counted from when it was sent', async (t) => {
    const clock = new ManualClock();
    const server = await serve(t, () => undefined);
    const upstream = openUpstream(t, server.url, { clock, connectTimeout: 3000, responseTimeout: 5000 });
    let over = false;
    const asking = assert
      .rejects(upstream.manifest('a/b', latest, call()), failsWith('UPSTREAM_TIMEOUT'))
      .then(() => (over = true));
    await eventually(() => server.seen.length === 1, 'the request arrived');
    await clock.advance(4000);
    assert.equal(over, false, 'connecting and answering have a limit each');
    await clock.advance(1000);
    await asking;
  });

  it('leave no timer behind', async (t) => {
    const clock = new ManualClock();
    const server = await serve(t, (_, response) => response.writeHead(200, headers).end(manifest));
    await openUpstream(t, server.url, { clock }).manifest('a/b', latest, call(1000));
    assert.equal(clock.waiting, 0);
  });
});

describe('a connection', () => {
  it('is used again for metadata, and another one for bodies', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(200, headers).end(manifest));
    const upstream = openUpstream(t, server.url);
    for (let again = 0; again < 10; again++) await upstream.manifest('a/b', latest, call());
    const before = server.connections();
    assert.ok(before <= 2, `${before} connections`);
    const body = await upstream.blob('a/b', digest, { ...call(), priority: () => 'live' });
    await collect(body!.bytes);
    assert.equal(server.connections(), before + 1);
  });

  it('that upstream closed just now is no failure: a fresh one is taken, once', async (t) => {
    const server = await raw(t, (socket, _, nth) => {
      if (nth === 1 && socket.bytesWritten > 0) socket.resetAndDestroy();
      else socket.write(answer(manifest), 'latin1');
    });
    const upstream = openUpstream(t, server.url);
    assert.ok(await upstream.manifest('a/b', latest, call()));
    assert.ok(await upstream.manifest('a/b', latest, call()));
    assert.equal(server.sockets.length, 2);
  });

  it('that is always reset is UPSTREAM_UNREACHABLE after the second', async (t) => {
    const server = await raw(t, (socket) => void socket.resetAndDestroy());
    await assert.rejects(
      openUpstream(t, server.url).manifest('a/b', latest, call()),
      failsWith('UPSTREAM_UNREACHABLE'),
    );
    assert.equal(server.sockets.length, 2);
  });

  it('with an answer that nobody asked for poisons no tag', async (t) => {
    const poison = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config: {}, layers: [], poison: true }),
    );
    const server = await raw(t, (socket) => socket.write(answer(manifest), 'latin1'));
    const upstream = openUpstream(t, server.url);
    await upstream.manifest('a/b', latest, call());
    server.sockets[0]!.write(answer(poison), 'latin1');
    await eventually(
      () => server.sockets[0]!.destroyed || server.sockets[0]!.readableEnded,
      'the connection was given up',
    );
    assert.deepEqual((await upstream.manifest('a/b', latest, call()))?.bytes, manifest);
  });

  it('to a closed port or an unknown name is UPSTREAM_UNREACHABLE', async (t) => {
    const lookup = () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }));
    await assert.rejects(
      openUpstream(t, 'http://127.0.0.1:1').manifest('a', latest, call()),
      failsWith('UPSTREAM_UNREACHABLE'),
    );
    await assert.rejects(
      openUpstream(t, 'http://nowhere.example', { lookup }).manifest('a', latest, call()),
      failsWith('UPSTREAM_UNREACHABLE'),
    );
  });

  it('that speaks no HTTP is UPSTREAM_INVALID', async (t) => {
    const server = await raw(t, (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
    await assert.rejects(openUpstream(t, server.url).manifest('a', latest, call()), failsWith('UPSTREAM_INVALID'));
  });

  it('is not made any more once the upstream is closed', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(200, headers).end(manifest));
    const upstream = openUpstream(t, server.url);
    await upstream.close();
    await assert.rejects(upstream.manifest('a/b', latest, call()), failsWith('DRAINING'));
    assert.equal(server.connections(), 0);
  });
});

describe('the address that is connected to', () => {
  it('is the one that was checked: a name that then resolves elsewhere gains nothing', async (t) => {
    const canary = await serve(t, (_, response) => response.writeHead(200, headers).end(manifest));
    for (const addresses of [['127.0.0.2'], ['127.0.0.2', '8.8.8.8'], ['::ffff:127.0.0.2']]) {
      const { lookup, asked } = resolving(...addresses);
      const upstream = openUpstream(t, `http://example.com:${canary.port}`, {
        lookup,
        allowNetworks: ['127.0.0.1/32'],
      });
      await assert.rejects(upstream.manifest('a/b', latest, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
      assert.deepEqual(asked, ['example.com'], 'one lookup, and its answer is what counts');
    }
    const { lookup, asked } = resolving('127.0.0.1', '169.254.169.254');
    const upstream = openUpstream(t, `http://example.com:${canary.port}`, { lookup, allowNetworks: ['127.0.0.1/32'] });
    assert.ok(await upstream.manifest('a/b', latest, call()));
    assert.deepEqual(asked, ['example.com']);
    assert.equal(canary.seen[0]!.headers.host, `example.com:${canary.port}`);
  });

  it('is never our own listener', async (t) => {
    const own = await serve(t, (_, response) => response.writeHead(200, headers).end(manifest));
    const { lookup } = resolving('127.0.0.1');
    for (const url of [own.url, `http://example.com:${own.port}`]) {
      const upstream = openUpstream(t, url, { lookup, ownListeners: () => [{ address: '0.0.0.0', port: own.port }] });
      await assert.rejects(upstream.manifest('a/b', latest, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
    }
    assert.equal(own.connections(), 0);
  });

  it('is public by default', async (t) => {
    const canary = await serve(t, (_, response) => response.writeHead(200, headers).end(manifest));
    const upstream = openUpstream(t, canary.url, { allowNetworks: [] });
    await assert.rejects(upstream.manifest('a/b', latest, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
    assert.equal(canary.connections(), 0);
  });
});

describe('an outbound proxy', () => {
  /** A proxy that tunnels everything to one place. */
  async function tunnel(t: TestContext, port: number) {
    const asked: { target: string; authorization: string | undefined }[] = [];
    const server = createHttpServer();
    server.on('connect', ({ url, headers: sent }, client: Socket) => {
      asked.push({ target: url ?? '', authorization: sent['proxy-authorization'] });
      const there = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      there.on('error', () => client.destroy());
      client.on('error', () => there.destroy());
      there.pipe(client).pipe(there);
    });
    return { ...(await listen(t, server)), asked };
  }

  it('is given the name to resolve, with its own login', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(200, headers).end(manifest));
    const proxy = await tunnel(t, server.port);
    const upstream = openUpstream(t, 'http://example.com', {
      proxy: `http://user:pw@127.0.0.1:${proxy.port}`,
      allowNetworks: [],
    });
    const found = await upstream.manifest('a/b', latest, call());
    assert.deepEqual(found?.bytes, manifest);
    assert.equal(found.public, false, 'nobody knows where the proxy went');
    assert.deepEqual(proxy.asked, [
      { target: 'example.com:80', authorization: `Basic ${Buffer.from('user:pw').toString('base64')}` },
    ]);
  });

  it('is not asked for an address that is forbidden', async (t) => {
    const proxy = await tunnel(t, 9);
    const upstream = openUpstream(t, 'http://169.254.169.254', { env: { HTTP_PROXY: proxy.url } });
    await assert.rejects(upstream.manifest('a/b', latest, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
    assert.equal(proxy.connections(), 0);
  });

  it('that is silent or refuses fails without telling its password', async (t) => {
    const clock = new ManualClock();
    const silent = await raw(t, () => undefined);
    const upstream = openUpstream(t, 'http://example.com', {
      proxy: `http://u:hunter2@127.0.0.1:${silent.port}`,
      clock,
      connectTimeout: 1000,
    });
    const asking = assert.rejects(upstream.manifest('a/b', latest, call()), failsWith('UPSTREAM_TIMEOUT', 'hunter2'));
    await eventually(() => silent.sockets.length > 0, 'the proxy was asked');
    await clock.advance(1000);
    await asking;

    const refusing = await raw(t, (socket) =>
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'),
    );
    const refused = openUpstream(t, 'http://example.com', { proxy: `http://u:hunter2@127.0.0.1:${refusing.port}` });
    await assert.rejects(refused.manifest('a/b', latest, call()), failsWith('UPSTREAM_UNREACHABLE', 'hunter2'));
  });
});

describe('a caller that leaves', () => {
  it('gets its own reason, whatever the request was at', async (t) => {
    const reason = new AppError('CANCELLED', 'left');
    const silent = await serve(t, () => undefined);
    const stuck = openUpstream(t, 'http://example.com', { lookup: () => new Promise(() => undefined) });
    const slow = openUpstream(t, silent.url);
    for (const upstream of [stuck, slow]) {
      const stop = new AbortController();
      const asking = assert.rejects(upstream.manifest('a/b', latest, { signal: stop.signal }), reason);
      if (upstream === slow) await eventually(() => silent.seen.length === 1, 'the request arrived');
      stop.abort(reason);
      await asking;
      await assert.rejects(upstream.manifest('a/b', latest, { signal: stop.signal }), reason);
      assert.equal(upstream.status().breaker, 'closed');
    }
  });
});
