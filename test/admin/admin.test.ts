/** What the admin port shows to whoever asks: numbers, upstreams, and never a repository. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get as httpGet, type IncomingMessage } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { AdminServer, type AdminParts } from '../../src/admin/server.js';
import { statusPage } from '../../src/admin/status-page.js';
import { deferred } from '../../src/lib/async.js';
import { startTestDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { get, head } from '../support/http.js';
import { makeImage } from '../support/images.js';

const LIMITS = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' };

async function scene(t: TestContext) {
  const registry = await FakeRegistry.start(t);
  const daemon = await startTestDaemon(t, { upstreams: [{ name: 'up.test', url: registry.url }] });
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
  return { daemon, image };
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
  it('shows version, health, upstreams and ratios, loads nothing, and names no repository', async (t) => {
    const { daemon } = await scene(t);
    const { status, headers, body } = await get(`${daemon.adminUrl}/`);
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/html/);
    const text = body.toString();
    for (const part of [
      /<td>\d+\.\d+\.\d+<\/td>/,
      /less than a minute/,
      /<td>ready<\/td>/,
      /up\.test/,
      /closed/,
      /76 of 100/,
      /50\.0 %/,
    ])
      assert.match(text, part);
    assert.doesNotMatch(text, /secret|project/);
    assert.doesNotMatch(text, /src=|url\(|@import|<script|<link|https?:/);
    assert.match(String(headers['content-security-policy']), /default-src 'none'/);
  });

  it('escapes what it shows', () => {
    const text = statusPage({
      version: '<b>&"\'',
      uptime: (26 * 60 + 3) * 60_000,
      unready: 'stopping',
      health: 'full',
      stored: { blobs: 0, bytes: 0 },
      flights: 0,
      upstreams: [],
      counted: [],
    });
    assert.match(text, /&lt;b&gt;&amp;&quot;&#39;/);
    assert.match(text, /1 d 2 h 3 min/);
    assert.match(text, /no: stopping/);
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
