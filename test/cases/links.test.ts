/**
 * Attacks on deduplication: a repository gets a digest only when upstream lets it have it, however the bytes came to lie
 * here and whatever way it asks. Numbers in names are the protocol notes' cases.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestDaemon, type TestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { type Answer, fetchAll, get, head, sha256 } from '../support/http.js';
import { makeImage, manifestNaming } from '../support/images.js';
import { type Scope } from '../support/tmp.js';
import { BIG, pull, REPOSITORY, startScene, type Scene } from './scene.js';

const ATTACKER = 'evil/attacker';

/** Every way there is to ask for a blob. */
const waysToAsk = (url: string): Promise<Answer>[] => [
  get(url),
  head(url),
  get(url, { range: 'bytes=0-0' }),
  get(url, { range: 'bytes=1000-' }),
  get(url, { range: 'bytes=-10' }),
  head(url, { range: 'bytes=0-9' }),
  get(url, { headers: { 'if-none-match': '"x"' } }),
];

async function assertDenied(daemon: TestDaemon, digest: string, upstream?: string): Promise<void> {
  for (const answer of await Promise.all(waysToAsk(daemon.blobUrl(ATTACKER, digest, upstream)))) {
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['docker-content-digest'], undefined);
  }
  for (const method of ['GET', 'HEAD']) {
    const answer = await fetchAll(daemon.manifestUrl(ATTACKER, digest, upstream), { method });
    assert.equal(answer.status, 404);
  }
}

/** A private image is cached through `team/app`; the attacker has a repository of its own at the same upstream. */
async function victimAndAttacker(t: Scope, size = BIG): Promise<Scene> {
  const scene = await startScene(t, {
    size,
    registry: { auth: { type: 'basic', users: { ada: 'lovelace' } } },
    upstream: { auth: { type: 'basic', username: 'ada', password: 'lovelace' } },
  });
  scene.registry.push(ATTACKER, makeImage({ seed: 'attacker' }), 'v1');
  return scene;
}

