/** The cache over a disk that has little room: what is written, for how long, and what its clients get. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { BlobAnswer } from '../../src/cache/blob-answer.js';
import { PullThrough } from '../../src/cache/pull-through.js';
import type { UpstreamPolicy } from '../../src/cache/upstream-entry.js';
import { FilesystemBlobStore } from '../../src/content/filesystem-blob-store.js';
import { KeyedMutex } from '../../src/lib/async.js';
import type { BlobCall, Upstream } from '../../src/upstream/upstream.js';
import { bytesOf, collect, FaultyDisk, KIB, MIB, never, openArea, sha256 } from '../content/support.js';
import { memoryCatalog, repository, silent } from '../support/catalogs.js';
import { eventually } from '../support/eventually.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';

const A = repository('library/a');
const BLOB = bytesOf(12 * MIB);
const DIGEST = sha256(BLOB);

const policy: UpstreamPolicy = {
  permits: () => true,
  tagTtl: 0,
  revalidateTimeout: 1000,
  negativeTtl: 0,
  staleIfError: 0,
  staleIfGone: 0,
  linkTtl: 0,
  credentialed: false,
};

/** Has the blob, and says its size. */
const upstream = {
  name: A.upstream,
  blob: (_repository: string, _digest: string, { offset = 0 }: BlobCall) =>
    Promise.resolve({
      size: BLOB.length,
      public: true,
      bytes: (async function* () {
        await Promise.resolve();
        for (let at = offset; at < BLOB.length; at += 64 * KIB) yield Buffer.from(BLOB.subarray(at, at + 64 * KIB));
      })(),
      destroy: () => undefined,
    }),
} as unknown as Upstream;

const makeRoom = () => Promise.resolve(false);
const count = { fetched: () => undefined, received: () => undefined };

async function open(t: Scope, disk: FaultyDisk, minFree = 0) {
  const root = await temporaryDirectory(t);
  const { catalog, clock } = await memoryCatalog(t);
  const { area, budget, dir } = await openArea(root, { fs: disk, minFree, clock });
  const dirs = { dir: join(root, 'blobs'), quarantineDir: join(root, 'quarantine') };
  const store = await FilesystemBlobStore.open({ ...dirs, budget, log: silent });
  const parts = { spools: area, store, catalog, digestLocks: new KeyedMutex(), clock, log: silent, makeRoom, count };
  const cache = new PullThrough(parts, new Map([[A.upstream, { upstream, policy }]]));
  t.after(() => cache.close(AbortSignal.abort()));
  const pull = () => cache.blob(A, DIGEST, () => undefined, never());
  return { area, clock, cache, dir, pull };
}

function streamOf({ body }: BlobAnswer): AsyncIterator<Buffer> {
  assert.ok(!Buffer.isBuffer(body), 'it is too large for the memory');
  return body[Symbol.asyncIterator]();
}

describe('a fill that runs out of room', () => {
  it('leaves the disk after its grace though a slow client still follows, who gets all right bytes', async (t) => {
    const disk = new FaultyDisk();
    disk.room = 4 * MIB;
    const { area, clock, cache, dir, pull } = await open(t, disk);
    const answer = await pull();
    const body = streamOf(answer);
    const got: Buffer[] = [];
    const read = async () => {
      const { value } = (await body.next()) as { value: Buffer };
      got.push(Buffer.from(value));
    };
    await read();
    await eventually(() => cache.flights.size === 0, 'the fill has stopped');
    await clock.advance(9_999);
    await read();
    assert.equal((await readdir(dir)).length, 1, 'its clients may still read what was written');
    await clock.advance(1);
    await eventually(() => area.bytes === 0, 'what was written is given back to the disk');
    assert.deepEqual(await readdir(dir), []);
    assert.ok(Buffer.concat(got).length < 4 * MIB, 'the client is still where only the spool could serve it');
    disk.room = 0;
    got.push(await collect({ [Symbol.asyncIterator]: () => body }));
    assert.ok(Buffer.concat(got).equals(BLOB));
    await answer.close();
  });

  it('leaves the disk at once when its last client has left', async (t) => {
    const disk = new FaultyDisk();
    disk.room = 4 * MIB;
    const { area, cache, pull } = await open(t, disk);
    const answer = await pull();
    await streamOf(answer).next();
    await eventually(() => cache.flights.size === 0, 'the fill has stopped');
    await answer.close();
    await eventually(() => area.bytes === 0, 'what was written is given back to the disk');
  });
});

describe('a blob that would leave less than minFree', () => {
  it('is not stored when its size is known, and its clients get it past the store', async (t) => {
    const disk = new FaultyDisk();
    disk.freeBytes = 15 * MIB;
    const { area, cache, pull } = await open(t, disk, 4 * MIB);
    for (const times of ['first', 'second']) {
      const answer = await pull();
      assert.notEqual(answer.answered.outcome, 'hit', times);
      assert.ok((await collect(answer.body)).equals(BLOB), times);
      await answer.close();
      await eventually(() => cache.flights.size === 0, 'the fill is over');
      assert.ok(area.bytes < MIB, 'no more than what came before the disk had answered');
    }
  });

  it('is stored when it fits', async (t) => {
    const disk = new FaultyDisk();
    disk.freeBytes = 16 * MIB;
    const { cache, pull } = await open(t, disk, 4 * MIB);
    const answer = await pull();
    assert.equal(answer.answered.outcome, 'miss');
    assert.ok((await collect(answer.body)).equals(BLOB));
    await answer.close();
    await eventually(() => cache.flights.size === 0, 'the fill is over');
    assert.equal((await pull()).answered.outcome, 'hit');
  });
});
