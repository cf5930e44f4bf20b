import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '../../src/lib/secret.js';
import { digestOf } from '../../src/oci/digest.js';
import { collect, failsWith, openUpstream, serve, type TestServer } from './support.js';

const bytes = Buffer.from('the bytes of a blob');
const digest = digestOf(bytes);
const signature = 'X-Amz-Signature=abcdef';
const ask = () => ({ signal: new AbortController().signal, priority: () => 'live' as const });
const auth = { type: 'basic', username: 'alice', password: Secret.of('hunter2') } as const;

describe('a redirect', () => {
  it('is followed, elsewhere without Authorization and at home with it', async (t) => {
    const cdn = await serve(t, (_, response) => response.writeHead(200).end(bytes));
    const server: TestServer = await serve(t, ({ url, headers: { authorization } }, response) => {
      if (authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else if (url.startsWith('/elsewhere')) response.writeHead(307, { location: `${cdn.url}/x?${signature}` }).end();
      else response.writeHead(302, { location: '/elsewhere' }).end();
    });
    const body = await openUpstream(t, server.url, { auth }).blob('a/b', digest, ask());
    assert.deepEqual(await collect(body!.bytes), bytes);
    assert.deepEqual(
      server.seen.map(({ url, headers: { authorization } }) => `${url} ${authorization !== undefined}`),
      ['/v2/ false', `/v2/a/b/blobs/${digest} true`, '/elsewhere true'],
    );
    assert.equal(cdn.seen[0]!.url, `/x?${signature}`);
    assert.equal(cdn.seen[0]!.headers.authorization, undefined);
    assert.equal(cdn.seen[0]!.headers.cookie, undefined);
  });

  it('keeps the Range', async (t) => {
    const cdn = await serve(t, (_, response) =>
      response
        .writeHead(206, { 'content-range': `bytes 4-${bytes.length - 1}/${bytes.length}` })
        .end(bytes.subarray(4)),
    );
    const server = await serve(t, (_, response) => response.writeHead(307, { location: `${cdn.url}/x` }).end());
    const body = await openUpstream(t, server.url).blob('a/b', digest, { ...ask(), offset: 4 });
    assert.deepEqual(await collect(body!.bytes), bytes.subarray(4));
    assert.equal(cdn.seen[0]!.headers.range, 'bytes=4-');
  });

  it('to a signed URL that has expired is resolved once more', async (t) => {
    let resolved = 0;
    const cdn = await serve(t, ({ url }, response) => response.writeHead(url === '/2' ? 200 : 403).end(bytes));
    const server = await serve(t, (_, response) =>
      response.writeHead(307, { location: `${cdn.url}/${++resolved}` }).end(),
    );
    const body = await openUpstream(t, server.url).blob('a/b', digest, ask());
    assert.deepEqual(await collect(body!.bytes), bytes);
    assert.equal(resolved, 2);
  });

  it('to a URL that stays forbidden is denied after that, without telling its query', async (t) => {
    const cdn = await serve(t, (_, response) => response.writeHead(403).end());
    const server = await serve(t, (_, response) =>
      response.writeHead(307, { location: `${cdn.url}/x?${signature}` }).end(),
    );
    await assert.rejects(openUpstream(t, server.url).blob('a/b', digest, ask()), failsWith('DENIED', signature));
    assert.equal(cdn.seen.length, 2);
  });

  it('asks nobody for a login: a challenge from elsewhere is no reason to send our credential', async (t) => {
    const cdn = await serve(t, (_, response) =>
      response.writeHead(401, { 'www-authenticate': 'Basic realm="evil"' }).end(),
    );
    const server = await serve(t, ({ url }, response) =>
      url === '/v2/' ? response.writeHead(200).end() : response.writeHead(307, { location: `${cdn.url}/x` }).end(),
    );
    await openUpstream(t, server.url, { auth })
      .blob('a/b', digest, ask())
      .catch(() => undefined);
    assert.ok(cdn.seen.length > 0);
    for (const { headers } of [...cdn.seen, ...server.seen]) assert.equal(headers.authorization, undefined);
  });

  it('is followed five times and no more', async (t) => {
    const server: TestServer = await serve(t, ({ url }, response) =>
      response.writeHead(307, { location: `${url}x` }).end(),
    );
    await assert.rejects(openUpstream(t, server.url).blob('a/b', digest, ask()), failsWith('UPSTREAM_INVALID'));
    assert.equal(server.seen.length, 6);
  });

  for (const [what, location, code] of [
    ['to the metadata service of a cloud', 'http://169.254.169.254/latest', 'UPSTREAM_FORBIDDEN_ADDRESS'],
    ['to a private address', 'http://10.0.0.1/x', 'UPSTREAM_FORBIDDEN_ADDRESS'],
    ['to loopback by its IPv6 name', 'http://[::1]:PORT/x', 'UPSTREAM_FORBIDDEN_ADDRESS'],
    ['with a user name', 'http://user:pw@127.0.0.1:PORT/x', 'UPSTREAM_FORBIDDEN_ADDRESS'],
    ['to another protocol', 'file:///etc/passwd', 'UPSTREAM_FORBIDDEN_ADDRESS'],
    ['to nowhere', '', 'UPSTREAM_INVALID'],
    ['to what is no URL', 'http://[', 'UPSTREAM_INVALID'],
  ] as const) {
    it(`${what} is refused`, async (t) => {
      const canary = await serve(t, (_, response) => response.writeHead(200).end(bytes));
      const target = location.replace('PORT', String(canary.port));
      const server = await serve(t, (_, response) => response.writeHead(307, { location: target }).end());
      await assert.rejects(openUpstream(t, server.url).blob('a/b', digest, ask()), failsWith(code, 'pw'));
      assert.equal(canary.connections(), 0);
    });
  }
});
