/** What a collector is told of a pull, and what nobody is told. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it, type TestContext } from 'node:test';
import { missing } from '../../src/lib/optional-package.js';
import { startTestDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage } from '../support/images.js';
import { startSpanCollector } from '../support/span-collector.js';

const skip = missing('@opentelemetry/sdk-trace-node') ?? false;
const PASSWORD = 'canary-c0ffee-password';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const TRACED_BY_CLIENT = { headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01` } };

async function scene(t: TestContext, tracing: object) {
  const auth = { type: 'bearer', users: { ada: PASSWORD }, anonymous: false } as const;
  const registry = await FakeRegistry.start(t, { auth, cdn: true });
  const image = makeImage({ seed: 'traced', layers: [2 * 1024 * 1024] });
  registry.push('team/app', image, 'v1');
  const daemon = await startTestDaemon(t, {
    upstreams: [{ name: 'up.test', url: registry.url, auth: { type: 'basic', username: 'ada', password: PASSWORD } }],
    config: { tracing },
  });
  return { registry, daemon, image, layer: image.layers[0]! };
}

/** Packages for CommonJS are in one table, whoever loads them. */
const isLoaded = (name: string) =>
  Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes(name));

describe('tracing', { skip }, () => {
  it('loads its packages only when it is configured', async (t) => {
    const { daemon } = await scene(t, {});
    assert.equal((await daemon.manifest('team/app', 'v1', TRACED_BY_CLIENT)).status, 200);
    await daemon.stop();
    assert.ok(!isLoaded('@opentelemetry/sdk'));
    await scene(t, { endpoint: 'http://127.0.0.1:9' });
    assert.ok(isLoaded('@opentelemetry/sdk'));
  });

  it('tells of a pull, what it asked of upstream, and the blob that it brought', async (t) => {
    const collector = await startSpanCollector(t);
    const { daemon, layer } = await scene(t, { endpoint: collector.url });
    await daemon.manifest('team/app', 'v1');
    await daemon.blob('team/app', layer.digest);
    await daemon.stored(layer.digest);
    await daemon.stop();

    const { spans } = collector;
    const manifest = spans.find(({ name }) => name === 'GET manifests');
    assert.equal(manifest?.attributes['cistern.repository'], 'team/app');
    assert.equal(manifest.attributes['cistern.reference'], 'v1');
    assert.equal(Number(manifest.attributes['http.response.status_code']), 200);
    assert.equal(manifest.attributes['cistern.outcome'], 'miss');
    const asked = spans.filter(({ parentSpanId }) => parentSpanId === manifest.spanId);
    assert.deepEqual(
      asked.map(({ name, attributes }) => [name, Number(attributes['http.response.status_code'])]),
      [
        ['GET', 401],
        ['GET', 200],
        ['GET', 200],
      ],
      'a refusal, a login, the manifest',
    );

    const blob = spans.find(({ name }) => name === 'GET blobs');
    const fill = spans.find(({ name }) => name === 'fill');
    assert.equal(fill?.parentSpanId, blob?.spanId);
    assert.equal(fill?.attributes['cistern.digest'], layer.digest);
    const store = spans.find(({ name, parentSpanId }) => name === 'store' && parentSpanId === fill.spanId);
    assert.equal(Number(store?.attributes['cistern.bytes']), layer.size);
  });

  it("goes on with a client's trace, and tells upstream of none", async (t) => {
    const collector = await startSpanCollector(t);
    const { registry, daemon } = await scene(t, { endpoint: collector.url, ratio: 0.000001 });
    await daemon.manifest('team/app', 'v1', TRACED_BY_CLIENT);
    await daemon.stop();
    assert.deepEqual(
      collector.spans.filter(({ name }) => name === 'GET manifests').map(({ traceId }) => traceId),
      [TRACE],
    );
    assert.ok(registry.requests.length > 0);
    for (const { headers } of registry.requests) {
      assert.deepEqual(
        Object.keys(headers).filter((name) => /^(trace|baggage|b3|x-b3|uber-trace)/.test(name)),
        [],
      );
    }
  });

  it('sends no credential, token or signature', async (t) => {
    const collector = await startSpanCollector(t);
    const { registry, daemon, layer } = await scene(t, { endpoint: collector.url });
    await daemon.manifest('team/app', 'v1');
    await daemon.blob('team/app', layer.digest);
    await daemon.blob('team/app', `sha256:${'0'.repeat(64)}`);
    await daemon.stop();
    const sent = collector.bodies.join('\n');
    const secrets = registry.requests.flatMap(({ headers, path }) => [
      headers.authorization?.split(' ')[1],
      path.split('?')[1],
    ]);
    assert.ok(
      secrets.filter((secret) => secret !== undefined).length >= 3,
      'a login, a token and a signed URL were used',
    );
    for (const secret of [PASSWORD, ...secrets]) assert.ok(secret === undefined || !sent.includes(secret), secret);
  });

  it('follows `ratio` where nobody traces yet', async (t) => {
    const collector = await startSpanCollector(t);
    const { daemon } = await scene(t, { endpoint: collector.url, ratio: 0.000001 });
    for (let n = 0; n < 20; n++) await daemon.manifest('team/app', 'v1');
    await daemon.stop();
    assert.deepEqual(collector.spans, []);
  });

  it('costs no pull when the collector is gone, and says so in the log', async (t) => {
    const { daemon, image } = await scene(t, { endpoint: 'http://127.0.0.1:9' });
    const answer = await daemon.manifest('team/app', 'v1');
    assert.equal(answer.status, 200);
    assert.ok(answer.body.equals(image.bytes));
    await daemon.stop();
    await eventually(() => daemon.logged('"msg":"tracing"').length > 0, 'the log tells of it');
  });
});
