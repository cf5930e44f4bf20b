/** The cases of the registry protocol that concern the bytes of blobs. Numbers are the protocol notes'. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCode, get, head } from '../support/http.js';
import { BIG, pull, REPOSITORY, startScene, type Scene } from './scene.js';

/** The parts of a multipart/byteranges answer. */
const partsOf = (body: Buffer, type: string): Buffer[] => {
  const boundary = /boundary="?([^";]+)/.exec(type)?.[1] ?? '';
  return body
    .toString('latin1')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => Buffer.from(part.slice(part.indexOf('\r\n\r\n') + 4, -2), 'latin1'));
};

async function assertRanges({ daemon, layer }: Scene): Promise<void> {
  const size = layer.size;
  for (const [range, start, end] of [
    ['bytes=500-1499', 500, 1500],
    ['bytes=500-', 500, size],
    ['bytes=-500', size - 500, size],
    ['bytes=0-1', 0, 2],
    [`bytes=2000-${size + 5000}`, 2000, size],
  ] as const) {
    const answer = await daemon.blob(REPOSITORY, layer.digest, { range });
    assert.equal(answer.status, 206, range);
    assert.equal(answer.headers['content-range'], `bytes ${start}-${end - 1}/${size}`);
    assert.equal(answer.headers['content-length'], String(end - start));
    assert.deepEqual(answer.body, layer.bytes.subarray(start, end), range);
  }
  const beyond = await daemon.blob(REPOSITORY, layer.digest, { range: `bytes=${size + 5000}-` });
  assert.equal(beyond.status, 416);
  assert.equal(beyond.headers['content-range'], `bytes */${size}`);
  const several = await daemon.blob(REPOSITORY, layer.digest, { range: 'bytes=0-9,100-119' });
  if (several.status === 206) {
    const parts = partsOf(several.body, String(several.headers['content-type']));
    assert.deepEqual(parts, [layer.bytes.subarray(0, 10), layer.bytes.subarray(100, 120)]);
  } else {
    assert.equal(several.status, 200);
    assert.deepEqual(several.body, layer.bytes);
  }
}

