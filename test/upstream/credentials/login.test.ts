/** How each kind of credential is shown to an upstream: where, in which form, and what comes of a refusal. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { missing } from '../../../src/lib/optional-package.js';
import { Secret } from '../../../src/lib/secret.js';
import { digestOf } from '../../../src/oci/digest.js';
import { OCI_IMAGE } from '../../../src/oci/media-types.js';
import { parseTag } from '../../../src/oci/reference.js';
import type { RegistryUpstream, UpstreamOptions } from '../../../src/upstream/registry-upstream.js';
import { startCanary } from '../../support/canary.js';
import { FakeClouds } from '../../support/fake-clouds.js';
import { ManualClock } from '../../support/manual-clock.js';
import { temporaryDirectory } from '../../support/tmp.js';
import { call, failsWith, openUpstream, serve, type TestServer } from '../support.js';

const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config: {}, layers: [] }));
const headers = {
  'content-type': OCI_IMAGE,
  'content-length': manifest.length,
  'docker-content-digest': digestOf(manifest),
};
const pull = (upstream: RegistryUpstream, repository = 'a/b') =>
  upstream.resolve(repository, parseTag('latest'), call());

interface Door {
  readonly upstream: RegistryUpstream;
  readonly server: TestServer;
}

/** A registry that takes what `takes` says, and answers everything else with this challenge. */
async function door(
  t: TestContext,
  takes: (authorization: string | undefined) => boolean,
  challenge: (url: string) => string,
  auth: UpstreamOptions['auth'],
  token?: (request: IncomingMessage & { url: string }) => Promise<readonly [status: number, body: string]>,
): Promise<Door> {
  const server: TestServer = await serve(t, (request, response) => {
    if (request.url.startsWith('/token')) {
      void (token?.(request) ?? Promise.resolve([404, ''] as const)).then(([status, body]) =>
        response.writeHead(status).end(body),
      );
    } else if (takes(request.headers.authorization)) response.writeHead(200, headers).end();
    else response.writeHead(401, { 'www-authenticate': challenge(server.url) }).end();
  });
  return { server, upstream: openUpstream(t, server.url, { auth }) };
}

const bearerFile = async (t: TestContext, token: string) => {
  const file = join(await temporaryDirectory(t), 'token');
  await writeFile(file, token);
  return { file, auth: { type: 'bearer', token: Secret.fromFile(file) } as const };
};

describe('a bearer token of our own', () => {
  it('is sent with every request, whatever is challenged, and to nobody but the registry', async (t) => {
    const canary = await startCanary(t, { host: '127.0.0.2' });
    const { auth } = await bearerFile(t, 'own-token');
    const { upstream, server } = await door(
      t,
      (authorization) => authorization === 'Bearer own-token',
      () => `Bearer realm="${canary.url}/token",service="s"`,
      auth,
    );
    assert.ok(await pull(upstream));
    assert.ok(await pull(upstream, 'c'));
    assert.deepEqual(
      server.seen.map(({ url, headers: { authorization } }) => [url, authorization]),
      [
        ['/v2/a/b/manifests/latest', 'Bearer own-token'],
        ['/v2/c/manifests/latest', 'Bearer own-token'],
      ],
    );
    assert.equal(canary.connections(), 0);
  });

  it('that is refused is UPSTREAM_CREDENTIALS, until its file is mended', async (t) => {
    const { auth, file } = await bearerFile(t, 'expired-token');
    const challenge = (url: string) => `Bearer realm="${url}/token",error="invalid_token"`;
    const { upstream, server } = await door(t, (sent) => sent === 'Bearer good-token', challenge, auth);
    await assert.rejects(pull(upstream), failsWith('UPSTREAM_CREDENTIALS', 'expired-token'));
    assert.match(upstream.status().credential?.failure ?? '', /refused/);
    await writeFile(file, 'good-token\n');
    assert.ok(await pull(upstream));
    assert.equal(upstream.status().credential?.failure, undefined);
    assert.ok(
      server.seen.every(({ headers: { authorization } }) => authorization !== undefined),
      'never anonymously',
    );
  });

  it('that is rotated between two requests is noticed by the refusal', async (t) => {
    const { auth, file } = await bearerFile(t, 'first-token');
    let good = 'first-token';
    const { upstream } = await door(
      t,
      (sent) => sent === `Bearer ${good}`,
      (url) => `Bearer realm="${url}/token"`,
      auth,
    );
    assert.ok(await pull(upstream));
    good = 'second-token';
    await writeFile(file, good);
    assert.ok(await pull(upstream));
  });

  it('that does not reach to a repository means that there is no such image for us', async (t) => {
    const { auth } = await bearerFile(t, 'own-token');
    const challenge = (url: string) => `Bearer realm="${url}/token",error="insufficient_scope"`;
    const { upstream } = await door(t, () => false, challenge, auth);
    assert.equal(await pull(upstream), undefined);
    assert.equal(upstream.status().credential?.failure, undefined);
  });

  it('in a file that is gone asks nobody', async (t) => {
    const auth = { type: 'bearer', token: Secret.fromFile('/nonexistent/token') } as const;
    const { upstream, server } = await door(
      t,
      () => true,
      () => 'Basic realm="x"',
      auth,
    );
    await assert.rejects(pull(upstream), failsWith('UPSTREAM_CREDENTIALS'));
    assert.equal(server.connections(), 0);
  });
});

