import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../../src/oci/digest.js';
import { DOCKER_IMAGE, DOCKER_SCHEMA1_SIGNED, OCI_IMAGE, OCI_INDEX } from '../../src/oci/media-types.js';
import { parseTag } from '../../src/oci/reference.js';
import { systemClock } from '../../src/lib/clock.js';
import { ManualClock } from '../support/manual-clock.js';
import { call, failsWith, openUpstream, serve } from './support.js';

const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config: {}, layers: [] }));
const digest = digestOf(manifest);
const latest = parseTag('latest');
const headers = { 'content-type': OCI_IMAGE, 'content-length': manifest.length, 'docker-content-digest': digest };

describe('resolving a reference', () => {
  it('needs no more than a HEAD that says type, length and digest', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(200, headers).end());
    const found = await openUpstream(t, server.url).resolve('a/b', latest, call());
    assert.deepEqual(found, { mediaType: OCI_IMAGE, digest, size: manifest.length });
    assert.deepEqual(
      server.seen.map(({ method, url }) => `${method} ${url}`),
      ['HEAD /v2/a/b/manifests/latest'],
    );
    assert.match(server.seen[0]!.headers.accept!, new RegExp(OCI_INDEX.replaceAll('.', '\\.').replaceAll('+', '\\+')));
    assert.equal(server.seen[0]!.headers['accept-encoding'], 'identity');
    assert.equal(server.seen[0]!.headers.authorization, undefined);
  });

  it('keeps the path that the upstream is configured with', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(200, headers).end());
    await openUpstream(t, `${server.url}/some/proxy/`).resolve('a/b', latest, call());
    assert.equal(server.seen[0]!.url, '/some/proxy/v2/a/b/manifests/latest');
  });

  for (const [what, head] of [
    ['does not do HEAD', { status: 405, headers: {} }],
    ['omits the digest', { status: 200, headers: { ...headers, 'docker-content-digest': '' } }],
    ['names a digest that is none', { status: 200, headers: { ...headers, 'docker-content-digest': 'sha256:x' } }],
    ['omits the type', { status: 200, headers: { ...headers, 'content-type': '' } }],
  ] as const) {
    it(`gets the manifest and computes when upstream ${what}`, async (t) => {
      const server = await serve(t, ({ method }, response) => {
        if (method === 'HEAD') response.writeHead(head.status, head.headers).end();
        else response.writeHead(200, { 'content-type': OCI_IMAGE }).end(manifest);
      });
      const found = await openUpstream(t, server.url).resolve('a/b', latest, call());
      assert.equal(found?.digest, digest);
      assert.equal(found.size, manifest.length);
    });
  }

  it('does not believe a HEAD by digest that names another one', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(200, headers).end(manifest));
    const other = digestOf(Buffer.from('other'));
    await assert.rejects(openUpstream(t, server.url).resolve('a/b', other, call()), failsWith('UPSTREAM_INVALID'));
  });

  for (const status of [404, 401, 410]) {
    it(`finds nothing where upstream answers ${status}`, async (t) => {
      const server = await serve(t, (_, response) => response.writeHead(status).end());
      assert.equal(await openUpstream(t, server.url).resolve('a/b', latest, call()), undefined);
    });
  }

  it('is denied where upstream answers 403', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(403).end('no'));
    await assert.rejects(openUpstream(t, server.url).resolve('a/b', latest, call()), failsWith('DENIED'));
  });
});