describe('links', () => {
  for (const size of [2048, BIG]) {
    it(`28. a private blob of ${size} bytes cached through A is not served to B by GET, HEAD or Range`, async (t) => {
      const scene = await victimAndAttacker(t, size);
      await pull(scene);
      await assertDenied(scene.daemon, scene.layer.digest);
      await assertDenied(scene.daemon, scene.image.digest);
      await assertDenied(scene.daemon, scene.image.config.digest);
    });

    it(`28. B does not get a private blob of ${size} bytes by joining A's flight`, async (t) => {
      const { registry, daemon, layer } = await victimAndAttacker(t, size);
      const gate = registry.hold({ kind: 'blob', method: 'GET', repository: REPOSITORY, at: 'middle' });
      const victim = daemon.blob(REPOSITORY, layer.digest);
      await gate.reached;
      await assertDenied(daemon, layer.digest);
      gate.open();
      assert.deepEqual((await victim).body, layer.bytes);
      await assertDenied(daemon, layer.digest);
    });
  }

  it('28. a manifest that merely names a digest grants nothing', async (t) => {
    const scene = await victimAndAttacker(t);
    await pull(scene);
    const { registry, daemon, image, layer } = scene;
    const naming = manifestNaming(image.config, [layer]);
    registry.addManifest(ATTACKER, naming, 'naming');
    assert.equal((await daemon.manifest(ATTACKER, 'naming')).status, 200);
    assert.equal((await daemon.manifest(ATTACKER, naming.digest)).status, 200);
    await assertDenied(daemon, layer.digest);
    await assertDenied(daemon, image.config.digest);
  });

  it('28. B gets the blob as soon as upstream lets it, without a second download', async (t) => {
    const scene = await victimAndAttacker(t);
    await pull(scene);
    const { registry, daemon, layer } = scene;
    await assertDenied(daemon, layer.digest);
    registry.addBlob(ATTACKER, layer);
    registry.forgetRequests();
    assert.deepEqual((await daemon.blob(ATTACKER, layer.digest)).body, layer.bytes);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 0);
  });

  it('28. when A is refused mid-flight, B starts over through its own repository', async (t) => {
    const { registry, daemon, layer } = await victimAndAttacker(t);
    registry.addBlob(ATTACKER, layer);
    const gate = registry.hold({ kind: 'blob', method: 'GET', repository: REPOSITORY });
    registry.fail({ kind: 'blob', method: 'GET', repository: REPOSITORY }, { status: 403 });
    const refused = daemon.blob(REPOSITORY, layer.digest);
    await gate.reached;
    const entitled = daemon.blob(ATTACKER, layer.digest);
    gate.open();
    assert.equal((await refused).status, 403);
    const answer = await entitled;
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, layer.bytes);
  });

  it("concurrent joiners of another repository's flight ask upstream by one HEAD, and download nothing", async (t) => {
    const { registry, daemon, layer } = await victimAndAttacker(t);
    registry.addBlob(ATTACKER, layer);
    const download = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const starter = daemon.blob(REPOSITORY, layer.digest);
    await download.reached;
    const question = registry.hold({ kind: 'blob', method: 'HEAD', repository: ATTACKER });
    const joiners = Array.from({ length: 10 }, () => daemon.blob(ATTACKER, layer.digest));
    await question.reached;
    // Whoever would ask for himself has time to do so while the others go back and forth.
    for (let i = 0; i < 10; i++) await get(`${daemon.url}/v2/`);
    question.open();
    download.open();
    for (const answer of await Promise.all([starter, ...joiners])) assert.equal(sha256(answer.body), layer.digest);
    assert.equal(registry.count({ kind: 'blob', method: 'HEAD', repository: ATTACKER }), 1);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
  });

  it('28. a link to a private blob is asked again after linkTtl', async (t) => {
    const scene = await startScene(t, {
      registry: { auth: { type: 'basic', users: { ada: 'lovelace' } } },
      upstream: { auth: { type: 'basic', username: 'ada', password: 'lovelace' }, linkTtl: '0s' },
    });
    await pull(scene);
    scene.registry.remove(REPOSITORY, scene.layer.digest);
    for (const answer of await Promise.all(waysToAsk(scene.daemon.blobUrl(REPOSITORY, scene.layer.digest)))) {
      assert.equal(answer.status, 404);
    }
  });

  it("a hostile upstream that answers HEAD 200 for another's private digest gets nothing", async (t) => {
    const victim = await FakeRegistry.start(t);
    const image = makeImage({ seed: 'private', layers: [BIG] });
    victim.push(REPOSITORY, image, 'v1');
    const hostile = await FakeRegistry.start(t);
    hostile.push(ATTACKER, makeImage({ seed: 'attacker' }), 'v1');
    const [layer] = image.layers;
    const claim = { 'content-type': 'application/octet-stream', 'docker-content-digest': layer!.digest };
    hostile.fail({ kind: 'blob', method: 'HEAD' }, { status: 200, headers: claim, length: layer!.size });
    hostile.fail({ kind: 'manifest', method: 'HEAD' }, { status: 200, headers: claim, length: image.size });
    const daemon = await startTestDaemon(t, {
      upstreams: [
        { name: 'docker.io', url: victim.url },
        { name: 'hostile.example', url: hostile.url },
      ],
    });
    await pull({ registry: victim, daemon, image, layer: layer! });
    const secret = layer!.bytes.subarray(0, 64);
    for (const url of [
      daemon.blobUrl(ATTACKER, layer!.digest, 'hostile.example'),
      daemon.blobUrl(REPOSITORY, layer!.digest, 'hostile.example'),
      daemon.manifestUrl(ATTACKER, image.digest, 'hostile.example'),
    ]) {
      for (const range of [undefined, 'bytes=0-99']) {
        const answer = await get(url, range === undefined ? {} : { range });
        assert.ok(answer.status >= 400, `${answer.status} ${url}`);
        assert.ok(!answer.body.includes(secret));
      }
    }
    // Having asked by HEAD first changes nothing.
    await head(daemon.blobUrl(ATTACKER, layer!.digest, 'hostile.example'));
    assert.ok((await get(daemon.blobUrl(ATTACKER, layer!.digest, 'hostile.example'))).status >= 400);
    // Joining the victim's flight is no way in either.
    const other = makeImage({ seed: 'private/2', layers: [BIG] });
    victim.push(REPOSITORY, other);
    const gate = victim.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const running = daemon.blob(REPOSITORY, other.layers[0]!.digest);
    await gate.reached;
    assert.ok((await get(daemon.blobUrl(ATTACKER, other.layers[0]!.digest, 'hostile.example'))).status >= 400);
    gate.open();
    assert.equal((await running).status, 200);
  });
});