describe('blobs', () => {
  for (const size of [2048, BIG]) {
    it(`8. every range of a stored blob of ${size} bytes is honoured`, async (t) => {
      const scene = await startScene(t, { size });
      await pull(scene);
      await assertRanges(scene);
    });

    it(`8. every range of a cold blob of ${size} bytes is honoured`, async (t) => {
      await assertRanges(await startScene(t, { size }));
    });
  }

  it('9. a range that is aborted after a chunk leaves the cached blob whole', async (t) => {
    const scene = await startScene(t, { size: BIG });
    await pull(scene);
    const { daemon, layer, registry } = scene;
    registry.forgetRequests();
    const reader = await daemon.openBlob(REPOSITORY, layer.digest, { range: 'bytes=0-' });
    await reader.read(10_000);
    reader.abort();
    assert.deepEqual((await daemon.blob(REPOSITORY, layer.digest)).body, layer.bytes);
    assert.equal(registry.requests.length, 0);
  });

  it('10. 8 parallel open ranges of a cold blob are all 206, by one upstream fetch', async (t) => {
    const { registry, daemon, layer, image } = await startScene(t, { size: BIG });
    await daemon.manifest(REPOSITORY, 'v1');
    const gate = registry.hold({ kind: 'blob', method: 'GET', reference: layer.digest, at: 'middle' });
    const starts = Array.from({ length: 8 }, (_, i) => Math.floor((image.layers[0]!.size * i) / 8));
    const opened = starts.map((start) => daemon.openBlob(REPOSITORY, layer.digest, { range: `bytes=${start}-` }));
    const first = await opened[0]!;
    await gate.reached;
    gate.open();
    for (const [i, reader] of (await Promise.all(opened)).entries()) {
      assert.equal(reader.status, 206);
      assert.deepEqual(await reader.rest(), layer.bytes.subarray(starts[i]));
    }
    assert.ok(first.complete);
    assert.equal(registry.count({ kind: 'blob', method: 'GET', reference: layer.digest }), 1);
  });

  it('11. an upstream that ignores Range still gives the right bytes', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    registry.fail({ kind: 'blob' }, { range: 'ignore' });
    registry.fail({ kind: 'blob', method: 'GET', times: 1, at: 'middle' }, { drop: 'rst' });
    const range = await daemon.blob(REPOSITORY, layer.digest, { range: 'bytes=3000000-3000099' });
    assert.equal(range.status, 206);
    assert.deepEqual(range.body, layer.bytes.subarray(3_000_000, 3_000_100));
    assert.deepEqual((await daemon.blob(REPOSITORY, layer.digest)).body, layer.bytes);
  });

  it('12. no answer has a Content-Encoding, whatever the client accepts', async (t) => {
    const { registry, daemon, layer } = await startScene(t);
    const headers = { 'accept-encoding': 'zstd, gzip, br' };
    for (const answer of [
      await daemon.blob(REPOSITORY, layer.digest, { headers }),
      await daemon.blob(REPOSITORY, layer.digest, { headers }),
      await daemon.manifest(REPOSITORY, 'v1', { headers }),
    ]) {
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-encoding'], undefined);
    }
    assert.ok(registry.requests.every((request) => request.headers['accept-encoding'] === 'identity'));
  });

  for (const size of [2048, BIG]) {
    it(`13. a flipped bit in a blob of ${size} bytes is never a complete 200 and never stored`, async (t) => {
      const { registry, daemon, layer } = await startScene(t, { size });
      const repair = registry.fail({ kind: 'blob', method: 'GET', at: 1000 }, { flip: true });
      const bad = await daemon.blob(REPOSITORY, layer.digest);
      assert.ok(bad.status >= 500 || !bad.complete, `${bad.status}, complete: ${bad.complete}`);
      if (size < BIG) assert.equal(bad.status, 502);
      repair();
      const good = await daemon.blob(REPOSITORY, layer.digest);
      assert.deepEqual([good.status, good.complete], [200, true]);
      assert.deepEqual(good.body, layer.bytes);
    });
  }

  it('14. a truncated transfer is resumed byte-exact, or cut, with no JSON in the body', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    registry.fail({ kind: 'blob', method: 'GET', times: 1, at: 'middle' }, { drop: 'fin' });
    const resumed = await daemon.blob(REPOSITORY, layer.digest);
    assert.deepEqual([resumed.status, resumed.complete], [200, true]);
    assert.deepEqual(resumed.body, layer.bytes);

    const other = await startScene(t, { size: BIG, seed: 'cut' });
    await other.daemon.manifest(REPOSITORY, 'v1');
    other.registry.fail({ kind: 'blob', method: 'GET', at: 'middle' }, { truncate: true });
    const cut = await other.daemon.blob(REPOSITORY, other.layer.digest);
    assert.equal(cut.complete && cut.status === 200, false);
    if (cut.status === 200) assert.deepEqual(cut.body, other.layer.bytes.subarray(0, cut.body.length));
  });

  it('15. a 503 for a blob whose manifest was served is retried inside', async (t) => {
    const { registry, daemon, layer } = await startScene(t);
    await daemon.manifest(REPOSITORY, 'v1');
    registry.fail({ kind: 'blob', times: 2 }, { status: 503 });
    const answer = await daemon.blob(REPOSITORY, layer.digest);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, layer.bytes);
  });

  it('25. a blob whose HEAD is 401 upstream, but whose GET redirects, is 200 to HEAD', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { registry: { cdn: true } });
    registry.fail({ kind: 'blob', method: 'HEAD' }, { status: 401 });
    const answer = await head(daemon.blobUrl(REPOSITORY, layer.digest));
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-length'], String(layer.size));
    assert.equal((await daemon.blob(REPOSITORY, layer.digest)).status, 200);
  });

  it('a HEAD of a missing blob asks upstream with HEAD and downloads nothing', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    const answer = await head(daemon.blobUrl(REPOSITORY, layer.digest));
    assert.deepEqual([answer.status, answer.headers['content-length']], [200, String(layer.size)]);
    assert.equal(answer.headers['docker-content-digest'], layer.digest);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 0);
  });

  it('Cache-Status says how an answer came about', async (t) => {
    const scene = await startScene(t);
    const { daemon, layer } = scene;
    const miss = await daemon.blob(REPOSITORY, layer.digest);
    assert.equal(miss.headers['cache-status'], 'cistern; fwd=miss');
    await daemon.stored(layer.digest);
    const hit = await daemon.blob(REPOSITORY, layer.digest);
    assert.equal(hit.headers['cache-status'], 'cistern; hit');
    const missing = await get(daemon.blobUrl(REPOSITORY, `sha256:${'1'.repeat(64)}`));
    assert.equal(missing.headers['cache-status'], 'cistern; fwd=miss; fwd-status=404');
    assert.equal(errorCode(missing), 'BLOB_UNKNOWN');
  });
});
