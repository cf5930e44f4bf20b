import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Secret } from '../../src/lib/secret.js';
import { digestOf } from '../../src/oci/digest.js';
import { OCI_IMAGE } from '../../src/oci/media-types.js';
import { parseTag } from '../../src/oci/reference.js';
import type { RegistryUpstream, UpstreamOptions } from '../../src/upstream/registry-upstream.js';
import { ManualClock } from '../support/manual-clock.js';
import { call, failsWith, openUpstream, serve, testLog, type Handler, type TestServer } from './support.js';

const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config: {}, layers: [] }));
const headers = {
  'content-type': OCI_IMAGE,
  'content-length': manifest.length,
  'docker-content-digest': digestOf(manifest),
};
const latest = parseTag('latest');
const password = 'hunter2-very-secret';
const basicAuth = { type: 'basic', username: 'alice', password: Secret.of(password) } as const;
const basicHeader = `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;

interface Scenario {
  /** WWW-Authenticate for a refused request; `url` is the server's own. */
  readonly challenge?: (url: string) => string | string[];
  readonly challengeOnPing?: boolean;
  readonly token?: Handler;
  /** Tokens the registry takes; the token endpoint's default answers give t1, t2, … */
  readonly takes?: (authorization: string | undefined) => boolean;
  readonly refusal?: number;
  readonly options?: Partial<UpstreamOptions>;
}

interface Login {
  readonly upstream: RegistryUpstream;
  readonly server: TestServer;
  readonly asked: () => string[];
}

const bearerChallenge = (url: string) => `Bearer realm="${url}/token",service="registry",scope="repository:a/b:pull"`;

const isToken = (authorization: string | undefined): boolean => authorization?.startsWith('Bearer t') ?? false;

/** A registry and its token endpoint in one server. */
async function login(t: TestContext, scenario: Scenario): Promise<Login> {
  const { challenge = bearerChallenge, takes = isToken } = scenario;
  let tokens = 0;
  const server: TestServer = await serve(t, (request, response) => {
    const { url } = request;
    if (url.startsWith('/token')) {
      if (scenario.token) scenario.token(request, response);
      else response.writeHead(200).end(JSON.stringify({ token: `t${++tokens}`, expires_in: 300 }));
    } else if (takes(request.headers.authorization) && url !== '/v2/') {
      response.writeHead(200, headers).end();
    } else {
      const challenged = scenario.challengeOnPing !== true || url === '/v2/';
      response
        .writeHead(scenario.refusal ?? 401, challenged ? { 'www-authenticate': challenge(server.url) } : {})
        .end();
    }
  });
  const upstream = openUpstream(t, server.url, scenario.options);
  return { upstream, server, asked: () => server.seen.map(({ url }) => url) };
}

describe('a registry that wants a token', () => {
  it('gets one from its realm, for its scope, without a credential when there is none', async (t) => {
    const { upstream, server, asked } = await login(t, {});
    assert.ok(await upstream.resolve('a/b', latest, call()));
    assert.deepEqual(asked(), [
      '/v2/a/b/manifests/latest',
      '/token?service=registry&scope=repository%3Aa%2Fb%3Apull',
      '/v2/a/b/manifests/latest',
    ]);
    assert.equal(server.seen[1]!.headers.authorization, undefined);
    assert.equal(server.seen[1]!.method, 'GET');
    assert.equal(server.seen[2]!.headers.authorization, 'Bearer t1');
  });

  it('gets a kept token at once, and another one for another repository', async (t) => {
    const { upstream, asked } = await login(t, {});
    await upstream.resolve('a/b', latest, call());
    await upstream.resolve('a/b', latest, call());
    await upstream.resolve('c', latest, call());
    assert.deepEqual(asked().slice(3), [
      '/v2/a/b/manifests/latest',
      '/token?service=registry&scope=repository%3Ac%3Apull',
      '/v2/c/manifests/latest',
    ]);
  });

  it('is asked for one token by a hundred who want it together', async (t) => {
    const { upstream, asked } = await login(t, {});
    await Promise.all(Array.from({ length: 100 }, () => upstream.resolve('a/b', latest, call())));
    assert.equal(asked().filter((url) => url.startsWith('/token')).length, 1);
  });

  it('gets our credential when there is one, at the token endpoint only', async (t) => {
    const { upstream, server } = await login(t, { options: { auth: basicAuth } });
    await upstream.resolve('a/b', latest, call());
    const withPassword = server.seen.filter(({ headers: { authorization } }) => authorization === basicHeader);
    assert.deepEqual(
      withPassword.map(({ url }) => url.split('?')[0]),
      ['/token'],
    );
    assert.equal(upstream.credentialed, true);
  });

  for (const [what, body, life] of [
    ['token and expires_in', { token: 't1', expires_in: 300 }, 300],
    ['only access_token', { access_token: 't1', expires_in: 300 }, 300],
    ['an empty token besides access_token', { token: '', access_token: 't1', expires_in: 300 }, 300],
    ['no expires_in, which means 60 s', { token: 't1' }, 60],
    ['only access_token and no expires_in', { access_token: 't1' }, 60],
    ['an expires_in that is no number', { token: 't1', expires_in: 'soon' }, 60],
  ] as const) {
    it(`may answer with ${what}`, async (t) => {
      const clock = new ManualClock();
      const token: Handler = (_, response) => response.writeHead(200).end(JSON.stringify(body));
      const { upstream, asked } = await login(t, { token, options: { clock } });
      const fetches = () => asked().filter((url) => url.startsWith('/token')).length;
      await upstream.resolve('a/b', latest, call());
      await clock.advance(life * 1000 * 0.85);
      await upstream.resolve('a/b', latest, call());
      assert.equal(fetches(), 1, 'still good');
      await clock.advance(life * 1000 * 0.15);
      await upstream.resolve('a/b', latest, call());
      assert.equal(fetches(), 2, 'renewed');
    });
  }

  for (const [what, answer] of [
    ['no token', '{}'],
    ['no JSON', 'oops'],
    ['a token that would break the header', JSON.stringify({ token: 'a\r\nX-Evil: 1' })],
  ] as const) {
    it(`is invalid when its endpoint sends ${what}`, async (t) => {
      const { upstream } = await login(t, { token: (_, response) => response.writeHead(200).end(answer) });
      await assert.rejects(upstream.resolve('a/b', latest, call()), failsWith('UPSTREAM_INVALID', 'Evil', 'oops'));
    });
  }

  it('that suddenly refuses a kept token gets a new one, once', async (t) => {
    let revoked = new Set<string>();
    const { upstream, asked } = await login(t, {
      takes: (authorization) => authorization?.startsWith('Bearer t') === true && !revoked.has(authorization),
    });
    await upstream.resolve('a/b', latest, call());
    revoked = new Set(['Bearer t1']);
    assert.ok(await upstream.resolve('a/b', latest, call()));
    assert.equal(asked().filter((url) => url.startsWith('/token')).length, 2);
  });

  it('may call an expired token a 400 without a challenge', async (t) => {
    let revoked = '';
    let tokens = 0;
    const server: TestServer = await serve(t, ({ url, headers: { authorization } }, response) => {
      if (url.startsWith('/token')) response.writeHead(200).end(JSON.stringify({ token: `t${++tokens}` }));
      else if (authorization === undefined)
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="${server.url}/token",service="s",scope="aws"` })
          .end();
      else if (authorization === revoked) response.writeHead(400).end('{"errors":[]}');
      else response.writeHead(200, headers).end();
    });
    const upstream = openUpstream(t, server.url);
    await upstream.resolve('a/b', latest, call());
    await upstream.resolve('c', latest, call());
    assert.equal(tokens, 1, 'the scope "aws" is for every repository');
    revoked = 'Bearer t1';
    assert.ok(await upstream.resolve('a/b', latest, call()));
    assert.equal(tokens, 2);
  });

  it('that refuses a fresh token has no such image for us, and is not asked for ever', async (t) => {
    const { upstream, asked } = await login(t, {
      takes: () => false,
      challenge: (url) => `${bearerChallenge(url)},error="insufficient_scope"`,
      options: { auth: basicAuth },
    });
    assert.equal(await upstream.resolve('a/b', latest, call()), undefined);
    assert.equal(await upstream.resolve('a/b', latest, call()), undefined);
    assert.ok(asked().length <= 8, asked().join(' '));
  });

  it('may name no scope at all', async (t) => {
    const { upstream, asked } = await login(t, { challenge: (url) => `Bearer realm="${url}/token",service="nexus"` });
    assert.ok(await upstream.resolve('a/b', latest, call()));
    assert.ok(await upstream.resolve('c', latest, call()));
    assert.deepEqual(
      asked().filter((url) => url.startsWith('/token')),
      ['/token?service=nexus'],
    );
  });

  it('may write its port twice', async (t) => {
    const { upstream } = await login(t, {
      challenge: (url) => `Bearer realm="${url}:${new URL(url).port}/token",service="nexus"`,
    });
    assert.ok(await upstream.resolve('a/b', latest, call()));
  });

  it('may challenge on /v2/ only, with a credential or without', async (t) => {
    for (const auth of [{ type: 'anonymous' }, basicAuth] as const) {
      const { upstream, asked } = await login(t, { challengeOnPing: true, options: { auth } });
      assert.ok(await upstream.resolve('a/b', latest, call()));
      assert.ok(asked().includes('/v2/'));
      assert.ok(asked().includes('/token?service=registry&scope=repository%3Aa%2Fb%3Apull'));
    }
  });

  it('that hides a private repository behind 404 shows it to a credential', async (t) => {
    const server: TestServer = await serve(t, ({ url, headers: { authorization } }, response) => {
      if (url === '/v2/') response.writeHead(401, { 'www-authenticate': `Bearer realm="${server.url}/token"` }).end();
      else if (url.startsWith('/token')) response.writeHead(200).end('{"token":"t"}');
      else response.writeHead(authorization === 'Bearer t' ? 200 : 404, headers).end();
    });
    assert.ok(await openUpstream(t, server.url, { auth: basicAuth }).resolve('a/b', latest, call()));
    assert.equal(await openUpstream(t, server.url).resolve('a/b', latest, call()), undefined);
  });

  it('may offer several logins, in one header or in many', async (t) => {
    for (const offers of [
      (url: string) => ['Negotiate', 'Basic realm="x"', bearerChallenge(url)],
      (url: string) => `Negotiate, Basic realm="x", ${bearerChallenge(url)}`,
    ]) {
      const { upstream, server } = await login(t, { challenge: offers, options: { auth: basicAuth } });
      assert.ok(await upstream.resolve('a/b', latest, call()));
      assert.equal(server.seen.at(-1)!.headers.authorization, 'Bearer t1');
    }
  });
});

