/** What the admin port shows to whoever asks: numbers, upstreams, and a repository only to who may know it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, get as httpGet, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { hash } from 'bcryptjs';
import { AdminServer, type AdminParts } from '../../src/admin/server.js';
import { deferred } from '../../src/lib/async.js';
import { startTestDaemon, type TestDaemonOptions } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { get, head } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { temporaryDirectory } from '../support/tmp.js';

const LIMITS = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' };

async function scene(t: TestContext, options: Partial<TestDaemonOptions> = {}) {
  const registry = await FakeRegistry.start(t);
  const daemon = await startTestDaemon(t, { upstreams: [{ name: 'up.test', url: registry.url }], ...options });
  // A new directory has an index that is made from its blobs, of which there are none.
  await eventually(() => daemon.logged('index rebuilt').length > 0, 'the index is ready');
  const image = makeImage({ seed: 'admin' });
  registry.push('secret/project', image, 'v1');
  registry.fail({ kind: 'manifest' }, { headers: LIMITS });
  for (let pull = 0; pull < 2; pull++) {
    await daemon.manifest('secret/project', 'v1');
    for (const { digest } of image.blobs) {
      await daemon.blob('secret/project', digest);
      await daemon.stored(digest);
    }
  }
  return { daemon, image, registry };
}

describe('/metrics', () => {
  it('tells what was counted and how everything is, by upstream and never by repository', async (t) => {
    const { daemon, image } = await scene(t);
    const { status, headers, body } = await get(`${daemon.adminUrl}/metrics`);
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
    const text = body.toString();
    const bytes = image.blobs.reduce((sum, { size }) => sum + size, 0);
    for (const line of [
      'cistern_requests_total{upstream="up.test",kind="manifest",outcome="hit"} 1',
      'cistern_requests_total{upstream="up.test",kind="manifest",outcome="miss"} 1',
      'cistern_requests_total{upstream="up.test",kind="blob",outcome="hit"} 2',
      'cistern_requests_total{upstream="up.test",kind="blob",outcome="stale"} 0',
      `cistern_served_bytes_total{upstream="up.test",kind="blob",outcome="hit"} ${bytes}`,
      `cistern_served_bytes_total{upstream="up.test",kind="blob",outcome="miss"} ${bytes}`,
      `cistern_upstream_bytes_total{upstream="up.test",kind="blob",for="clients"} ${bytes}`,
      'cistern_upstream_bytes_total{upstream="up.test",kind="blob",for="prefetch"} 0',
      'cistern_upstream_gets_total{upstream="up.test",kind="manifest"} 1',
      'cistern_saved_gets_total{upstream="up.test",kind="manifest"} 1',
      'cistern_flights 0',
      'cistern_ready 1',
      'cistern_stored_blobs 3',
      `cistern_stored_bytes ${bytes + image.size}`,
      'cistern_index_health{state="ready"} 1',
      'cistern_index_health{state="full"} 0',
      'cistern_upstream_breaker{upstream="up.test",state="closed"} 1',
      'cistern_upstream_breaker{upstream="up.test",state="open"} 0',
      'cistern_upstream_rate_limit{upstream="up.test"} 100',
      'cistern_upstream_rate_limit_remaining{upstream="up.test"} 76',
      'cistern_upstream_held_back{upstream="up.test"} 0',
      'cistern_upstream_bodies{upstream="up.test",state="active"} 0',
    ])
      assert.ok(text.split('\n').includes(line), `${line} is in\n${text}`);
    assert.match(text, /^nodejs_eventloop_lag_p99_seconds \d/m);
    assert.match(text, /^process_resident_memory_bytes \d/m);
    assert.match(text, /^cistern_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
    assert.doesNotMatch(text, /secret|project/);
  });

  it('counts on from scrape to scrape', async (t) => {
    const { daemon } = await scene(t);
    const hits = async () =>
      /kind="manifest",outcome="hit"\} (\d+)/.exec((await get(`${daemon.adminUrl}/metrics`)).body.toString())?.[1];
    assert.equal(await hits(), '1');
    await daemon.manifest('secret/project', 'v1');
    assert.equal(await hits(), '2');
    assert.equal(await hits(), '2');
  });
});

describe('the status page', () => {
  it('shows what was counted and how everything is, and is whole without scripts', async (t) => {
    const { daemon } = await scene(t);
    const look = () => get(`${daemon.adminUrl}/`);
    const isWhole = async () => /id="saved"[^]*id="largest"/.test((await look()).body.toString());
    await eventually(isWhole, 'everything is looked up');
    const { status, headers, body } = await look();
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/html/);
    const text = body.toString();
    for (const part of [/Version \d+\.\d+\.\d+/, />Ready</, /up\.test/, /in order/, /76 of 100/, /50\.0 %/])
      assert.match(text, part);
    assert.match(text, /secret\/project:v1/, 'this machine is told names');
    assert.match(
      String(headers['content-security-policy']),
      /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; /,
    );
  });

  it('names no repository to who is not at this machine', async (t) => {
    const { daemon } = await scene(t);
    for (const headers of [{ host: 'evil.example' }, { 'x-forwarded-for': '192.0.2.1' }]) {
      const { status, body } = await get(`${daemon.adminUrl}/`, { headers });
      assert.equal(status, 200);
      assert.match(body.toString(), /up\.test/);
      assert.doesNotMatch(body.toString(), /secret|project/);
    }
    assert.equal((await get(`${daemon.adminUrl}/login`)).status, 404);
  });

  it('shares no page between those who are told names and those who are not', async (t) => {
    const { daemon } = await scene(t);
    const ask = async (host: string) => (await get(`${daemon.adminUrl}/`, { headers: { host } })).body.toString();
    const isWhole = async () => (await ask('127.0.0.1')).includes('secret/project:v1');
    await eventually(isWhole, 'everything is looked up');
    for (let turn = 0; turn < 10; turn++) {
      const [here, elsewhere] = await Promise.all([ask('127.0.0.1'), ask('evil.example')]);
      assert.match(here, /secret\/project:v1/);
      assert.doesNotMatch(elsewhere, /secret|project/);
    }
  });

  it('says that it stops, with the figures it had, while the last client is served', async (t) => {
    const { daemon, registry } = await scene(t, { config: { drainTimeout: '60s' } });
    const url = `${daemon.adminUrl}/`;
    const look = async () => (await get(url)).body.toString();
    await eventually(async () => (await look()).includes('id="largest"'), 'everything is looked up');
    // Large enough to be answered before all of it is here.
    const image = makeImage({ seed: 'slow', layers: [2_000_000] });
    registry.push('secret/project', image, 'v2');
    await daemon.manifest('secret/project', 'v2');
    const gate = registry.hold({ kind: 'blob', at: 'last' });
    const reader = await daemon.openBlob('secret/project', image.layers[0]!.digest);
    await gate.reached;
    const stopped = daemon.stop();
    const text = await look();
    gate.open();
    await reader.rest();
    await stopped;
    assert.match(text, />Not ready: stopping</);
    assert.match(text, /id="saved"[^]*id="largest"/);
  });

  it('compresses for those who can take it', async (t) => {
    const { daemon } = await scene(t);
    const headers = { 'accept-encoding': 'gzip, br' };
    const page = await get(`${daemon.adminUrl}/`, { headers });
    assert.equal(page.headers['content-encoding'], 'gzip');
    const text = gunzipSync(page.body).toString();
    const [script = ''] = /page\/uplot\.js[^"]*/.exec(text) ?? [];
    const zipped = await get(`${daemon.adminUrl}/${script}`, { headers });
    const plain = await get(`${daemon.adminUrl}/${script}`);
    assert.equal(zipped.headers['content-type'], 'text/javascript; charset=utf-8');
    assert.ok(zipped.body.length < plain.body.length / 2);
    assert.deepEqual(gunzipSync(zipped.body), plain.body);
    assert.match(String(plain.headers['cache-control']), /max-age/);
    assert.equal((await get(`${daemon.adminUrl}/page/../server.js`)).status, 404);
  });
});