describe('getting a manifest', () => {
  for (const said of ['', 'sha256:x', digest]) {
    it(`computes the digest from the bytes where the header says ${said === digest ? 'it' : `"${said}"`}`, async (t) => {
      const server = await serve(t, (_, response) =>
        response
          .writeHead(200, { 'content-type': `${OCI_IMAGE}; charset=utf-8`, 'docker-content-digest': said })
          .end(manifest),
      );
      const found = await openUpstream(t, server.url).manifest('a/b', latest, call());
      assert.equal(found?.digest, digest);
      assert.equal(found.mediaType, OCI_IMAGE);
      assert.deepEqual(found.bytes, manifest);
      assert.equal(found.public, false, 'private networks are open to this upstream');
    });
  }

  it('by tag is checked against the digest that the header names, like one by digest', async (t) => {
    const damaged = Buffer.from(manifest);
    damaged[3]! ^= 1;
    const server = await serve(t, (_, response) => response.writeHead(200, headers).end(damaged));
    await assert.rejects(openUpstream(t, server.url).manifest('a/b', latest, call()), failsWith('UPSTREAM_INVALID'));
  });

  it('by tag may be signed, of schema 1, whose digest is said without the signatures', async (t) => {
    const signed = Buffer.from(JSON.stringify({ schemaVersion: 1, fsLayers: [], signatures: [] }));
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { 'content-type': DOCKER_SCHEMA1_SIGNED, 'docker-content-digest': digest }).end(signed),
    );
    assert.equal((await openUpstream(t, server.url).manifest('a/b', latest, call()))?.digest, digestOf(signed));
  });

  it('verifies by the algorithm of the digest asked for', async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { 'content-type': OCI_IMAGE }).end(manifest),
    );
    const upstream = openUpstream(t, server.url);
    const wanted = digestOf(manifest, 'sha512');
    assert.equal((await upstream.manifest('a/b', wanted, call()))?.digest, wanted);
    await assert.rejects(upstream.manifest('a/b', digestOf(Buffer.from('x')), call()), failsWith('UPSTREAM_INVALID'));
  });

  it('finds the type in the body when the header has a useless one', async (t) => {
    const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: DOCKER_IMAGE, config: {}, layers: [] }));
    const server = await serve(t, (_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end(body));
    assert.equal((await openUpstream(t, server.url).manifest('a/b', latest, call()))?.mediaType, DOCKER_IMAGE);
  });

  for (const [what, status, wrong, body] of [
    ['a web page', 200, { 'content-type': 'text/html; charset=utf-8' }, '<html>'],
    ['a compressed body', 200, { 'content-type': OCI_IMAGE, 'content-encoding': 'gzip' }, 'xx'],
    ['nothing', 200, { 'content-type': OCI_IMAGE }, ''],
    ['4 MiB and one byte', 200, { 'content-type': OCI_IMAGE }, Buffer.alloc(4 * 1024 * 1024 + 1, 32)],
    ['an answer that is neither success nor failure', 300, {}, ''],
  ] as const) {
    it(`refuses ${what}`, async (t) => {
      const server = await serve(t, (_, response) => response.writeHead(status, wrong).end(body));
      await assert.rejects(openUpstream(t, server.url).manifest('a/b', latest, call()), failsWith('UPSTREAM_INVALID'));
    });
  }

  it('refuses a body that ends before its announced length', async (t) => {
    const server = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-type': OCI_IMAGE, 'content-length': manifest.length + 10 });
      response.write(manifest, () => response.destroy());
    });
    await assert.rejects(
      openUpstream(t, server.url).manifest('a/b', latest, call()),
      failsWith('UPSTREAM_UNAVAILABLE'),
    );
  });
});

describe('the size of a blob', () => {
  const path = `/v2/a/b/blobs/${digest}`;

  it('comes from a HEAD', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(200, { 'content-length': 1234 }).end());
    assert.deepEqual(await openUpstream(t, server.url).statBlob('a/b', digest, call()), { size: 1234 });
    assert.deepEqual(
      server.seen.map(({ method, url }) => [method, url]),
      [['HEAD', path]],
    );
  });

  for (const status of [401, 403, 405]) {
    it(`comes from the headers of a GET where HEAD is answered ${status}`, async (t) => {
      const server = await serve(t, ({ method, url }, response) => {
        if (url === '/v2/') response.writeHead(200).end();
        else if (method === 'HEAD') response.writeHead(status).end();
        else response.writeHead(200, { 'content-length': 99 }).write('x');
      });
      assert.deepEqual(await openUpstream(t, server.url).statBlob('a/b', digest, call()), { size: 99 });
    });
  }

  it('is unknown when upstream does not say, and there is none of what it does not have', async (t) => {
    const server = await serve(t, ({ url }, response) =>
      response.writeHead(url === path ? 200 : 404, { 'transfer-encoding': 'chunked' }).end(),
    );
    const upstream = openUpstream(t, server.url);
    assert.deepEqual(await upstream.statBlob('a/b', digest, call()), { size: undefined });
    assert.equal(await upstream.statBlob('x', digest, call()), undefined);
  });
});

