/** What other pull-through caches got wrong, one case each. Numbers are those of the notes on peers. */
import assert from 'node:assert/strict';
import { access, chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startTestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { errorCode, get, head, sha256 } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { BIG, pull, REPOSITORY, startScene } from './scene.js';

describe('regressions seen in other caches', () => {
  it('4. N concurrent misses are one download', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    await daemon.manifest(REPOSITORY, 'v1');
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'first' });
    const pulls = Array.from({ length: 20 }, () => daemon.blob(REPOSITORY, layer.digest));
    await gate.reached;
    gate.open();
    for (const answer of await Promise.all(pulls)) assert.equal(sha256(answer.body), layer.digest);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
  });

  it('5. HEAD of an uncached blob downloads nothing', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    assert.equal((await head(daemon.blobUrl(REPOSITORY, layer.digest))).status, 200);
    assert.equal(registry.count({ method: 'GET', kind: 'blob' }), 0);
  });

  it('6. a client that leaves at a third does not kill the fill', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    const reader = await daemon.openBlob(REPOSITORY, layer.digest);
    await reader.read(BIG / 3);
    reader.abort();
    await daemon.stored(layer.digest);
    await registry.down();
    assert.equal(sha256((await daemon.blob(REPOSITORY, layer.digest)).body), layer.digest);
  });

  it('7. an upstream that drops mid-blob for good leaves a cut body, with nothing appended', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG, upstream: { responseTimeout: '1s' } });
    registry.fail({ kind: 'blob', method: 'GET', at: 'middle' }, { drop: 'fin' });
    registry.fail({ kind: 'blob', method: 'GET', skip: 1 }, { status: 500 });
    const answer = await daemon.blob(REPOSITORY, layer.digest, { timeout: 60_000 });
    assert.equal(answer.status, 200);
    assert.equal(answer.complete, false);
    assert.deepEqual(answer.body, layer.bytes.subarray(0, answer.body.length));
  });

  it("8. HEAD 200 and then GET 429 is a 429 without the blob's digest", async (t) => {
    const { registry, daemon, layer } = await startScene(t);
    registry.fail({ kind: 'blob', method: 'GET' }, { status: 429, headers: { 'retry-after': '60' } });
    assert.equal((await head(daemon.blobUrl(REPOSITORY, layer.digest))).status, 200);
    const answer = await daemon.blob(REPOSITORY, layer.digest);
    assert.deepEqual([answer.status, errorCode(answer)], [429, 'TOOMANYREQUESTS']);
    assert.equal(answer.headers['docker-content-digest'], undefined);
    assert.equal(answer.headers['content-length'], String(answer.body.length));
  });

  it('9. a full cache disk costs no pull', async (t) => {
    const scene = await startScene(t, { size: BIG, daemon: { storage: { minFree: '4000TiB' } } });
    const { daemon, image } = scene;
    assert.deepEqual((await daemon.manifest(REPOSITORY, 'v1')).body, image.bytes);
    for (const blob of image.blobs) {
      const answer = await daemon.blob(REPOSITORY, blob.digest);
      assert.deepEqual([answer.status, answer.complete], [200, true]);
      assert.deepEqual(answer.body, blob.bytes);
    }
  });

  it('10. a range on a miss is a 206, and validators agree on miss and hit', async (t) => {
    const { daemon, layer } = await startScene(t, { size: BIG });
    const range = 'bytes=100-199';
    const miss = await daemon.blob(REPOSITORY, layer.digest, { range });
    assert.equal(miss.status, 206);
    await daemon.blob(REPOSITORY, layer.digest);
    await daemon.stored(layer.digest);
    const hit = await daemon.blob(REPOSITORY, layer.digest, { range });
    assert.equal(hit.status, 206);
    assert.deepEqual(miss.body, hit.body);
    for (const name of ['etag', 'docker-content-digest', 'content-range', 'content-type'] as const) {
      assert.equal(miss.headers[name], hit.headers[name], name);
    }
  });

  it('11. a tag that moves between HEAD and GET still has a digest header that is the digest of the body', async (t) => {
    const { registry, daemon } = await startScene(t, { upstream: { tagTtl: '0s' } });
    const moved = makeImage({ seed: 'moved' });
    registry.push(REPOSITORY, moved);
    registry.after({ kind: 'manifest', method: 'HEAD' }, () => registry.tag(REPOSITORY, 'v1', moved));
    const answer = await daemon.manifest(REPOSITORY, 'v1');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['docker-content-digest'], sha256(answer.body));
  });

  it('12. a tag whose new manifest cannot be fetched keeps pointing to the old one', async (t) => {
    const scene = await startScene(t, { upstream: { tagTtl: '0s' } });
    await pull(scene);
    const { registry, daemon, image } = scene;
    registry.push(REPOSITORY, makeImage({ seed: 'newer' }), 'v1');
    registry.fail({ kind: 'manifest', method: 'GET' }, { status: 503 });
    await daemon.manifest(REPOSITORY, 'v1', { timeout: 30_000 });
    await registry.down();
    const answer = await daemon.manifest(REPOSITORY, 'v1');
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, image.bytes);
  });

  for (const [status, expected] of [
    [403, 403],
    [404, 404],
  ] as const) {
    it(`13. ${status} for a tag is an answer: nothing stale is served`, async (t) => {
      const scene = await startScene(t, { upstream: { tagTtl: '0s' } });
      await pull(scene);
      scene.registry.fail({ kind: 'manifest' }, { status });
      assert.equal((await scene.daemon.manifest(REPOSITORY, 'v1')).status, expected);
    });
  }

  it('14. the daemon starts with its upstream down and serves what it has', async (t) => {
    const scene = await startScene(t);
    await pull(scene);
    const { registry, daemon, image, layer } = scene;
    await registry.down();
    await daemon.restart();
    assert.equal((await get(`${daemon.url}/v2/`)).status, 200);
    assert.deepEqual((await daemon.manifest(REPOSITORY, 'v1')).body, image.bytes);
    assert.deepEqual((await daemon.manifest(REPOSITORY, image.digest)).body, image.bytes);
    assert.deepEqual((await daemon.blob(REPOSITORY, layer.digest)).body, layer.bytes);
  });

  it('15. no ping goes before each operation', async (t) => {
    const scene = await startScene(t, { registry: { auth: { type: 'bearer' } } });
    await pull(scene);
    await scene.daemon.manifest(REPOSITORY, 'missing');
    assert.ok(scene.registry.count({ kind: 'ping' }) <= 1);
    assert.equal(scene.registry.count({ kind: 'token' }), 1);
  });

  it('16. three pulls of a missing tag are one upstream request', async (t) => {
    const { registry, daemon } = await startScene(t);
    const pulls = Array.from({ length: 3 }, () => daemon.manifest(REPOSITORY, 'missing'));
    for (const answer of await Promise.all(pulls)) assert.equal(answer.status, 404);
    assert.equal(registry.count({ reference: 'missing' }), 1);
  });

  it('17. wrong bytes leave no file behind', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    registry.fail({ kind: 'blob', method: 'GET', at: 9 }, { flip: true });
    const answer = await daemon.blob(REPOSITORY, layer.digest);
    assert.ok(!answer.complete || answer.status >= 500);
    await daemon.stop();
    await assert.rejects(access(daemon.blobPath(layer.digest)));
    assert.deepEqual(await readdir(join(daemon.dataDir, 'spool')), []);
  });

  it('18. a manifest asked for by digest is checked against that digest', async (t) => {
    const { registry, daemon, image } = await startScene(t);
    const other = makeImage({ seed: 'other' });
    registry.fail(
      { kind: 'manifest', method: 'GET', reference: image.digest },
      { body: other.bytes, headers: { 'docker-content-digest': image.digest } },
    );
    const answer = await daemon.manifest(REPOSITORY, image.digest);
    assert.deepEqual([answer.status, errorCode(answer)], [502, 'UNAVAILABLE']);
  });

  for (const at of ['first', 'middle', 'last'] as const) {
    it(`18. a manifest asked for by tag whose bytes were damaged on their way (${at}) is neither served nor kept`, async (t) => {
      const { registry, daemon, image } = await startScene(t);
      const mend = registry.fail({ kind: 'manifest', method: 'GET', at }, { flip: true });
      const answer = await daemon.manifest(REPOSITORY, 'v1');
      assert.deepEqual([answer.status, errorCode(answer)], [502, 'UNAVAILABLE']);
      mend();
      assert.deepEqual((await daemon.manifest(REPOSITORY, 'v1')).body, image.bytes);
    });
  }

  it('20. the same digest through another repository of the upstream is not downloaded again', async (t) => {
    const scene = await startScene(t, { size: BIG });
    await pull(scene);
    const { registry, daemon, image, layer } = scene;
    registry.push('team/fork', image, 'v1');
    registry.forgetRequests();
    assert.deepEqual((await daemon.blob('team/fork', layer.digest)).body, layer.bytes);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 0);
  });

  for (const damage of ['flipped', 'truncated', 'deleted'] as const) {
    it(`19. a stored blob that is ${damage} is replaced by good bytes, and never served`, async (t) => {
      const scene = await startScene(t);
      await pull(scene);
      const { daemon, layer } = scene;
      await daemon.stop();
      const path = daemon.blobPath(layer.digest);
      await chmod(path, 0o644);
      const flipped = Buffer.from(layer.bytes);
      flipped[77]! ^= 1;
      if (damage === 'deleted') await rm(path);
      else await writeFile(path, damage === 'flipped' ? flipped : layer.bytes.subarray(0, 100));
      await daemon.start();
      for (let i = 0; i < 3; i++) {
        const answer = await daemon.blob(REPOSITORY, layer.digest);
        assert.ok(answer.status >= 500 || !answer.complete || sha256(answer.body) === layer.digest);
      }
      const healed = await daemon.blob(REPOSITORY, layer.digest);
      assert.deepEqual([healed.status, sha256(healed.body)], [200, layer.digest]);
      await daemon.stop();
      assert.equal(sha256(await readFile(path)), layer.digest);
    });
  }

  it('21. a changed tagTtl applies to tags that are cached already', async (t) => {
    const { registry, daemon, image } = await startScene(t, { upstream: { tagTtl: '1h' } });
    const served = async () => (await daemon.manifest(REPOSITORY, 'v1')).headers['docker-content-digest'];
    assert.equal(await served(), image.digest);
    const moved = makeImage({ seed: 'moved' });
    registry.push(REPOSITORY, moved, 'v1');
    assert.equal(await served(), image.digest);
    await daemon.reload({ tagTtl: '0s' });
    assert.equal(await served(), moved.digest);
    await daemon.reload({ tagTtl: '1h' });
    registry.tag(REPOSITORY, 'v1', image);
    assert.equal(await served(), moved.digest);
  });

  for (const length of ['none', 'HEAD'] as const) {
    it(`23. an upstream without Content-Length (${length === 'HEAD' ? 'on HEAD' : 'at all'}) works`, async (t) => {
      const { registry, daemon, image, layer } = await startScene(t, { size: BIG });
      registry.fail(length === 'HEAD' ? { method: 'HEAD' } : {}, { length: 'none' });
      assert.deepEqual((await daemon.manifest(REPOSITORY, 'v1')).body, image.bytes);
      assert.equal((await head(daemon.blobUrl(REPOSITORY, layer.digest))).status, 200);
      const answer = await daemon.blob(REPOSITORY, layer.digest);
      assert.deepEqual([answer.status, answer.complete], [200, true]);
      assert.deepEqual(answer.body, layer.bytes);
    });
  }

  it('24. a realm on another host gets credentials only when it is listed', async (t) => {
    const auth = { type: 'bearer', separate: true, users: { ada: 'lovelace' }, anonymous: false } as const;
    const registry = await FakeRegistry.start(t, { auth });
    const elsewhere = await FakeRegistry.start(t, { auth, host: '127.0.0.2' });
    registry.auth.mode = { ...auth, realm: `${elsewhere.tokenUrl}/token` };
    registry.push(REPOSITORY, makeImage({ seed: 'realm' }), 'v1');
    const upstream = {
      name: 'docker.io',
      url: registry.url,
      auth: { type: 'basic', username: 'ada', password: 'lovelace' },
    };
    const strict = await startTestDaemon(t, { upstreams: [upstream] });
    assert.equal((await strict.manifest(REPOSITORY, 'v1')).status, 502);
    assert.equal(elsewhere.requests.length, 0);
    const host = new URL(elsewhere.tokenUrl).host;
    const listed = await startTestDaemon(t, { upstreams: [{ ...upstream, realms: [host] }] });
    await listed.manifest(REPOSITORY, 'v1');
    assert.ok(elsewhere.count({ kind: 'token' }) > 0);
  });

  it('25. a client may be slower than every timeout, as long as it reads', async (t) => {
    const { daemon, layer } = await startScene(t, { size: BIG, upstream: { responseTimeout: '300ms' } });
    const reader = await daemon.openBlob(REPOSITORY, layer.digest);
    const pieces: Buffer[] = [];
    const slow = Math.ceil(BIG / 12);
    for (let i = 0; i < 12; i++) {
      pieces.push(await reader.read(slow));
      // The client's own pace is what is under test: longer in all than upstream may take between two bytes.
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    pieces.push(await reader.rest());
    assert.equal(sha256(Buffer.concat(pieces)), layer.digest);
    assert.equal(reader.complete, true);
  });
});