describe('the status page beyond loopback', () => {
  const beyond = async (t: TestContext, registry = {}, admin = {}) => {
    const { url } = await FakeRegistry.start(t);
    const config = { admin: { listen: '0.0.0.0:0', ...admin } };
    return startTestDaemon(t, { upstreams: [{ name: 'up.test', url }], registry, config });
  };
  const users = async (t: TestContext, name: string, password: string) => {
    const htpasswdFile = join(await temporaryDirectory(t), 'htpasswd');
    await writeFile(htpasswdFile, `${name}:${await hash(password, 4)}\n`);
    return { type: 'basic', htpasswdFile };
  };
  const as = (user: string, password: string) => ({
    headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
  });

  it('has no login where clients have none, and names nothing', async (t) => {
    const daemon = await beyond(t);
    const here = daemon.adminUrl.replace('0.0.0.0', '127.0.0.1');
    assert.match((await get(`${here}/`)).body.toString(), /admin\.auth/);
    assert.equal((await get(`${here}/login`)).status, 404);
  });

  it('takes the logins of clients, and leaves health and metrics open', async (t) => {
    const daemon = await beyond(t, { auth: await users(t, 'alice', 'right') });
    const here = daemon.adminUrl.replace('0.0.0.0', '127.0.0.1');
    const page = async (options?: object) => (await get(`${here}/`, options)).body.toString();
    assert.match(await page(), /href="login"/);
    assert.match(await page(as('alice', 'wrong')), /href="login"/);
    assert.doesNotMatch(await page(as('alice', 'right')), /href="login"|admin\.auth/);
    assert.equal((await get(`${here}/login`)).status, 401);
    assert.equal((await get(`${here}/login`, as('alice', 'right'))).status, 303);
    for (const open of ['healthz', 'readyz', 'metrics']) assert.equal((await get(`${here}/${open}`)).status, 200);
  });

  it('has logins of its own where it is given some: those of clients are none then, nor its own for a pull', async (t) => {
    const auth = await users(t, 'alice', 'pulls');
    const daemon = await beyond(t, { auth }, { auth: await users(t, 'olga', 'looks') });
    const here = daemon.adminUrl.replace('0.0.0.0', '127.0.0.1');
    const login = async (options?: object) => (await get(`${here}/login`, options)).status;
    assert.deepEqual(
      [await login(), await login(as('alice', 'pulls')), await login(as('olga', 'looks'))],
      [401, 401, 303],
    );
    assert.doesNotMatch((await get(`${here}/`, as('olga', 'looks'))).body.toString(), /href="login"|admin\.auth/);
    const ping = async (options: object) => (await get(`${daemon.url}/v2/`, options)).status;
    assert.deepEqual([await ping(as('olga', 'looks')), await ping(as('alice', 'pulls'))], [401, 200]);
    // A wrong one of each.
    assert.match((await get(`${here}/metrics`)).body.toString(), /^cistern_failed_logins_total 2$/m);
  });

  it('has them where clients need none, lets those who guess wait, and reads them again at a reload', async (t) => {
    const auth = await users(t, 'olga', 'old');
    const daemon = await beyond(t, {}, { auth });
    const here = daemon.adminUrl.replace('0.0.0.0', '127.0.0.1');
    const login = async (password: string) => (await get(`${here}/login`, as('olga', password))).status;
    assert.equal((await get(`${daemon.url}/v2/`)).status, 200);
    assert.equal(await login('old'), 303);
    await writeFile(auth.htpasswdFile, `olga:${await hash('new', 4)}\n`);
    await daemon.reload({});
    await eventually(() => daemon.logged('changed files read again').length > 0, 'the file is read again');
    assert.deepEqual([await login('new'), await login('old')], [303, 401]);
    for (let guess = 0; guess < 4; guess++) assert.equal(await login(`guess ${guess}`), 401);
    assert.equal(await login('old'), 429);
  });

  it('has no login where it is told so, whatever clients have', async (t) => {
    const daemon = await beyond(t, { auth: await users(t, 'alice', 'right') }, { auth: { type: 'none' } });
    const here = daemon.adminUrl.replace('0.0.0.0', '127.0.0.1');
    assert.match((await get(`${here}/`, as('alice', 'right'))).body.toString(), /admin\.auth/);
    assert.equal((await get(`${here}/login`, as('alice', 'right'))).status, 404);
  });
});

