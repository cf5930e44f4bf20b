/** What upstreams do to a transfer, at the moments where it hurts: each fill is resumed byte-exact, or cut; never wrong. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ChaosProxy } from '../support/chaos-proxy.js';
import { startTestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import type { Fault, Moment } from '../support/fake-reply.js';
import { sha256 } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { BIG, pull, REPOSITORY, SMALL, startScene, type Scene } from './scene.js';

const MOMENTS: readonly Moment[] = ['headers', 'first', 'middle', 'last'];
const IMPATIENT = { responseTimeout: '300ms', connectTimeout: '500ms' };

async function assertNeverWrong({ daemon, layer }: Scene): Promise<void> {
  const answer = await daemon.blob(REPOSITORY, layer.digest, { timeout: 50_000 });
  // What is cut may hold wrong bytes: the client knows that it has not got the blob.
  if (answer.status === 200 && answer.complete) assert.equal(sha256(answer.body), layer.digest);
  else assert.ok(answer.status === 200 || answer.status >= 500, String(answer.status));
}

async function assertWhole({ daemon, layer }: Scene): Promise<void> {
  const answer = await daemon.blob(REPOSITORY, layer.digest, { timeout: 50_000 });
  assert.deepEqual([answer.status, answer.complete, sha256(answer.body)], [200, true, layer.digest]);
}

describe('a transfer that breaks once', () => {
  for (const size of [SMALL, BIG]) {
    for (const at of MOMENTS) {
      for (const [name, fault] of [
        ['a reset', { drop: 'rst' }],
        ['a close', { drop: 'fin' }],
        ['a stall', { stall: true }],
      ] as const) {
        it(`${name} at ${at} of ${size} bytes is resumed, byte-exact`, async (t) => {
          // Fetches are counted, so a slow machine must not look like a stall; and only a stall needs to be noticed.
          const upstream = name === 'a stall' ? { responseTimeout: '1s' } : { responseTimeout: '20s' };
          const scene = await startScene(t, { size, upstream });
          await scene.daemon.manifest(REPOSITORY, 'v1');
          scene.registry.fail({ kind: 'blob', method: 'GET', times: 1, at }, fault);
          await assertWhole(scene);
          const fetches = scene.registry.seen({ kind: 'blob', method: 'GET', reference: scene.layer.digest });
          assert.equal(fetches.length, 2);
          if (at === 'middle') assert.match(String(fetches[1]?.range), /^bytes=[1-9]\d*-/, 'not from the start again');
        });
      }
    }
  }

  for (const act of ['rst', 'fin', 'stall'] as const) {
    it(`below HTTP, by ${act}, on two connections, is still whole`, async (t) => {
      const registry = await FakeRegistry.start(t);
      const image = makeImage({ seed: `proxy/${act}`, layers: [BIG] });
      registry.push(REPOSITORY, image, 'v1');
      const proxy = await ChaosProxy.start(registry.port);
      t.after(() => proxy.stop());
      const upstream = { name: 'docker.io', url: proxy.url, ...IMPATIENT };
      const daemon = await startTestDaemon(t, { upstreams: [upstream] });
      proxy.next({ after: 1_200_000, act, times: 2 });
      await assertWhole({ registry, daemon, image, layer: image.layers[0]! });
    });
  }
});

describe('a resume', () => {
  for (const [name, fault] of [
    ['answered with the whole blob (Range ignored)', { range: 'ignore' }],
    ['answered with another range', { range: 'shifted' }],
    ['answered with a range that lies', { range: 'lying' }],
    ['refused by 416', { range: 'refuse' }],
    ['answered by a login page', { html: true }],
    ['answered compressed', { encoding: 'gzip' }],
    ['answered by 503', { status: 503 }],
  ] as const) {
    it(`${name} is never wrong, and good bytes come afterwards`, async (t) => {
      const scene = await startScene(t, { size: BIG });
      const { registry } = scene;
      registry.fail({ kind: 'blob', method: 'GET', times: 1, at: 'middle' }, { drop: 'rst' });
      registry.fail({ kind: 'blob', method: 'GET', ranged: true, times: 1 }, fault);
      await assertNeverWrong(scene);
      await assertWhole(scene);
    });
  }

  it('goes on after a restart from what was kept', async (t) => {
    const scene = await startScene(t, { size: BIG });
    const { registry, daemon, layer } = scene;
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 2_000_000 });
    const reader = await daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    await reader.read(1_500_000);
    reader.abort();
    await daemon.restart();
    gate.open();
    registry.forgetRequests();
    await assertWhole(scene);
    const [fetch] = registry.seen({ kind: 'blob', method: 'GET' });
    assert.match(String(fetch?.range), /^bytes=[1-9]\d*-/);
    assert.ok(fetch!.sentBytes < BIG);
  });

  it('survives a token that expires in the middle', async (t) => {
    const scene = await startScene(t, { size: BIG, registry: { auth: { type: 'bearer' } } });
    const { registry } = scene;
    registry.fail({ kind: 'blob', method: 'GET', times: 1, at: 'middle' }, { drop: 'rst' });
    registry.after({ kind: 'blob', method: 'GET' }, () => registry.expireTokens());
    await assertWhole(scene);
  });
});

describe('bytes that are not the blob', () => {
  const faults: readonly (readonly [string, Fault, Moment?])[] = [
    ['a flipped bit', { flip: true }, 'last'],
    ['a short body that claims to be whole', { truncate: true }, 'middle'],
    ['extra bytes', { extra: 100 }],
    ['extra bytes after the announced length', { extra: 100, length: BIG }],
    ['a Content-Length that is too long', { length: BIG + 10 }],
    ['a Content-Length that is too short', { length: BIG - 10 }],
    ['extra bytes without a length', { extra: 70_000, length: 'none' }],
    ['a short body without a length', { truncate: true, length: 'none' }, 'middle'],
    ['a login page', { html: true }],
    ['gzip', { encoding: 'gzip' }],
    ['br', { encoding: 'br' }],
    ['an empty 200', { body: '' }],
  ];
  for (const [name, fault, at] of faults) {
    it(`${name}: never completed, never stored, good once upstream is good`, async (t) => {
      const scene = await startScene(t, { size: BIG, upstream: IMPATIENT });
      const { registry, daemon, layer } = scene;
      const mend = registry.fail({ kind: 'blob', method: 'GET', at: at ?? 'headers' }, fault);
      await assertNeverWrong(scene);
      assert.equal(daemon.logged('"msg":"stored"', layer.digest).length, 0);
      mend();
      await assertWhole(scene);
    });
  }

  it('a manifest that is a login page, compressed, too big or nonsense is refused', async (t) => {
    const { registry, daemon } = await startScene(t);
    for (const fault of [
      { html: true },
      { encoding: 'gzip' },
      { body: '{"schemaVersion":2' },
      { body: '[]' },
      { body: JSON.stringify({ schemaVersion: 2, manifests: [], layers: [] }) },
      { body: Buffer.alloc(5 * 1024 * 1024, 0x20) },
      { body: '' },
    ] as const) {
      const mend = registry.fail({ kind: 'manifest', method: 'GET' }, fault);
      const answer = await daemon.manifest(REPOSITORY, 'v1');
      assert.equal(answer.status, 502, JSON.stringify(fault).slice(0, 80));
      mend();
    }
    assert.equal((await daemon.manifest(REPOSITORY, 'v1')).status, 200);
  });

  it('an unsolicited response on an idle connection poisons nothing', async (t) => {
    const scene = await startScene(t, { upstream: { tagTtl: '0s' } });
    const { registry, daemon, image } = scene;
    const evil = makeImage({ seed: 'evil' });
    const stray = `HTTP/1.1 200 OK\r\ncontent-type: ${evil.mediaType}\r\ncontent-length: ${evil.size}\r\ndocker-content-digest: ${evil.digest}\r\n\r\n${evil.bytes.toString()}`;
    registry.fail({ kind: 'manifest', times: 3 }, { afterwards: stray });
    for (let i = 0; i < 6; i++) {
      const answer = await daemon.manifest(REPOSITORY, 'v1');
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['docker-content-digest'], image.digest);
      assert.deepEqual(answer.body, image.bytes);
    }
  });
});

describe('an upstream that is out of order', () => {
  for (const [name, fault] of [
    ['503', { status: 503 }],
    ['500', { status: 500 }],
    ['429', { status: 429, headers: { 'retry-after': '1' } }],
    ['a stall', { stall: true }],
    ['a reset', { drop: 'rst' }],
  ] as const) {
    it(`${name}: what is cached is served, the tag as stale`, async (t) => {
      const scene = await startScene(t, { upstream: { tagTtl: '0s', revalidateTimeout: '300ms' } });
      await pull(scene);
      const { registry, daemon, image, layer } = scene;
      registry.fail({}, fault);
      const tag = await daemon.manifest(REPOSITORY, 'v1', { timeout: 5_000 });
      assert.equal(tag.status, 200);
      assert.match(String(tag.headers['cache-status']), /^cistern; fwd=stale;.*detail=stale$/);
      const digest = await daemon.manifest(REPOSITORY, image.digest);
      assert.equal(digest.headers['cache-status'], 'cistern; hit');
      assert.equal((await daemon.blob(REPOSITORY, layer.digest)).headers['cache-status'], 'cistern; hit');
    });
  }

  it('a 401 that repeats for ever is given up after a refresh', async (t) => {
    const { registry, daemon } = await startScene(t, { registry: { auth: { type: 'bearer' } } });
    registry.fail(
      { kind: 'manifest' },
      { status: 401, headers: { 'www-authenticate': `Bearer realm="${registry.url}/token",service="fake"` } },
    );
    assert.equal((await daemon.manifest(REPOSITORY, 'v1')).status, 404);
    assert.ok(registry.count({ kind: 'manifest' }) <= 8, String(registry.count({ kind: 'manifest' })));
    assert.ok(registry.count({ kind: 'token' }) <= 6, String(registry.count({ kind: 'token' })));
  });

  it('leaves no spool behind when a blob never comes', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG, upstream: IMPATIENT });
    registry.fail({ kind: 'blob', method: 'GET' }, { drop: 'rst' });
    assert.ok((await daemon.blob(REPOSITORY, layer.digest, { timeout: 50_000 })).status >= 500);
    await daemon.stop();
    assert.deepEqual(await readdir(join(daemon.dataDir, 'spool')), []);
  });
});
