/** The instruments themselves: enough to trust what they measure. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChaosProxy } from './chaos-proxy.js';
import { FakeRegistry } from './fake-registry.js';
import { get, head, open, sha256 } from './http.js';
import { makeImage, makeIndex, noise } from './images.js';
import { ManualClock } from './manual-clock.js';

const SIZE = 300_000;
const image = makeImage({ seed: 'support', layers: [SIZE] });
const [layer] = image.layers;
const path = `/v2/team/app/blobs/${layer!.digest}`;

describe('images', () => {
  it('are the same for the same seed and differ for another', () => {
    assert.equal(makeIndex({ seed: 'a' }).digest, makeIndex({ seed: 'a' }).digest);
    assert.notEqual(makeIndex({ seed: 'a' }).digest, makeIndex({ seed: 'b' }).digest);
    assert.deepEqual(noise('x', 10).subarray(0, 5), noise('x', 5));
  });
});

describe('the fake registry', () => {
  it('serves manifests, blobs and ranges, and logs them', async (t) => {
    const registry = await FakeRegistry.start(t);
    registry.push('team/app', image, 'v1');
    const manifest = await get(`${registry.url}/v2/team/app/manifests/v1`);
    assert.equal(sha256(manifest.body), manifest.headers['docker-content-digest']);
    assert.equal((await head(`${registry.url}${path}`)).headers['content-length'], String(SIZE));
    const part = await get(`${registry.url}${path}`, { range: 'bytes=10-19' });
    assert.deepEqual([part.status, part.headers['content-range']], [206, `bytes 10-19/${SIZE}`]);
    assert.deepEqual(part.body, layer!.bytes.subarray(10, 20));
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
    assert.equal(registry.seen({ kind: 'blob', status: 206 })[0]?.sentBytes, 10);
  });

  for (const drop of ['rst', 'fin'] as const) {
    it(`drops (${drop}) at an exact byte, once`, async (t) => {
      const registry = await FakeRegistry.start(t);
      registry.push('team/app', image, 'v1');
      registry.fail({ kind: 'blob', times: 1, at: 1000 }, { drop });
      const cut = await get(`${registry.url}${path}`);
      assert.deepEqual([cut.status, cut.body.length, cut.complete], [200, 1000, false]);
      assert.equal((await get(`${registry.url}${path}`)).complete, true);
    });
  }

  it('holds an answer at the last byte until the gate opens', async (t) => {
    const registry = await FakeRegistry.start(t);
    registry.push('team/app', image, 'v1');
    const gate = registry.hold({ kind: 'blob', at: 'last' });
    const reader = await open(`${registry.url}${path}`);
    await gate.reached;
    assert.equal((await reader.read(SIZE - 1)).length, SIZE - 1);
    gate.open();
    assert.equal((await reader.rest()).length, 1);
    assert.equal(reader.complete, true);
  });

  it('lies in every way it is told to', async (t) => {
    const registry = await FakeRegistry.start(t);
    registry.push('team/app', image, 'v1');
    const answer = async (fault: Parameters<FakeRegistry['fail']>[1], range?: string) => {
      registry.fail({ kind: 'blob', times: 1, at: 'middle' }, fault);
      return get(`${registry.url}${path}`, range === undefined ? {} : { range });
    };
    const flipped = await answer({ flip: true });
    assert.equal(flipped.complete, true);
    assert.notEqual(sha256(flipped.body), layer!.digest);
    assert.equal((await answer({ truncate: true })).body.length, SIZE / 2);
    assert.equal((await answer({ extra: 5 })).body.length, SIZE + 5);
    assert.equal((await answer({ length: 'none' })).headers['content-length'], undefined);
    assert.equal((await answer({ length: SIZE + 1 })).complete, false);
    assert.equal((await answer({ html: true })).headers['content-type'], 'text/html');
    assert.equal((await answer({ encoding: 'br' })).headers['content-encoding'], 'br');
    assert.equal((await answer({ range: 'ignore' }, 'bytes=5-')).status, 200);
    assert.equal((await answer({ range: 'refuse' }, 'bytes=5-')).status, 416);
    assert.equal(
      (await answer({ range: 'shifted' }, 'bytes=5-')).headers['content-range'],
      `bytes 12-${SIZE - 1}/${SIZE}`,
    );
    assert.equal((await answer({ status: 429, headers: { 'retry-after': '7' } })).headers['retry-after'], '7');
    assert.equal(sha256((await get(`${registry.url}${path}`)).body), layer!.digest);
  });

  it('asks for a token, gives one, and forgets it', async (t) => {
    const registry = await FakeRegistry.start(t, {
      auth: { type: 'bearer', users: { ada: 'lovelace' }, anonymous: false, separate: true, field: 'access_token' },
    });
    registry.push('team/app', image, 'v1');
    const challenge = await get(`${registry.url}${path}`);
    assert.equal(challenge.status, 401);
    const said = /realm="(.*)",service="(.*)",scope="(.*)"/.exec(String(challenge.headers['www-authenticate']));
    const url = `${said?.[1] ?? ''}?service=${said?.[2] ?? ''}&scope=${said?.[3] ?? ''}`;
    assert.equal((await get(url)).status, 401);
    const basic = `Basic ${Buffer.from('ada:lovelace').toString('base64')}`;
    const token = JSON.parse((await get(url, { headers: { authorization: basic } })).body.toString()) as {
      access_token: string;
    };
    const headers = { authorization: `Bearer ${token.access_token}` };
    assert.equal((await get(`${registry.url}${path}`, { headers })).status, 200);
    registry.expireTokens();
    assert.equal((await get(`${registry.url}${path}`, { headers })).status, 401);
  });

  it('sends blobs elsewhere by URLs that expire', async (t) => {
    const registry = await FakeRegistry.start(t, { cdn: true });
    registry.push('team/app', image, 'v1');
    const { status, headers } = await get(`${registry.url}${path}`);
    assert.equal(status, 307);
    assert.equal((await get(String(headers.location))).body.length, SIZE);
    registry.expireSignatures();
    assert.equal((await get(String(headers.location))).status, 403);
  });

  it('goes down and comes back on the same port', async (t) => {
    const registry = await FakeRegistry.start(t);
    await registry.down();
    await assert.rejects(get(`${registry.url}/v2/`));
    await registry.up();
    assert.equal((await get(`${registry.url}/v2/`)).status, 200);
  });
});

describe('the chaos proxy', () => {
  for (const act of ['rst', 'fin'] as const) {
    it(`breaks (${act}) the next connection at an exact byte and leaves the one after alone`, async (t) => {
      const registry = await FakeRegistry.start(t);
      registry.push('team/app', image, 'v1');
      const proxy = await ChaosProxy.start(registry.port);
      t.after(() => proxy.stop());
      proxy.next({ after: 100_000, act });
      const cut = await get(`${proxy.url}${path}`);
      assert.equal(cut.complete, false);
      assert.equal(proxy.passed.down, 100_000);
      assert.equal(sha256((await get(`${proxy.url}${path}`)).body), layer!.digest);
    });
  }

  it('stalls, delays and throttles', async (t) => {
    const registry = await FakeRegistry.start(t);
    registry.push('team/app', image, 'v1');
    const proxy = await ChaosProxy.start(registry.port);
    t.after(() => proxy.stop());
    proxy.next({ after: 50_000, act: 'stall' });
    const stalled = await open(`${proxy.url}${path}`);
    assert.ok((await stalled.read(SIZE, 200)).length < 50_000);
    stalled.abort();
    proxy.next({ after: 50_000, act: { delay: 20 } });
    assert.equal((await get(`${proxy.url}${path}`)).complete, true);
    proxy.next({ after: 250_000, act: { bytesPerSecond: 1_000_000 } });
    assert.equal((await get(`${proxy.url}${path}`)).complete, true);
  });
});

describe('the manual clock', () => {
  it('fires what is due, in order, and nothing else', async () => {
    const clock = new ManualClock();
    const order: string[] = [];
    void clock.sleep(20).then(() => order.push('20'));
    void clock.sleep(10).then(() => order.push('10'));
    const stop = clock.every(15, () => order.push('15'));
    await clock.advance(30);
    assert.deepEqual(order, ['10', '15', '20', '15']);
    stop();
    clock.jump(-5000);
    assert.equal(clock.monotonic(), 30);
    await assert.rejects(clock.sleep(1, AbortSignal.abort(new Error('no'))), /no/);
    assert.equal(clock.waiting, 0);
  });
});