describe('an identity token', () => {
  async function scene(t: TestContext, status: number, challenge: (url: string) => string) {
    const forms: [string | undefined, string][] = [];
    const configFile = join(await temporaryDirectory(t), 'config.json');
    const auth = { type: 'docker-config', configFile, helpers: [], helperTimeout: 1000 } as const;
    const answered = await door(
      t,
      (sent) => sent === 'Bearer access',
      challenge,
      auth,
      async (request) => {
        forms.push([request.method, await text(request)]);
        return [status, JSON.stringify({ access_token: 'access' })];
      },
    );
    const { host } = new URL(answered.server.url);
    await writeFile(configFile, JSON.stringify({ auths: { [host]: { identitytoken: 'identity-secret' } } }));
    return { ...answered, forms };
  }
  const bearer = (url: string) => `Bearer realm="${url}/token",service="registry"`;

  it('is exchanged at the token endpoint, in a POST', async (t) => {
    const { upstream, server, forms } = await scene(t, 200, bearer);
    assert.ok(await pull(upstream));
    const [[method, form] = ['', '']] = forms;
    assert.deepEqual([forms.length, method], [1, 'POST']);
    assert.deepEqual(Object.fromEntries(new URLSearchParams(form)), {
      grant_type: 'refresh_token',
      client_id: 'cistern',
      service: 'registry',
      scope: 'repository:a/b:pull',
      refresh_token: 'identity-secret',
    });
    assert.ok(server.seen.every(({ url }) => !url.includes('identity-secret')));
  });

  for (const status of [400, 401, 403]) {
    it(`that is refused with ${status} is UPSTREAM_CREDENTIALS, and nothing is asked anonymously`, async (t) => {
      const { upstream, forms } = await scene(t, status, bearer);
      await assert.rejects(pull(upstream), failsWith('UPSTREAM_CREDENTIALS', 'identity-secret'));
      assert.ok(
        forms.length > 0 && forms.every(([method, body]) => method === 'POST' && body.includes('refresh_token')),
      );
    });
  }

  it('is nothing to a registry that wants a password, which is said', async (t) => {
    const { upstream, server } = await scene(t, 200, () => 'Basic realm="x"');
    await assert.rejects(pull(upstream), failsWith('UPSTREAM_CREDENTIALS', 'identity-secret'));
    assert.ok(server.seen.every(({ headers: { authorization } }) => authorization === undefined));
  });
});

describe('a password of ECR', { skip: missing('@aws-sdk/client-ecr') ?? false }, () => {
  it('is replaced when upstream calls it expired, by a 403, and a right that is missing stays 403', async (t) => {
    const clouds = await FakeClouds.start(t, new ManualClock(Date.now()));
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'AKIATEST',
      AWS_SECRET_ACCESS_KEY: 'aws-secret-key',
      AWS_ENDPOINT_URL: clouds.url,
    });
    const proof = () => `Basic ${Buffer.from(`AWS:${clouds.secrets.at(-1) ?? ''}`).toString('base64')}`;
    const expired = new Set<string>();
    const server = await serve(t, ({ url, headers: { authorization } }, response) => {
      if (authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="ECR"' }).end();
      else if (expired.has(authorization) || authorization !== proof() || url.includes('forbidden'))
        response.writeHead(403).end('{"errors":[{"code":"DENIED"}]}');
      else if (url === '/v2/') response.writeHead(200).end();
      else response.writeHead(200, headers).end();
    });
    const auth = { type: 'ecr', region: 'eu-west-1', public: false } as const;
    const upstream = openUpstream(t, server.url, { auth });
    assert.ok(await pull(upstream));
    expired.add(proof());
    assert.ok(await pull(upstream));
    assert.equal(clouds.given, 2);
    for (let i = 0; i < 3; i++) await assert.rejects(pull(upstream, 'forbidden'), failsWith('DENIED'));
    assert.equal(clouds.given, 2, 'not one with each refusal');
    assert.equal(upstream.status().credential?.about, 'a token of ECR in eu-west-1');
    assert.ok((upstream.status().credential?.until ?? 0) > Date.now() + 11 * 3_600_000);
  });
});
