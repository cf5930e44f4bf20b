/** Where the daemon may be led by what upstreams say: realms, redirects and foreign layers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Canary, startCanary } from '../support/canary.js';
import { startTestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { makeImage } from '../support/images.js';
import { pull, REPOSITORY, startScene } from './scene.js';

const PASSWORD = 'canary-password';
const ADA = { auth: { type: 'basic', username: 'ada', password: PASSWORD } };
const BEARER = { type: 'bearer', users: { ada: PASSWORD }, anonymous: false } as const;

/** Realms a hostile or broken upstream may name, all of which end at the canary or at an address nobody may call. */
const hostileRealms = (canary: Canary): readonly string[] => {
  const port = new URL(canary.url).port;
  return [
    `http://127.0.0.2:${port}/token`,
    `http://localhost:${port}/token`,
    `http://[::ffff:127.0.0.2]:${port}/token`,
    `http://2130706434:${port}/token`,
    `http://0x7f000002:${port}/token`,
    `http://registry.example@127.0.0.2:${port}/token`,
    `http://127.0.0.1@127.0.0.2:${port}/token`,
    'http://169.254.169.254/latest/meta-data/',
    'https://[fe80::1]/token',
    'file:///etc/passwd',
    'gopher://127.0.0.2/token',
    '/token',
    'not a url',
    '',
  ];
};

describe('the guard', () => {
  it('a realm on a host that is not listed gets no packet and no credential', async (t) => {
    const canary = await startCanary(t, { host: '127.0.0.2' });
    const registry = await FakeRegistry.start(t, { auth: BEARER });
    registry.push(REPOSITORY, makeImage({ seed: 'realms' }), 'v1');
    const daemon = await startTestDaemon(t, { upstreams: [{ name: 'docker.io', url: registry.url, ...ADA }] });
    for (const realm of hostileRealms(canary)) {
      registry.auth.mode = { ...BEARER, realm };
      // The relative one may be taken as the registry's own endpoint; nothing else can work.
      const answer = await daemon.manifest(REPOSITORY, 'v1');
      if (realm !== '/token') assert.ok(answer.status >= 400, `${realm}: ${answer.status}`);
      assert.ok(!answer.body.includes(PASSWORD));
    }
    assert.equal(canary.connections(), 0);
    assert.equal(canary.requests.length, 0);
    assert.equal(daemon.logged(PASSWORD).length, 0);
  });

  it('a listed realm whose name resolves to an address that is not allowed gets no packet', async (t) => {
    const canary = await startCanary(t);
    const authority = `localhost:${new URL(canary.url).port}`;
    const auth = { ...BEARER, realm: `http://${authority}/token` };
    const registry = await FakeRegistry.start(t, { auth, host: '127.0.0.2' });
    registry.push(REPOSITORY, makeImage({ seed: 'private realm' }), 'v1');
    const upstream = { name: 'docker.io', url: registry.url, ...ADA, realms: [authority] };
    const guarded = await startTestDaemon(t, { upstreams: [{ ...upstream, allowNetworks: ['127.0.0.2/32'] }] });
    assert.equal((await guarded.manifest(REPOSITORY, 'v1')).status, 502);
    assert.equal(canary.connections(), 0);
    const open = await startTestDaemon(t, { upstreams: [upstream] });
    await open.manifest(REPOSITORY, 'v1');
    assert.ok(canary.connections() > 0, 'the same realm is asked where its address is allowed');
  });

  it("a redirect to an address that is not allowed, or to the daemon's own listeners, is a 502 without a call", async (t) => {
    const canary = await startCanary(t, { host: '127.0.0.2' });
    const { registry, daemon, layer } = await startScene(t, { upstream: { allowNetworks: ['127.0.0.1/32'] } });
    const targets = [canary.url, 'http://169.254.169.254/', daemon.adminUrl, daemon.url, 'file:///etc/passwd'];
    for (const target of targets) {
      const mend = registry.fail({ kind: 'blob' }, { status: 307, headers: { location: `${target}/x` } });
      const answer = await daemon.blob(REPOSITORY, layer.digest);
      assert.equal(answer.status, 502, target);
      mend();
    }
    assert.equal(canary.connections(), 0);
    assert.equal(daemon.logged('/x"', '"method"').length, 0);
  });

  it('redirects that never end are given up', async (t) => {
    const { registry, daemon, layer } = await startScene(t);
    registry.fail({ kind: 'blob' }, { status: 307, headers: { location: `/v2/${REPOSITORY}/blobs/${layer.digest}` } });
    assert.ok((await daemon.blob(REPOSITORY, layer.digest)).status >= 500);
    assert.ok(registry.count({ kind: 'blob' }) <= 40, String(registry.count({ kind: 'blob' })));
  });

  it('a redirect to another origin carries no credential, whatever the kind of login', async (t) => {
    const canary = await startCanary(t, { host: '127.0.0.2' });
    for (const auth of [BEARER, { type: 'basic', users: { ada: PASSWORD } }] as const) {
      const { registry, daemon, layer } = await startScene(t, { registry: { auth }, upstream: ADA });
      registry.fail({ kind: 'blob' }, { status: 307, headers: { location: `${canary.url}/blob` } });
      await daemon.blob(REPOSITORY, layer.digest);
    }
    assert.ok(canary.requests.length > 0);
    for (const { headers } of canary.requests) {
      assert.equal(headers.authorization, undefined);
      assert.equal(headers.cookie, undefined);
    }
  });

  it('the urls of foreign layers are never fetched', async (t) => {
    const canary = await startCanary(t);
    const scene = await startScene(t);
    const foreign = makeImage({
      seed: 'foreign',
      extra: {
        layers: [
          {
            mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
            digest: scene.layer.digest.replace(/.$/, '0'),
            size: 10,
            urls: [`${canary.url}/layer`],
          },
        ],
      },
    });
    scene.registry.addManifest(REPOSITORY, foreign, 'foreign');
    assert.equal((await scene.daemon.manifest(REPOSITORY, 'foreign')).status, 200);
    await pull(scene);
    assert.equal(canary.connections(), 0);
  });

  it('client headers are not passed on to upstream', async (t) => {
    const { registry, daemon, layer } = await startScene(t);
    const headers = { authorization: 'Basic c2VjcmV0OnNlY3JldA==', cookie: 'a=b', 'x-forwarded-host': 'evil.example' };
    await daemon.manifest(REPOSITORY, 'v1', { headers });
    await daemon.blob(REPOSITORY, layer.digest, { headers });
    for (const request of registry.requests) {
      for (const name of Object.keys(headers)) assert.equal(request.headers[name], undefined, name);
    }
  });
});
