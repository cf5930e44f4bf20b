/** What clients do: come in herds, leave, stall, come late. None of it touches another client or the fill. */
import assert from 'node:assert/strict';
import { readdir, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { digestHex } from '../../src/oci/digest.js';
import { eventually } from '../support/eventually.js';
import { head, type Reader, sha256 } from '../support/http.js';
import { BIG, pull, REPOSITORY, startScene } from './scene.js';

const MIB = 1024 * 1024;
const HERD = 200;
const HALF = Math.floor(BIG / 2);

describe('clients', () => {
  it(`a herd of ${HERD} on a cold blob is one upstream fetch, and every answer is whole`, async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    await daemon.manifest(REPOSITORY, 'v1');
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const herd = Array.from({ length: HERD }, () => daemon.openBlob(REPOSITORY, layer.digest));
    await gate.reached;
    gate.open();
    let whole = 0;
    for (const reader of await Promise.all(herd)) {
      assert.equal(reader.status, 200);
      if (sha256(await reader.rest()) === layer.digest && reader.complete) whole++;
    }
    assert.equal(whole, HERD);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
  });

  it('a herd on a cold tag is one resolve and one fetch', async (t) => {
    const { registry, daemon, image } = await startScene(t);
    const gate = registry.hold({ kind: 'manifest' });
    const herd = Array.from({ length: 50 }, () => daemon.manifest(REPOSITORY, 'v1'));
    await gate.reached;
    gate.open();
    for (const { body } of await Promise.all(herd)) assert.equal(sha256(body), image.digest);
    assert.equal(registry.count({ kind: 'manifest', method: 'GET' }), 1);
    assert.ok(registry.count({ kind: 'manifest', method: 'HEAD' }) <= 1);
  });

  it('one that stalls and one that aborts slow nobody down, on a miss and on a hit', async (t) => {
    const { daemon, layer, registry } = await startScene(t, { size: 8 * BIG });
    for (const round of ['miss', 'hit']) {
      const stalled = await daemon.openBlob(REPOSITORY, layer.digest);
      const leaving = await daemon.openBlob(REPOSITORY, layer.digest);
      await leaving.read(1000);
      leaving.abort();
      const answer = await daemon.blob(REPOSITORY, layer.digest, { timeout: 15_000 });
      assert.deepEqual([answer.complete, sha256(answer.body)], [true, layer.digest], round);
      await daemon.stored(layer.digest);
      assert.equal(sha256(await stalled.rest()), layer.digest, 'what stalled goes on where it was');
    }
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
  });

  it('one that asks several times in a row and leaves is over with all its answers', async (t) => {
    const scene = await startScene(t, { size: 32 * MIB });
    await pull(scene);
    const { daemon, layer } = scene;
    const { host, hostname, port, pathname } = new URL(daemon.blobUrl(REPOSITORY, layer.digest));
    const open = async () => {
      const fds = await readdir('/proc/self/fd');
      const files = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
      return files.filter((file) => file.includes(digestHex(layer.digest))).length;
    };
    const before = daemon.logged('GET', layer.digest).length;
    const socket = connect(Number(port), hostname).pause();
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(3));
    await eventually(async () => (await open()) === 3, 'all three are being answered');
    socket.resetAndDestroy();
    await eventually(async () => (await open()) === 0, 'their files are closed');
    await eventually(() => daemon.logged('GET', layer.digest).length === before + 3, 'each has its line in the log');
  });

  it('one that comes late to a fill gets all of it, from the start and from an offset', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'last' });
    const early = daemon.blob(REPOSITORY, layer.digest);
    await gate.reached;
    const late = await daemon.openBlob(REPOSITORY, layer.digest);
    const offset = await daemon.openBlob(REPOSITORY, layer.digest, { range: `bytes=${BIG - 100_000}-` });
    assert.equal((await late.read(HALF)).length, HALF, 'what is here already comes at once');
    gate.open();
    assert.equal(sha256((await early).body), layer.digest);
    await late.rest();
    assert.deepEqual([late.complete, late.received], [true, BIG]);
    assert.deepEqual(await offset.rest(), layer.bytes.subarray(BIG - 100_000));
    assert.match(String(late.headers['cache-status']), /collapsed/);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
  });

  it('nobody has the last bytes before they are verified', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'last' });
    const reader = await daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    const before = await reader.read(BIG, 1_000);
    assert.ok(before.length <= BIG - 65_536, String(before.length));
    gate.open();
    const rest = await reader.rest();
    assert.equal(sha256(Buffer.concat([before, rest])), layer.digest);
  });

  it('all leave: the fill goes on, and the blob is there for the next', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const readers: Reader[] = [];
    for (let i = 0; i < 5; i++) readers.push(await daemon.openBlob(REPOSITORY, layer.digest));
    await gate.reached;
    for (const reader of readers) reader.abort();
    gate.open();
    await daemon.stored(layer.digest);
    assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
    await registry.down();
    assert.equal(sha256((await daemon.blob(REPOSITORY, layer.digest)).body), layer.digest);
  });

  it('a blob that turns bad at the end cuts every reader, early and late', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: BIG });
    const mend = registry.fail({ kind: 'blob', method: 'GET', at: 10 }, { flip: true });
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'last' });
    const readers = await Promise.all(Array.from({ length: 10 }, () => daemon.openBlob(REPOSITORY, layer.digest)));
    await gate.reached;
    readers.push(await daemon.openBlob(REPOSITORY, layer.digest, { range: 'bytes=1000000-' }));
    gate.open();
    for (const reader of readers) {
      await reader.rest();
      assert.equal(reader.complete, false);
    }
    mend();
    await eventually(
      async () => sha256((await daemon.blob(REPOSITORY, layer.digest)).body) === layer.digest,
      'good bytes are served',
    );
  });

  it('a bounded range far ahead of the fill does not wait for it', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: 40 * 1024 * 1024 });
    const gate = registry.hold({ kind: 'blob', method: 'GET', ranged: false, at: 100_000 });
    const filling = await daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    const ahead = await daemon.blob(REPOSITORY, layer.digest, { range: 'bytes=41000000-41000999', timeout: 5_000 });
    assert.equal(ahead.status, 206);
    assert.deepEqual(ahead.body, layer.bytes.subarray(41_000_000, 41_001_000));
    assert.equal(ahead.headers['cache-status'], 'cistern; fwd=bypass');
    gate.open();
    assert.equal(sha256(await filling.rest()), layer.digest);
  });

  it('a range far ahead that upstream answers compressed is taken from the fill', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: 10 * MIB });
    const gate = registry.hold({ kind: 'blob', method: 'GET', ranged: false, at: 100_000 });
    const filling = await daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    registry.fail({ kind: 'blob', method: 'GET', ranged: true }, { headers: { 'content-encoding': 'gzip' } });
    const ahead = daemon.blob(REPOSITORY, layer.digest, { range: 'bytes=9000000-9000999' });
    await eventually(
      () =>
        registry.count({ kind: 'blob', ranged: true, status: 200 }) > 0 ||
        registry.count({ kind: 'blob', ranged: true, status: 206 }) > 0,
      'upstream was asked for the range',
    );
    gate.open();
    const { status, body } = await ahead;
    assert.equal(status, 206);
    assert.deepEqual(body, layer.bytes.subarray(9_000_000, 9_001_000));
    assert.equal(sha256(await filling.rest()), layer.digest);
  });

  it('a range far ahead that upstream does not give is taken from the store when the fill has ended meanwhile', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: 10 * MIB });
    const gate = registry.hold({ kind: 'blob', method: 'GET', ranged: false, at: 100_000 });
    const leaving = await daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    leaving.abort();
    const refused = registry.hold({ kind: 'blob', method: 'GET', ranged: true });
    registry.fail({ kind: 'blob', method: 'GET', ranged: true }, { status: 500 });
    const ahead = daemon.blob(REPOSITORY, layer.digest, { range: 'bytes=9000000-9000999' });
    await refused.reached;
    gate.open();
    await daemon.stored(layer.digest);
    refused.open();
    const { status, body } = await ahead;
    assert.equal(status, 206);
    assert.deepEqual(body, layer.bytes.subarray(9_000_000, 9_001_000));
  });

  it('a range far ahead waits for the fill when too many others went by it, and is no error', async (t) => {
    const { registry, daemon, layer } = await startScene(t, { size: 10 * MIB, upstream: { maxConnections: 100 } });
    const gate = registry.hold({ kind: 'blob', method: 'GET', ranged: false, at: 100_000 });
    const filling = await daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    const others = registry.hold({ kind: 'blob', method: 'GET', ranged: true });
    const range = 'bytes=9000000-9000999';
    const past = Array.from({ length: 64 }, () => daemon.blob(REPOSITORY, layer.digest, { range }));
    await eventually(() => registry.count({ kind: 'blob', method: 'GET', ranged: true }) === 64, '64 ranges went by');
    const one = daemon.blob(REPOSITORY, layer.digest, { range });
    const isThere = one.then(() => true);
    const manifest = daemon.manifest(REPOSITORY, 'v1').then(() => false);
    assert.equal(await Promise.race([isThere, manifest]), false, 'it waits');
    gate.open();
    const answer = await one;
    assert.deepEqual(answer.body, layer.bytes.subarray(9_000_000, 9_001_000));
    assert.deepEqual([answer.status, answer.headers['cache-status']], [206, 'cistern; fwd=miss; collapsed']);
    assert.equal(sha256(await filling.rest()), layer.digest);
    others.open();
    for (const { status } of await Promise.all(past)) assert.equal(status, 206);
  });

  it('a stalled blob does not keep manifests, tokens and HEADs waiting', async (t) => {
    const { registry, daemon, image, layer } = await startScene(t, { size: BIG, upstream: { maxConnections: 1 } });
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'first' });
    const stuck = daemon.blob(REPOSITORY, layer.digest);
    await gate.reached;
    const manifest = await daemon.manifest(REPOSITORY, 'v1', { timeout: 3_000 });
    assert.equal(manifest.status, 200);
    assert.equal((await head(daemon.blobUrl(REPOSITORY, image.config.digest), { timeout: 3_000 })).status, 200);
    gate.open();
    assert.equal((await stuck).status, 200);
  });
});
