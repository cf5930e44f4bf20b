/** No room to store: pulls go on, straight through, and the promise of right bytes holds all the same. */
import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { errorCode, sha256 } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { BIG, REPOSITORY, SMALL, startScene } from './scene.js';

// As much free space as no disk has.
const NO_ROOM = { daemon: { storage: { minFree: '4000TiB' } } };

describe('with no room to store', () => {
  for (const size of [SMALL, BIG]) {
    it(`a blob of ${size} bytes passes through whole, and is not stored`, async (t) => {
      const { daemon, layer, registry } = await startScene(t, { ...NO_ROOM, size });
      for (const times of [1, 2]) {
        const answer = await daemon.blob(REPOSITORY, layer.digest);
        assert.deepEqual([answer.status, answer.complete], [200, true]);
        assert.deepEqual(answer.body, layer.bytes);
        assert.equal(answer.headers['cache-status'], 'cistern; fwd=bypass');
        assert.equal(registry.count({ kind: 'blob', method: 'GET' }), times);
      }
      await assert.rejects(access(daemon.blobPath(layer.digest)));
    });
  }

  it('a manifest passes through, by tag and by digest', async (t) => {
    const { daemon, image } = await startScene(t, NO_ROOM);
    for (const reference of ['v1', image.digest]) {
      const answer = await daemon.manifest(REPOSITORY, reference);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, image.bytes);
    }
  });

  it('a range is the range that was asked for', async (t) => {
    const { daemon, layer } = await startScene(t, { ...NO_ROOM, size: BIG });
    for (const [header, part] of [
      ['bytes=1000-1999', layer.bytes.subarray(1000, 2000)],
      ['bytes=1000000-', layer.bytes.subarray(1_000_000)],
      ['bytes=-10', layer.bytes.subarray(-10)],
    ] as const) {
      const answer = await daemon.blob(REPOSITORY, layer.digest, { headers: { range: header } });
      assert.equal(answer.status, 206, header);
      assert.deepEqual(answer.body, part, header);
    }
  });

  it('a flipped bit is never a complete 200', async (t) => {
    const { daemon, layer, registry } = await startScene(t, { ...NO_ROOM, size: BIG });
    registry.fail({ kind: 'blob', method: 'GET', at: 1000 }, { flip: true });
    const answer = await daemon.blob(REPOSITORY, layer.digest);
    assert.equal(answer.status === 200 && answer.complete, false);
  });

  it('a transfer that breaks off goes on where it was', async (t) => {
    const { daemon, layer, registry } = await startScene(t, { ...NO_ROOM, size: BIG });
    registry.fail({ kind: 'blob', method: 'GET', times: 1, at: 'middle' }, { drop: 'rst' });
    const answer = await daemon.blob(REPOSITORY, layer.digest);
    assert.deepEqual(answer.body, layer.bytes);
  });

  it('a bad small blob is asked for once more, and then an error in JSON', async (t) => {
    const { daemon, layer, registry } = await startScene(t, { ...NO_ROOM, size: SMALL });
    const mend = registry.fail({ kind: 'blob', method: 'GET', at: 100 }, { flip: true });
    const bad = await daemon.blob(REPOSITORY, layer.digest);
    assert.deepEqual([bad.status, errorCode(bad), bad.complete], [502, 'UNAVAILABLE', true]);
    assert.equal(bad.headers['docker-content-digest'], undefined);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 2);
    mend();
    registry.fail({ kind: 'blob', method: 'GET', at: 100, times: 1 }, { flip: true });
    const good = await daemon.blob(REPOSITORY, layer.digest);
    assert.equal(good.status, 200);
    assert.deepEqual(good.body, layer.bytes);
  });

  it('a bounded range far before the end is asked for as a range, and nothing else is downloaded', async (t) => {
    const size = 24 * 1024 * 1024;
    const { daemon, layer, registry } = await startScene(t, { ...NO_ROOM, size });
    const start = size / 2;
    const answer = await daemon.blob(REPOSITORY, layer.digest, { range: `bytes=${start}-${start + 999}` });
    assert.equal(answer.status, 206);
    assert.deepEqual(answer.body, layer.bytes.subarray(start, start + 1000));
    const ranged = registry.seen({ kind: 'blob', method: 'GET', ranged: true });
    assert.deepEqual(
      ranged.map(({ range }) => range),
      [`bytes=${start}-${start + 999}`],
    );
  });

  it('20 slow clients hold up no other pull', async (t) => {
    const { daemon, layer, registry } = await startScene(t, {
      ...NO_ROOM,
      // Far more than sockets hold, so that nobody has it before it is read.
      size: 24 * 1024 * 1024,
      upstream: { maxConnections: 2 },
    });
    const other = makeImage({ seed: 'other', layers: [BIG] });
    registry.push(REPOSITORY, other, 'other');
    const slow = await Promise.all(Array.from({ length: 20 }, () => daemon.openBlob(REPOSITORY, layer.digest)));
    for (const reader of slow) assert.equal((await reader.read(1000)).length, 1000);
    assert.equal((await daemon.manifest(REPOSITORY, 'other')).status, 200);
    for (const blob of other.blobs)
      assert.equal(sha256((await daemon.blob(REPOSITORY, blob.digest)).body), blob.digest);
    for (const reader of slow) reader.abort();
  });
});