describe('a token for the wrong scope', () => {
  it('is changed for one of the scope that is asked for, where /v2/ had not named it', async (t) => {
    const server: TestServer = await serve(t, ({ url, headers: { authorization, host } }, response) => {
      const challenge = `Bearer realm="http://${host}/token",service="x"`;
      if (url.startsWith('/token')) {
        const aws = new URL(url, server.url).searchParams.get('scope') === 'aws';
        response.writeHead(200).end(JSON.stringify({ token: aws ? 'good' : 'useless' }));
      } else if (authorization === 'Bearer good') response.writeHead(200, headers).end();
      else
        response.writeHead(401, { 'www-authenticate': url === '/v2/' ? challenge : `${challenge},scope="aws"` }).end();
    });
    const upstream = openUpstream(t, server.url, { auth: basicAuth });
    assert.ok(await upstream.resolve('a/b', latest, call()));
    assert.ok(await upstream.resolve('c', latest, call()));
    assert.deepEqual(
      server.seen.map(({ url }) => url.replace(/&.*/, '')),
      [
        '/v2/',
        '/token?service=x',
        '/v2/a/b/manifests/latest',
        '/token?service=x',
        '/v2/a/b/manifests/latest',
        '/v2/c/manifests/latest',
      ],
    );
  });
});