describe('the admin port', () => {
  for (const hangs of [false, true]) {
    it(
      hangs ? 'cuts an answer that never comes' : 'gives the answer that is being made when it is closed',
      async (t) => {
        const [asked, made] = [deferred<undefined>(), deferred<string>()];
        const text = () => {
          asked.resolve(undefined);
          return made.promise;
        };
        const parts = { metrics: { contentType: 'text/plain', text } } as unknown as AdminParts;
        const admin = await AdminServer.open(parts, { host: '127.0.0.1', port: 0 });
        const agent = new Agent({ keepAlive: true });
        t.after(() => agent.destroy());
        const request = httpGet({ port: admin.address.port, path: '/metrics', agent });
        const answer = once(request, 'response') as Promise<[IncomingMessage]>;
        answer.catch(() => undefined);
        await asked.promise;
        const closing = admin.close();
        if (!hangs) {
          made.resolve('whole');
          const [response] = await answer;
          assert.deepEqual([response.statusCode, await readText(response)], [200, 'whole']);
        } else await assert.rejects(answer, { code: 'ECONNRESET' });
        await closing;
      },
    );
  }

  it('answers HEAD without a body, nothing but GET and HEAD, and nothing it does not know', async (t) => {
    const { daemon } = await scene(t);
    const answer = await head(`${daemon.adminUrl}/metrics`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
    assert.equal((await get(`${daemon.adminUrl}/healthz`)).status, 200);
    assert.equal((await get(`${daemon.adminUrl}/readyz`)).body.toString(), 'ready\n');
    assert.equal((await get(`${daemon.adminUrl}/secret`)).status, 404);
    assert.equal((await get(`${daemon.adminUrl}/`, { method: 'POST' })).status, 405);
  });
});