describe('an upstream in trouble', () => {
  it('is asked again when it answers 5xx, a few times', async (t) => {
    let failures = 2;
    const server = await serve(t, (_, response) =>
      failures-- > 0 ? response.writeHead(503).end() : response.writeHead(200, headers).end(),
    );
    assert.equal((await openUpstream(t, server.url).resolve('a/b', latest, call()))?.digest, digest);
    assert.equal(server.seen.length, 3);
  });

  it('is asked again when it breaks off in the middle of a manifest', async (t) => {
    let asked = 0;
    const server = await serve(t, (_, response) => {
      response.writeHead(200, headers);
      if (++asked > 1) response.end(manifest);
      else response.write(manifest.subarray(0, 10), () => response.socket?.resetAndDestroy());
    });
    assert.deepEqual((await openUpstream(t, server.url).manifest('a/b', latest, call()))?.bytes, manifest);
    assert.equal(asked, 2);
  });

  it('is given up after three attempts', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(500).end());
    await assert.rejects(openUpstream(t, server.url).resolve('a/b', latest, call()), failsWith('UPSTREAM_UNAVAILABLE'));
    assert.equal(server.seen.length, 3);
  });

  it('that limits our rate is not asked again, and says for how long', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(429, { 'retry-after': '600' }).end('slow down'));
    await assert.rejects(
      openUpstream(t, server.url).resolve('a/b', latest, call()),
      (error: { retryAfter?: number }) => {
        assert.equal(error.retryAfter, 600);
        return failsWith('UPSTREAM_RATE_LIMITED')(error);
      },
    );
    assert.equal(server.seen.length, 1);
  });

  it('that has us wait is not asked the same again before, by nobody', async (t) => {
    const clock = new ManualClock();
    const server = await serve(t, ({ method }, response) =>
      response.writeHead(method === 'GET' ? 429 : 200, { ...headers, 'retry-after': '60' }).end(),
    );
    const upstream = openUpstream(t, server.url, { clock });
    const refused = async (path: string) => {
      await assert.rejects(upstream.manifest(path, latest, call()), failsWith('UPSTREAM_RATE_LIMITED'));
    };
    await refused('a/b');
    await refused('c');
    assert.equal(server.seen.length, 1);
    assert.equal(upstream.status().heldBackUntil, clock.now() + 60_000);
    // What is counted apart goes on: Docker Hub's HEADs are free.
    assert.equal((await upstream.resolve('a/b', latest, call()))?.digest, digest);
    await clock.advance(30_000);
    await assert.rejects(upstream.manifest('c', latest, call()), (error: { retryAfter?: number }) => {
      assert.equal(error.retryAfter, 30);
      return true;
    });
    await clock.advance(30_000);
    assert.equal(upstream.status().heldBackUntil, undefined);
    await refused('a/b');
    assert.equal(server.seen.length, 3);
  });

  it('is waited for no longer than the call allows', async (t) => {
    const server = await serve(t, () => undefined);
    await assert.rejects(openUpstream(t, server.url).resolve('a/b', latest, call(50)), failsWith('UPSTREAM_TIMEOUT'));
  });

  it('tells how much of the rate limit is left', async (t) => {
    const limits = {
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '76;w=21600',
      'docker-ratelimit-source': '192.0.2.1',
    };
    const server = await serve(t, (_, response) => response.writeHead(200, { ...headers, ...limits }).end());
    const upstream = openUpstream(t, server.url);
    assert.equal(upstream.status().rateLimit, undefined);
    await upstream.resolve('a/b', latest, call());
    const { breaker, rateLimit } = upstream.status();
    assert.equal(breaker, 'closed');
    assert.deepEqual(
      { ...rateLimit, seenAt: 0 },
      { limit: 100, remaining: 76, window: 21600, resetsAt: undefined, source: '192.0.2.1', seenAt: 0 },
    );
  });

  it('tells what was left of the rate limit no longer than its window', async (t) => {
    const limits = { 'ratelimit-limit': '100;w=10', 'ratelimit-remaining': '7;w=10' };
    const server = await serve(t, (_, response) => response.writeHead(200, { ...headers, ...limits }).end());
    let now = Date.now();
    const upstream = openUpstream(t, server.url, { clock: { ...systemClock, now: () => now } });
    await upstream.resolve('a/b', latest, call());
    assert.equal(upstream.status().rateLimit?.remaining, 7);
    now += 10_000;
    const { limit, remaining, window } = upstream.status().rateLimit!;
    assert.deepEqual([limit, remaining, window], [100, undefined, 10]);
  });

  it('is left alone after ten failures in a row, and tried again later', async (t) => {
    let broken = true;
    const server = await serve(t, (_, response) => response.writeHead(broken ? 500 : 200, headers).end());
    const upstream = openUpstream(t, server.url, { breakerOpenFor: 1 });
    for (let attempt = 0; attempt < 4; attempt++) await upstream.resolve('a/b', latest, call()).catch(() => undefined);
    assert.ok(server.seen.length >= 10);
    broken = false;
    assert.equal((await upstream.resolve('a/b', latest, call()))?.digest, digest);
    assert.equal(upstream.status().breaker, 'closed');
  });

  it('is not asked at all while its breaker is open', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(500).end());
    const upstream = openUpstream(t, server.url, { breakerOpenFor: 600_000 });
    for (let attempt = 0; attempt < 5; attempt++) await upstream.resolve('a/b', latest, call()).catch(() => undefined);
    assert.equal(server.seen.length, 10);
    assert.equal(upstream.status().breaker, 'open');
    await assert.rejects(upstream.resolve('a/b', latest, call()), failsWith('UPSTREAM_UNAVAILABLE'));
  });

  it('is not blamed for 4xx', async (t) => {
    const server = await serve(t, (_, response) => response.writeHead(404).end());
    const upstream = openUpstream(t, server.url);
    for (let attempt = 0; attempt < 20; attempt++) await upstream.resolve('a/b', latest, call());
    assert.equal(upstream.status().breaker, 'closed');
  });
});
