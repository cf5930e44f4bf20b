/**
 * What is left to an nginx in front, seen from the daemon alone: an answer without a body that names the file, to nobody but
 * who says that it takes blobs over. test/e2e/nginx.test.ts has the real one.
 */
import assert from 'node:assert/strict';
import { chmod, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.js';
import { fetchAll, sha256, type Answer, type RequestOptions } from '../support/http.js';
import { makeImage } from '../support/images.js';
import type { Scope } from '../support/tmp.js';
import { BIG, pull, REPOSITORY, startScene, type Scene, type SceneOptions } from './scene.js';

const LOCATION = '/cistern-blobs/';
const NGINX = { 'x-sendfile-type': 'X-Accel-Redirect' };

const startHandingOver = (t: Scope, options: SceneOptions = {}): Promise<Scene> =>
  startScene(t, { size: BIG, ...options, daemon: { registry: { accelRedirect: LOCATION, allowAnonymous: true } } });

/** GET of the layer, by nginx. */
const ask = ({ daemon, layer }: Scene, options: RequestOptions = {}, repository = REPOSITORY): Promise<Answer> =>
  daemon.blob(repository, layer.digest, { ...options, headers: { ...NGINX, ...options.headers } });

function assertHandedOver(answer: Answer, digest: string): void {
  const hex = digest.slice('sha256:'.length);
  assert.equal(answer.headers['x-accel-redirect'], `${LOCATION}sha256/${hex.slice(0, 2)}/${hex}`);
  assert.deepEqual([answer.status, answer.complete, answer.body.length], [200, true, 0]);
}

function assertSent(answer: Answer, bytes: Buffer, status = 200): void {
  assert.equal(answer.headers['x-accel-redirect'], undefined);
  assert.deepEqual([answer.status, answer.complete, answer.body.equals(bytes)], [status, true, true]);
}

/** Its line in the log. */
async function lineOf({ daemon }: Scene, answer: Answer): Promise<Readonly<Record<string, unknown>>> {
  const lines = () => daemon.logged('"msg":"request"', `"id":"${String(answer.headers['x-request-id'])}"`);
  await eventually(() => lines().length > 0, 'the answer is logged');
  return JSON.parse(lines()[0]!) as Record<string, unknown>;
}

describe('a stored blob is handed over', () => {
  it('as a path below the location, with the headers that nginx passes on and no body', async (t) => {
    const scene = await startHandingOver(t);
    await pull(scene);
    const { daemon, layer, registry } = scene;
    registry.forgetRequests();
    const answer = await ask(scene);
    assertHandedOver(answer, layer.digest);
    const path = String(answer.headers['x-accel-redirect']).slice(LOCATION.length);
    assert.deepEqual(await readFile(join(daemon.dataDir, 'blobs', path)), layer.bytes);
    const { date, connection, 'x-request-id': id, 'x-accel-redirect': redirect, ...headers } = answer.headers;
    assert.ok(date && connection && id && redirect);
    assert.deepEqual(headers, {
      'docker-distribution-api-version': 'registry/2.0',
      'cache-status': 'cistern; hit',
      'oci-namespace': 'docker.io',
      'content-type': 'application/octet-stream',
      'docker-content-digest': layer.digest,
      etag: `"${layer.digest}"`,
      'content-length': '0',
      vary: 'X-Sendfile-Type',
    });
    assert.equal(registry.requests.length, 0);
  });

  it('whole, whatever range: that is nginx’s to cut out, and counted as asked for', async (t) => {
    const scene = await startHandingOver(t);
    await pull(scene);
    const { daemon, layer, image } = scene;
    let bytes = image.blobs.reduce((sum, { size }) => sum + size, 0);
    for (const [options, asked] of [
      [{}, layer.size],
      [{ range: 'bytes=500-1499' }, 1000],
      [{ range: 'bytes=-500' }, 500],
      [{ range: 'bytes=0-9', headers: { 'if-range': `"${layer.digest}"` } }, 10],
      [{ range: 'bytes=0-9', headers: { 'if-range': '"something else"' } }, layer.size],
      [{ range: 'bytes=0-9,20-29' }, layer.size],
    ] as const) {
      const answer = await ask(scene, options);
      assertHandedOver(answer, layer.digest);
      const line = await lineOf(scene, answer);
      assert.deepEqual([line['bytes'], line['handedOver'], line['outcome']], [asked, true, 'hit']);
      bytes += asked;
    }
    const served = async () => (await daemon.statistics.query({})).total.blobs.bytesServed;
    await eventually(async () => (await served()) === bytes, `${bytes} bytes are counted`);
  });
});

describe('nothing is handed over', () => {
  it('to a client that comes past nginx, which gets the bytes', async (t) => {
    const scene = await startHandingOver(t);
    await pull(scene);
    const { daemon, layer } = scene;
    assertSent(await daemon.blob(REPOSITORY, layer.digest), layer.bytes);
    assertSent(await ask(scene, { headers: { 'x-sendfile-type': '' } }), layer.bytes);
    const part = await daemon.blob(REPOSITORY, layer.digest, { range: 'bytes=1-9' });
    assertSent(part, layer.bytes.subarray(1, 10), 206);
    const line = await lineOf(scene, part);
    assert.deepEqual([line['bytes'], line['handedOver']], [9, undefined]);
  });

  it('when the configuration names no location, whoever asks for it', async (t) => {
    const scene = await startScene(t, { size: BIG });
    await pull(scene);
    assertSent(await ask(scene), scene.layer.bytes);
    const named = { 'x-accel-mapping': '/=/etc/', 'x-accel-redirect': '/etc/' };
    assertSent(await ask(scene, { headers: named }), scene.layer.bytes);
  });

  it('of what is not stored yet, to the first who asks and to those that join', async (t) => {
    const scene = await startHandingOver(t);
    const gate = scene.registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const first = ask(scene);
    await gate.reached;
    const joined = ask(scene);
    gate.open();
    assertSent(await first, scene.layer.bytes);
    assertSent(await joined, scene.layer.bytes);
    await scene.daemon.stored(scene.layer.digest);
    assertHandedOver(await ask(scene), scene.layer.digest);
  });

  it('of what is hashed when it is read: blobs up to 1 MiB and manifests', async (t) => {
    const scene = await startHandingOver(t, { size: 1024 * 1024 });
    await pull(scene);
    const { daemon, image } = scene;
    assertSent(await ask(scene), scene.layer.bytes);
    assertSent(await fetchAll(daemon.manifestUrl(REPOSITORY, 'v1'), { headers: NGINX }), image.bytes);
    assertSent(
      await fetchAll(daemon.blobUrl(REPOSITORY, sha256(Buffer.alloc(0))), { headers: NGINX }),
      Buffer.alloc(0),
    );
  });

  it('when the head is all that is asked for, or the client has it, or no such range is there', async (t) => {
    const scene = await startHandingOver(t);
    await pull(scene);
    const { layer } = scene;
    const head = await ask(scene, { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-length']], [200, String(layer.size)]);
    const same = await ask(scene, { headers: { 'if-none-match': `"${layer.digest}"` } });
    assert.equal(same.status, 304);
    const beyond = await ask(scene, { range: `bytes=${layer.size}-` });
    assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, `bytes */${layer.size}`]);
    for (const { headers } of [head, same, beyond]) assert.equal(headers['x-accel-redirect'], undefined);
  });

  it('to a repository that may not have it', async (t) => {
    const scene = await startHandingOver(t, {
      registry: { auth: { type: 'basic', users: { ada: 'lovelace' } } },
      upstream: { auth: { type: 'basic', username: 'ada', password: 'lovelace' } },
    });
    scene.registry.push('evil/attacker', makeImage({ seed: 'attacker' }), 'v1');
    await pull(scene);
    const answer = await ask(scene, {}, 'evil/attacker');
    assert.deepEqual([answer.status, answer.headers['x-accel-redirect']], [404, undefined]);
  });

  for (const [what, damage] of [
    ['gone', (path: string) => rm(path)],
    [
      'too short',
      async (path: string) => {
        await chmod(path, 0o600);
        await truncate(path, BIG - 1);
      },
    ],
  ] as const) {
    it(`when its file is ${what}: it is fetched again, and handed over then`, async (t) => {
      const scene = await startHandingOver(t);
      await pull(scene);
      const { daemon, layer } = scene;
      await damage(daemon.blobPath(layer.digest));
      daemon.logs.length = 0;
      const answer = await ask(scene);
      assertSent(answer, layer.bytes);
      assert.equal(answer.headers['cache-status'], 'cistern; fwd=miss');
      await daemon.stored(layer.digest);
      assertHandedOver(await ask(scene), layer.digest);
    });
  }
});
