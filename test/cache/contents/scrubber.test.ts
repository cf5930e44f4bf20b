import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { keys } from '../../../src/catalog/keys.js';
import { parseTag } from '../../../src/oci/reference.js';
import { makeImage } from '../../support/images.js';
import { image, OperatedCache, signal } from '../support/contents.js';
import type { TestContext } from 'node:test';
import type { Digest } from '../../../src/oci/digest.js';

const tag = parseTag('1');
const made = makeImage({ seed: 'scrub', layers: [2_000_000, 1000] });
const [large, small] = made.layers as [(typeof made.layers)[0], (typeof made.layers)[0]];
const whole = [made, ...made.blobs].reduce((sum, { size }) => sum + size, 0);

async function pulledCache(t: TestContext): Promise<OperatedCache> {
  const cache = await OperatedCache.open(t);
  cache.registry.push('team/app', made, '1');
  await cache.pulled('team/app', tag);
  return cache;
}

describe('verify', () => {
  it('hashes everything and finds nothing wrong with what is right', async (t) => {
    const cache = await pulledCache(t);
    const { corrupt, last } = await cache.verify({ kind: 'all' }, undefined, signal);
    assert.deepEqual(corrupt, []);
    assert.ok(last.kind === 'done');
    assert.deepEqual(last.counts, { checked: 4, bytes: whole });
  });

  it('quarantines rotten blobs and manifests, and fetches them again', async (t) => {
    const cache = await pulledCache(t);
    await cache.rot(large.digest);
    await cache.rot(made.digest);
    const { corrupt } = await cache.verify({ kind: 'image', image: image('team/app:1') }, undefined, signal);
    assert.deepEqual(
      corrupt.map(({ digest, action }) => [digest, action]).sort(),
      [
        [large.digest, 'refetched'],
        [made.digest, 'refetched'],
      ].sort(),
    );
    assert.equal((await readdir(join(cache.dir, 'quarantine'))).length, 2);
    assert.ok((await cache.contents.diskUsage(signal)).quarantinedBytes >= large.size);
    assert.deepEqual((await cache.verify({ kind: 'all' }, undefined, signal)).corrupt, []);
    const [listed] = (await cache.contents.list({ untagged: false }, { size: 5 })).items;
    assert.equal(listed?.size, whole);
    await cache.registry.stop();
    assert.ok(await cache.store.stat(large.digest));
  });

  it('never serves what it found bad, also when it cannot be fetched now', async (t) => {
    const cache = await pulledCache(t);
    await cache.rot(large.digest);
    cache.registry.fail({}, { status: 500 });
    const { corrupt } = await cache.verify({ kind: 'blob', digest: large.digest }, undefined, signal);
    assert.equal(corrupt[0]?.action, 'quarantined');
    assert.match(corrupt[0].message ?? '', /./);
    assert.equal(await cache.store.stat(large.digest), undefined);
    assert.equal(await cache.catalog.blob(large.digest), undefined);
  });

  it('drops the record of bytes that are gone, and has them fetched', async (t) => {
    const cache = await pulledCache(t);
    await rm(cache.path(small.digest));
    const { corrupt } = await cache.verify({ kind: 'all' }, undefined, signal);
    assert.deepEqual(corrupt, [{ digest: small.digest, action: 'missing', message: undefined }]);
    assert.ok(await cache.store.stat(small.digest));
  });

  it('leaves good bytes alone that were published after the bad ones were hashed', async (t) => {
    const cache = await pulledCache(t);
    await cache.rot(small.digest);
    cache.rehashing = (rehasher) => {
      const rehash = rehasher.rehash.bind(rehasher);
      rehasher.rehash = async (digest) => {
        const found = await rehash(digest);
        await cache.store.publish(await cache.spools.verified(small.digest, small.bytes));
        return found;
      };
      return rehasher;
    };
    const { corrupt } = await cache.verify({ kind: 'blob', digest: small.digest }, undefined, signal);
    assert.deepEqual(corrupt, []);
    assert.ok(await cache.catalog.blob(small.digest));
    assert.equal((await readdir(join(cache.dir, 'quarantine'))).length, 0);
  });

  it('keeps to its rate', async (t) => {
    const cache = await pulledCache(t);
    const started = performance.now();
    await cache.verify({ kind: 'blob', digest: large.digest }, 4_000_000, signal);
    assert.ok(performance.now() - started >= 450, 'two million bytes at four million a second take half a second');
  });

  it('stops when told to, in the middle of a blob', async (t) => {
    const cache = await pulledCache(t);
    const stop = new AbortController();
    const verifying = cache.verify({ kind: 'all' }, 1000, stop.signal);
    setTimeout(() => stop.abort(new Error('enough')), 100);
    await assert.rejects(verifying, /enough/);
    assert.ok(await cache.store.stat(large.digest));
  });

  it('does not know what is not stored', async (t) => {
    const cache = await OperatedCache.open(t);
    await assert.rejects(cache.verify({ kind: 'blob', digest: large.digest }, undefined, signal), {
      code: 'BLOB_UNKNOWN',
    });
    await assert.rejects(cache.verify({ kind: 'image', image: image('a:1') }, undefined, signal), {
      code: 'IMAGE_UNKNOWN',
    });
  });
});

/** The digests that scrubs hash from now on; `each` is called before it is one's turn. */
function hashedBy(cache: OperatedCache, each: (count: number) => void): Digest[] {
  const hashed: Digest[] = [];
  cache.rehashing = (rehasher) => {
    const rehash = rehasher.rehash.bind(rehasher);
    rehasher.rehash = (digest) => {
      hashed.push(digest);
      each(hashed.length);
      return rehash(digest);
    };
    return rehasher;
  };
  return hashed;
}

describe('the scheduled scrub', () => {
  for (const [what, cut] of [
    ['is stopped', (stop: AbortController) => stop.abort(new Error('cut'))],
    [
      'fails at a blob',
      () => {
        throw new Error('cut');
      },
    ],
  ] as const) {
    it(`goes on after the blob where it ${what}, and gets round in the end`, async (t) => {
      const cache = await pulledCache(t);
      const all = [made, ...made.blobs].map(({ digest }) => digest).sort();
      const stop = new AbortController();
      const hashed = hashedBy(cache, (count) => {
        if (count === 2) cut(stop);
      });
      await assert.rejects(cache.contents.scrub(stop.signal), /cut/);
      await cache.contents.scrub(signal);
      assert.deepEqual(hashed, [...all.slice(0, 2), ...all.slice(2), ...all.slice(0, 2)]);
    });
  }

  it('heals what it finds, says so in the log, and keeps its report', async (t) => {
    const cache = await pulledCache(t);
    await cache.rot(large.digest);
    await cache.contents.scrub(signal);
    const [said] = cache.logs.filter((line) => line.includes('"msg":"scrubbed"'));
    assert.match(said ?? '', /"corrupt":1/);
    const report = await cache.catalog.records.get(keys.scrub);
    assert.deepEqual([report?.checked, report?.corrupt], [4, 1]);
    assert.ok(await cache.store.stat(large.digest));
  });
});