describe('a refused login', () => {
  for (const status of [401, 403]) {
    it(`at the token endpoint (${status}) with our credential is UPSTREAM_CREDENTIALS, logged, and does not stick`, async (t) => {
      const log = testLog();
      let refuse = true;
      const { upstream, server } = await login(t, {
        token: (_, response) =>
          refuse ? response.writeHead(status).end(password) : response.writeHead(200).end('{"token":"t1"}'),
        options: { auth: basicAuth, log },
      });
      await assert.rejects(upstream.resolve('a/b', latest, call()), failsWith('UPSTREAM_CREDENTIALS', password));
      assert.equal(log.lines.filter((line) => line.includes('"level":"error"')).length, 1);
      assert.equal(log.lines.join('').includes(password), false);
      assert.ok(
        server.seen.every(
          ({ url, headers: { authorization } }) => !url.startsWith('/token') || authorization === basicHeader,
        ),
        'never asked anonymously instead',
      );
      refuse = false;
      assert.ok(await upstream.resolve('a/b', latest, call()));
    });
  }

  for (const status of [401, 403]) {
    it(`at the token endpoint (${status}) for one repository, where the credential is good, is DENIED`, async (t) => {
      const { upstream, asked } = await login(t, {
        token: ({ url }, response) =>
          url.includes('scope=') ? response.writeHead(status).end() : response.writeHead(200).end('{"token":"t1"}'),
        options: { auth: basicAuth },
      });
      await assert.rejects(upstream.resolve('a/b', latest, call()), failsWith('DENIED', password));
      assert.equal(asked().filter((url) => url.startsWith('/token')).length, 2);
    });
  }

  for (const [what, open, code] of [
    ['a repository', true, 'DENIED'],
    ['anything', false, 'UPSTREAM_CREDENTIALS'],
  ] as const) {
    it(`by Basic, as 403 to ${what}, is ${code}`, async (t) => {
      const server = await serve(t, ({ url, headers: { authorization } }, response) => {
        if (authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        else response.writeHead(open && url === '/v2/' ? 200 : 403).end();
      });
      const upstream = openUpstream(t, server.url, { auth: basicAuth });
      await assert.rejects(upstream.resolve('a/b', latest, call()), failsWith(code, password));
    });
  }

  it('at the token endpoint without a credential means that there is nothing for us', async (t) => {
    const { upstream } = await login(t, { token: (_, response) => response.writeHead(401).end() });
    assert.equal(await upstream.resolve('a/b', latest, call()), undefined);
    const denied = await login(t, { token: (_, response) => response.writeHead(403).end() });
    await assert.rejects(denied.upstream.resolve('a/b', latest, call()), failsWith('DENIED'));
  });

  it('because of the rate limit of the token endpoint says so', async (t) => {
    const { upstream } = await login(t, {
      token: (_, response) => response.writeHead(429, { 'retry-after': '77' }).end(),
    });
    await assert.rejects(upstream.resolve('a/b', latest, call()), (error: { retryAfter?: number }) => {
      assert.equal(error.retryAfter, 77);
      return failsWith('UPSTREAM_RATE_LIMITED')(error);
    });
  });

  it('by Basic is UPSTREAM_CREDENTIALS', async (t) => {
    const { upstream, server } = await login(t, {
      challenge: () => 'Basic realm="x"',
      takes: () => false,
      options: { auth: basicAuth },
    });
    await assert.rejects(upstream.resolve('a/b', latest, call()), failsWith('UPSTREAM_CREDENTIALS', password));
    assert.equal(server.seen.at(-1)!.headers.authorization, basicHeader);
  });

  it('by Basic is tried with the rotated password first', async (t) => {
    const file = join(mkdtempSync(join(tmpdir(), 'cistern-login-')), 'password');
    writeFileSync(file, 'old');
    let good = 'old';
    const takes = (authorization?: string) =>
      authorization === `Basic ${Buffer.from(`alice:${good}`).toString('base64')}`;
    const auth = { type: 'basic', username: 'alice', password: Secret.fromFile(file) } as const;
    const { upstream } = await login(t, { challenge: () => 'Basic realm="x"', takes, options: { auth } });
    assert.ok(await upstream.resolve('a/b', latest, call()));
    good = 'new and longer';
    writeFileSync(file, good);
    assert.ok(await upstream.resolve('a/b', latest, call()));
  });

  it('whose password cannot be read asks nobody anonymously', async (t) => {
    const auth = { type: 'basic', username: 'alice', password: Secret.fromFile('/nonexistent/password') } as const;
    const { upstream, server } = await login(t, { options: { auth } });
    await assert.rejects(upstream.resolve('a/b', latest, call()), failsWith('UPSTREAM_CREDENTIALS'));
    assert.equal(server.connections(), 0);
  });

  it('where Basic is wanted and there is no credential means that there is nothing for us', async (t) => {
    const { upstream } = await login(t, { challenge: () => 'Basic realm="x"', takes: () => false });
    assert.equal(await upstream.resolve('a/b', latest, call()), undefined);
  });
});

describe('a registry that wants Basic', () => {
  it('gets our credential on every request', async (t) => {
    const { upstream, server } = await login(t, {
      challenge: () => 'Basic realm="ECR"',
      takes: (authorization) => authorization === basicHeader,
      options: { auth: basicAuth },
    });
    assert.ok(await upstream.resolve('a/b', latest, call()));
    assert.ok(await upstream.resolve('c', latest, call()));
    assert.deepEqual(
      server.seen.map(({ url, headers: { authorization } }) => `${url} ${authorization === basicHeader}`),
      ['/v2/ false', '/v2/a/b/manifests/latest true', '/v2/c/manifests/latest true'],
    );
  });

  it('may say 401 for a repository that a good credential does not open, which is no fault of the credential', async (t) => {
    const server = await serve(t, ({ url, headers: { authorization } }, response) => {
      if (authorization === basicHeader && !url.startsWith('/v2/secret/'))
        response.writeHead(200, url === '/v2/' ? {} : headers).end();
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    const upstream = openUpstream(t, server.url, { auth: basicAuth });
    assert.equal(await upstream.resolve('secret/b', latest, call()), undefined);
    assert.equal(upstream.status().credential?.failure, undefined);
    assert.ok(await upstream.resolve('a/b', latest, call()));
  });
});

describe('a token realm that is not to be trusted', () => {
  for (const realm of [
    'http://169.254.169.254/latest/meta-data',
    'http://[::ffff:127.0.0.1]:PORT/token',
    'http://2130706433:PORT/token',
    'http://0177.0.0.1:OTHER/token',
    'http://user:pw@127.0.0.1:PORT/token',
    'http://127.0.0.1:OTHER/token',
    'ftp://127.0.0.1/token',
    'not a url',
  ]) {
    it(`${realm} gets no request and no credential`, async (t) => {
      const canary = await serve(t, (_, response) => response.writeHead(200).end('{"token":"stolen"}'));
      const { upstream, server, asked } = await login(t, {
        challenge: (url) =>
          `Bearer realm="${realm.replace('PORT', new URL(url).port).replace('OTHER', String(canary.port))}"`,
        options: { auth: basicAuth },
      });
      if (realm.includes('2130706433')) {
        // The same host in other words: allowed, because the URL parser sees through it.
        assert.ok(await upstream.resolve('a/b', latest, call()));
        return;
      }
      await assert.rejects(upstream.resolve('a/b', latest, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS', 'pw'));
      assert.equal(canary.connections(), 0);
      assert.equal(
        asked().some((url) => url.startsWith('/token')),
        false,
      );
      assert.equal(
        server.seen.some(({ headers: { authorization } }) => authorization !== undefined),
        false,
      );
    });
  }

  it('is trusted when it is configured, by host or by host and port', async (t) => {
    const realm = await serve(t, (_, response) => response.writeHead(200).end('{"token":"t1"}'));
    for (const realms of [['127.0.0.1'], [`127.0.0.1:${realm.port}`]]) {
      const { upstream } = await login(t, {
        challenge: () => `Bearer realm="${realm.url}/token"`,
        options: { realms },
      });
      assert.ok(await upstream.resolve('a/b', latest, call()));
    }
  });
});
