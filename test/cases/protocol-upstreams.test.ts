/** The cases of the registry protocol that concern how upstreams behave. Numbers are the protocol notes'. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { errorCode, get, head, sha256 } from '../support/http.js';
import { makeImage, OCI_MANIFEST } from '../support/images.js';
import { BIG, pull, REPOSITORY, startScene } from './scene.js';

const ADA = { auth: { type: 'basic', username: 'ada', password: 'lovelace' } };
const BEARER = { type: 'bearer', users: { ada: 'lovelace' }, anonymous: false } as const;

describe('upstreams', () => {
  it('16. 429 with the tag cached is a stale 200 at once', async (t) => {
    const scene = await startScene(t, { upstream: { tagTtl: '0s' } });
    await pull(scene);
    scene.registry.fail({}, { status: 429, headers: { 'retry-after': '60' } });
    const answer = await scene.daemon.manifest(REPOSITORY, 'v1', { timeout: 2_000 });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, scene.image.bytes);
    assert.match(String(answer.headers['cache-status']), /^cistern; fwd=stale; fwd-status=429; detail=stale$/);
    assert.match(String(answer.headers.age), /^\d+$/);
  });

  it('16. 429 with nothing cached is 429 with Retry-After', async (t) => {
    const { registry, daemon, layer } = await startScene(t);
    registry.fail({}, { status: 429, headers: { 'retry-after': '60' } });
    for (const url of [daemon.manifestUrl(REPOSITORY, 'v1'), daemon.blobUrl(REPOSITORY, layer.digest)]) {
      const answer = await get(url);
      assert.deepEqual([answer.status, errorCode(answer)], [429, 'TOOMANYREQUESTS'], url);
      assert.ok(Number(answer.headers['retry-after']) > 0);
    }
  });

  it('17. 401 insufficient_scope under a good token is 404', async (t) => {
    const { registry, daemon } = await startScene(t, {
      registry: { auth: { type: 'bearer' }, denial: 'insufficient_scope' },
    });
    const answer = await daemon.manifest('team/nowhere', 'v1');
    assert.equal(answer.status, 404);
    assert.ok(registry.count({ repository: 'team/nowhere' }) <= 6, 'no 401 loop');
    assert.equal((await daemon.manifest(REPOSITORY, 'v1')).status, 200);
  });

  it('23. a redirect to another origin carries no Authorization', async (t) => {
    const scene = await startScene(t, { registry: { cdn: true, auth: BEARER }, upstream: ADA, size: BIG });
    await pull(scene);
    const redirected = scene.registry.seen({ kind: 'cdn' });
    assert.ok(redirected.length > 0);
    for (const { headers } of redirected) {
      assert.equal(headers.authorization, undefined);
      assert.equal(headers.cookie, undefined);
    }
  });

  it('23. a signed URL that has expired is resolved once more, also in the middle of a blob', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { registry: { cdn: true }, size: BIG });
    registry.fail({ kind: 'cdn', times: 1 }, { status: 403 });
    registry.fail({ kind: 'cdn', skip: 1, times: 1, at: 'middle' }, { drop: 'rst' });
    registry.after({ kind: 'cdn', skip: 1 }, () => registry.expireSignatures());
    const answer = await daemon.blob(REPOSITORY, layer.digest);
    assert.deepEqual([answer.status, answer.complete], [200, true]);
    assert.deepEqual(answer.body, layer.bytes);
  });

  for (const auth of [
    { type: 'bearer', field: 'access_token' },
    { type: 'bearer', field: 'token', expiresIn: 'none' },
    { type: 'bearer', challenge: 'ping' },
    { type: 'bearer', separate: true, users: { ada: 'lovelace' }, anonymous: false },
    { type: 'basic', users: { ada: 'lovelace' } },
  ] as const) {
    it(`24. authentication: ${JSON.stringify(auth)}`, async (t) => {
      const registry = await FakeRegistry.start(t, { auth });
      const image = makeImage({ seed: 'auth' });
      registry.push(REPOSITORY, image, 'v1');
      const realms = [new URL(registry.tokenUrl).host];
      const credentials = 'users' in auth ? ADA : {};
      const daemon = await startTestDaemon(t, {
        upstreams: [{ name: 'docker.io', url: registry.url, realms, ...credentials }],
      });
      assert.deepEqual((await daemon.manifest(REPOSITORY, 'v1')).body, image.bytes);
      for (const blob of image.blobs) assert.deepEqual((await daemon.blob(REPOSITORY, blob.digest)).body, blob.bytes);
      assert.ok(registry.count({ kind: 'token' }) <= 1, 'one token serves them all');
    });
  }

  for (const expired of [400, 401] as const) {
    it(`24. an expired token (${expired}) is refreshed, once`, async (t) => {
      const { registry, daemon, image, layer } = await startScene(t, {
        registry: { auth: { ...BEARER, expired } },
        upstream: ADA,
      });
      assert.deepEqual((await daemon.manifest(REPOSITORY, 'v1')).body, image.bytes);
      registry.expireTokens();
      assert.deepEqual((await daemon.blob(REPOSITORY, layer.digest)).body, layer.bytes);
      assert.equal(registry.count({ kind: 'token' }), 2);
    });
  }

  for (const [quirk, fault] of [
    ['405 to HEAD', { status: 405 }],
    ['no digest on HEAD', { headers: { 'docker-content-digest': undefined } }],
    ['neither digest nor length on HEAD', { headers: { 'docker-content-digest': undefined }, length: 'none' }],
  ] as const) {
    it(`26. ${quirk}: the manifest is fetched and its digest computed`, async (t) => {
      const { registry, daemon, image } = await startScene(t);
      registry.fail({ kind: 'manifest', method: 'HEAD' }, fault);
      registry.fail({ kind: 'manifest', method: 'GET' }, { headers: { 'docker-content-digest': undefined } });
      const headed = await head(daemon.manifestUrl(REPOSITORY, 'v1'));
      assert.equal(headed.status, 200);
      assert.equal(headed.headers['docker-content-digest'], image.digest);
      assert.equal(headed.headers['content-length'], String(image.size));
      const got = await daemon.manifest(REPOSITORY, 'v1');
      assert.equal(got.headers['docker-content-digest'], sha256(got.body));
    });
  }

  for (const refusal of [401, 403] as const) {
    it(`27. a stored credential refused (${refusal}) at the token endpoint is an error of its own, logged`, async (t) => {
      const { daemon, layer } = await startScene(t, {
        registry: { auth: { ...BEARER, refusal } },
        upstream: { auth: { type: 'basic', username: 'ada', password: 'wrong-canary' } },
      });
      for (const url of [daemon.manifestUrl(REPOSITORY, 'v1'), daemon.blobUrl(REPOSITORY, layer.digest)]) {
        const answer = await get(url);
        assert.deepEqual([answer.status, errorCode(answer)], [502, 'UNAVAILABLE'], url);
        assert.ok(!answer.body.includes('wrong-canary'));
      }
      await eventually(() => daemon.logged('UPSTREAM_CREDENTIALS').length > 0, 'the refusal is logged');
      assert.equal(daemon.logged('wrong-canary').length, 0);
    });
  }

  it('27. a credential refused later serves known tags as stale', async (t) => {
    const scene = await startScene(t, { registry: { auth: BEARER }, upstream: { ...ADA, tagTtl: '0s' } });
    await pull(scene);
    scene.registry.auth.mode = { ...BEARER, users: { ada: 'changed' } };
    scene.registry.expireTokens();
    const answer = await scene.daemon.manifest(REPOSITORY, 'v1');
    assert.equal(answer.status, 200);
    assert.match(String(answer.headers['cache-status']), /detail=stale/);
  });

  it('29. a signature that was 404 and is then pushed appears within the negative TTL', async (t) => {
    const { registry, daemon, image } = await startScene(t, { upstream: { negativeTtl: '300ms' } });
    const tag = `${image.digest.replace(':', '-')}.sig`;
    assert.equal((await daemon.manifest(REPOSITORY, tag)).status, 404);
    const again = await daemon.manifest(REPOSITORY, tag);
    if (registry.count({ reference: tag }) === 1) {
      assert.equal(again.headers['cache-status'], 'cistern; hit; detail=negative');
    }
    registry.push(REPOSITORY, makeImage({ seed: 'sig' }), tag);
    await eventually(
      async () => (await daemon.manifest(REPOSITORY, tag)).status === 200,
      'the signature appears',
      5_000,
    );
  });

  it('31. a pull by digest while the tag moves gives the digest that was asked for', async (t) => {
    const { registry, daemon, image } = await startScene(t, { upstream: { tagTtl: '0s' } });
    const moved = makeImage({ seed: 'moved' });
    registry.push(REPOSITORY, moved);
    registry.after({ kind: 'manifest', method: 'HEAD' }, () => registry.tag(REPOSITORY, 'v1', moved));
    const headed = await head(daemon.manifestUrl(REPOSITORY, 'v1'));
    assert.equal(headed.headers['docker-content-digest'], image.digest);
    const byDigest = await daemon.manifest(REPOSITORY, image.digest);
    assert.deepEqual(byDigest.body, image.bytes);
    assert.equal(byDigest.headers['docker-content-digest'], image.digest);
    assert.deepEqual((await daemon.manifest(REPOSITORY, 'v1')).body, moved.bytes);
  });

  it('32. the request sequences of scanners and updaters are answered as a registry would', async (t) => {
    const { registry, daemon, image, layer } = await startScene(t);
    // Renovate and Argo CD's image updater: ping, tags, HEAD of the tag with one type in Accept.
    assert.equal((await get(`${daemon.url}/v2/`)).status, 200);
    assert.equal((await get(`${daemon.url}/v2/docker.io/${REPOSITORY}/tags/list?n=1000`)).status, 200);
    const updater = await head(daemon.manifestUrl(REPOSITORY, 'v1'), { headers: { accept: OCI_MANIFEST } });
    assert.equal(updater.headers['docker-content-digest'], image.digest);
    // Trivy, dive and Docker Scout: manifest, config, layers, and a tag that does not exist.
    assert.deepEqual((await daemon.manifest(REPOSITORY, image.digest)).body, image.bytes);
    assert.deepEqual((await daemon.blob(REPOSITORY, image.config.digest)).body, image.config.bytes);
    assert.deepEqual((await daemon.blob(REPOSITORY, layer.digest)).body, layer.bytes);
    // Dependabot: HEAD of a digest.
    assert.equal((await head(daemon.manifestUrl(REPOSITORY, image.digest))).status, 200);
    assert.equal(registry.count({ kind: 'manifest', method: 'GET' }), 1);
  });
});
