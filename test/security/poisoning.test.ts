/** Whatever else a client sends with its request, the next client gets what upstream has under that name. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { pull, REPOSITORY, SMALL, startScene, type Scene } from '../cases/scene.js';
import { get, sha256 } from '../support/http.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { startTestDaemon } from '../support/daemon.js';
import { makeImage } from '../support/images.js';
import { suiteScope } from '../support/tmp.js';

/** What has poisoned caches elsewhere. */
const HEADERS: readonly Readonly<Record<string, string>>[] = [
  { host: 'evil.example' },
  { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-port': '444' },
  { forwarded: 'host=evil.example;proto=https' },
  { 'x-original-url': '/v2/evil/manifests/v1', 'x-rewrite-url': '/v2/evil/manifests/v1' },
  { 'x-http-method-override': 'PUT' },
  { 'x-http-method': 'HEAD' },
  { accept: 'application/vnd.docker.distribution.manifest.v1+prettyjws' },
  { accept: 'text/html' },
  { accept: '' },
  { 'accept-encoding': 'gzip, br, zstd' },
  { 'accept-language': 'x' },
  { authorization: 'Bearer of-somebody-else' },
  { cookie: 'session=1' },
  { range: 'bytes=0-0' },
  { 'if-none-match': '*' },
  { 'if-match': '"other"' },
  { 'if-modified-since': 'Thu, 01 Jan 2099 00:00:00 GMT' },
  { 'cache-control': 'no-store, max-age=0', pragma: 'no-cache' },
  { 'docker-content-digest': `sha256:${'0'.repeat(64)}` },
  { 'content-type': 'application/json' },
  { te: 'trailers', connection: 'te' },
  { via: '1.1 evil' },
];

const QUERIES = [
  '&ns=evil.example',
  '&n=1',
  '&digest=sha256:0',
  '&utm=1',
  '&ns=',
  '&__proto__=1',
  `&x=${'a'.repeat(8000)}`,
];

describe('a cache cannot be poisoned', () => {
  let scene: Scene;
  const scope = suiteScope();
  before(async () => {
    scene = await startScene(scope, { upstream: { tagTtl: '0s' } });
  });

  const bodies = () => {
    const { image, layer } = scene;
    return [
      [`manifests/v1`, image.digest],
      [`manifests/${image.digest}`, image.digest],
      [`blobs/${layer.digest}`, layer.digest],
    ] as const;
  };

  for (const headers of HEADERS) {
    it(`by ${JSON.stringify(headers).slice(0, 60)}`, async () => {
      for (const [path, digest] of bodies()) {
        const url = `${scene.daemon.url}/v2/${REPOSITORY}/${path}?ns=docker.io`;
        await get(url, { headers });
        const next = await get(url);
        assert.equal(next.status, 200);
        assert.equal(sha256(next.body), digest);
        assert.equal(next.headers['content-encoding'], undefined);
        assert.equal(next.headers['docker-content-digest'], digest);
        assert.equal(next.headers['set-cookie'], undefined);
      }
    });
  }

  it('by what follows in the query: the first ns counts, and nothing else', async () => {
    for (const query of QUERIES) {
      for (const [path, digest] of bodies()) {
        const url = `${scene.daemon.url}/v2/${REPOSITORY}/${path}?ns=docker.io`;
        assert.equal(sha256((await get(url + query)).body), digest, query);
        assert.equal(sha256((await get(url)).body), digest, query);
      }
    }
  });

  it('by any of these headers reaching upstream', async () => {
    for (const headers of HEADERS) {
      await get(`${scene.daemon.url}/v2/${REPOSITORY}/manifests/v1`, { headers });
    }
    const sent = new Set(HEADERS.flatMap((headers) => Object.keys(headers)));
    for (const name of ['host', 'accept', 'connection', 'accept-encoding', 'range', 'content-type']) sent.delete(name);
    for (const request of scene.registry.requests) {
      assert.deepEqual(
        Object.keys(request.headers).filter((name) => sent.has(name)),
        [],
      );
      assert.equal(request.headers['accept-encoding'], 'identity');
      assert.ok(request.headers.host !== 'evil.example');
    }
  });
});

describe('an upstream', () => {
  it('answers for itself only: the same name elsewhere is something else', async (t) => {
    const [good, evil] = [await FakeRegistry.start(t), await FakeRegistry.start(t)];
    good.push(REPOSITORY, makeImage({ seed: 'good' }), 'v1');
    evil.push(REPOSITORY, makeImage({ seed: 'evil' }), 'v1');
    const daemon = await startTestDaemon(t, {
      upstreams: [
        { name: 'docker.io', url: good.url },
        { name: 'evil.example', url: evil.url },
      ],
    });
    await get(daemon.manifestUrl(REPOSITORY, 'v1', 'evil.example'));
    assert.equal(sha256((await daemon.manifest(REPOSITORY, 'v1')).body), makeImage({ seed: 'good' }).digest);
    for (const url of [
      `${daemon.url}/v2/evil.example/${REPOSITORY}/manifests/v1`,
      `${daemon.url}/evil.example/v2/${REPOSITORY}/manifests/v1`,
    ])
      assert.equal(sha256((await get(url)).body), makeImage({ seed: 'evil' }).digest, url);
  });

  it('sets no cookie, here or there, and no header of its choice', async (t) => {
    const scene = await startScene(t);
    const { registry, daemon, layer } = scene;
    const headers = { 'set-cookie': ['a=canary', 'b=canary'], location: 'https://evil.example', 'x-evil': 'canary' };
    const mend = registry.fail({}, { headers: { ...headers, 'access-control-allow-origin': '*' } });
    const answers = [await daemon.manifest(REPOSITORY, 'v1'), await daemon.blob(REPOSITORY, layer.digest)];
    await pull(scene);
    mend();
    answers.push(await daemon.manifest(REPOSITORY, 'v1'), await daemon.blob(REPOSITORY, layer.digest));
    for (const answer of answers) {
      assert.equal(answer.status, 200);
      assert.ok(!JSON.stringify(answer.headers).includes('canary'));
      assert.equal(answer.headers.location, undefined);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
    for (const request of registry.requests) assert.equal(request.headers.cookie, undefined);
    assert.ok(layer.size === SMALL);
  });
});
