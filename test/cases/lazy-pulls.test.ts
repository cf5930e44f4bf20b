/**
 * Clients that run an image before they have it (stargz, SOCI, Nydus) and read layers in pieces: the index at the end, then
 * many small ranges at once. They get what they ask for while the layer is still far away, and the layer is fetched once.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.js';
import { get, sha256 } from '../support/http.js';
import { descriptorOf, makeImage } from '../support/images.js';
import { REPOSITORY, startScene } from './scene.js';

const LARGE = 40 * 1024 * 1024;
const FOOTER = 51;

/** A layer whose fill is under way and stands still near its beginning. */
async function startFill(...[t]: Parameters<typeof startScene>) {
  const scene = await startScene(t, { size: LARGE, upstream: { responseTimeout: '60s' } });
  const gate = scene.registry.hold({ kind: 'blob', method: 'GET', ranged: false, at: 100_000 });
  const filling = await scene.daemon.openBlob(REPOSITORY, scene.layer.digest);
  await gate.reached;
  const range = (range: string, timeout = 10_000) =>
    scene.daemon.blob(REPOSITORY, scene.layer.digest, { range, timeout });
  return { ...scene, gate, filling, range };
}

describe('a lazy pull', () => {
  it('reads the index at the end of a layer that is not here yet', async (t) => {
    const { layer, range, gate, filling, registry } = await startFill(t);
    for (const [asked, start] of [
      [`bytes=-${FOOTER}`, LARGE - FOOTER],
      [`bytes=${LARGE - FOOTER}-${LARGE - 1}`, LARGE - FOOTER],
      [`bytes=${LARGE - 3_000_000}-${LARGE - 1}`, LARGE - 3_000_000],
    ] as const) {
      const answer = await range(asked);
      assert.equal(answer.status, 206, asked);
      assert.equal(answer.headers['content-range'], `bytes ${start}-${LARGE - 1}/${LARGE}`);
      assert.ok(answer.body.equals(layer.bytes.subarray(start)), asked);
    }
    gate.open();
    assert.equal(sha256(await filling.rest()), layer.digest);
    assert.equal(registry.count({ kind: 'blob', method: 'GET', ranged: false }), 1);
  });

  it('reads many ranges at once, more than may go past the store', async (t) => {
    const { layer, range, gate, registry } = await startFill(t);
    const starts = Array.from({ length: 80 }, (_, i) => 12_000_000 + i * 300_000);
    const ahead = registry.hold({ kind: 'blob', method: 'GET', ranged: true });
    const answers = starts.map((start) => range(`bytes=${start}-${start + 4095}`, 60_000));
    await eventually(() => ahead.arrivals() >= 64, '64 ranges are under way');
    gate.open();
    ahead.open();
    for (const [i, answer] of (await Promise.all(answers)).entries()) {
      assert.equal(answer.status, 206);
      assert.ok(answer.body.equals(layer.bytes.subarray(starts[i], starts[i]! + 4096)), String(starts[i]));
    }
    assert.equal(registry.count({ kind: 'blob', method: 'GET', ranged: false }), 1);
  });

  for (const status of [429, 503, 416, 400])
    it(`is served by the fill where upstream answers ${status} to a range`, async (t) => {
      const { layer, range, gate, registry } = await startFill(t);
      registry.fail({ kind: 'blob', ranged: true }, { status });
      const answer = range('bytes=30000000-30000999', 30_000);
      gate.open();
      const { status: got, body } = await answer;
      assert.equal(got, 206);
      assert.ok(body.equals(layer.bytes.subarray(30_000_000, 30_001_000)));
    });

  it('waits for the whole layer with an open end: what may complete a copy is verified first', async (t) => {
    const { layer, range, gate, registry } = await startFill(t);
    const rest = range(`bytes=${LARGE - 1000}-`);
    gate.open();
    assert.ok((await rest).body.equals(layer.bytes.subarray(LARGE - 1000)));
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
  });

  it('gets the whole layer for several ranges in one request', async (t) => {
    const { daemon, layer } = await startScene(t);
    for (const range of ['bytes=0-1,100-101', 'bytes=0-9, -10', 'bytes=0-1,999999-']) {
      const answer = await daemon.blob(REPOSITORY, layer.digest, { range });
      assert.deepEqual([answer.status, answer.headers['content-range']], [200, undefined], range);
      assert.deepEqual(answer.body, layer.bytes);
    }
  });

  it('finds the SOCI index of an image by its type, and reads it', async (t) => {
    const { daemon, image, registry } = await startScene(t);
    const artifactType = 'application/vnd.amazon.soci.index.v1+json';
    const soci = makeImage({ seed: 'soci', subject: image, artifactType });
    registry.push(REPOSITORY, soci);
    registry.push(REPOSITORY, makeImage({ seed: 'other', subject: image }));
    const url = `${daemon.url}/v2/${REPOSITORY}/referrers/${image.digest}?artifactType=${artifactType}`;
    const { manifests } = JSON.parse((await get(url)).body.toString()) as { manifests: unknown[] };
    assert.deepEqual(manifests, [{ ...descriptorOf(soci), artifactType }]);
    assert.deepEqual((await daemon.manifest(REPOSITORY, soci.digest)).body, soci.bytes);
    for (const { digest, bytes } of soci.blobs) assert.deepEqual((await daemon.blob(REPOSITORY, digest)).body, bytes);
  });
});
