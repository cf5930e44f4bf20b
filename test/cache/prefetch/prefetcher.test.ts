import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { AppError, isAppError } from '../../../src/lib/errors.js';
import { parseImageReference, formatImageReference } from '../../../src/oci/reference.js';
import { eventually } from '../../support/eventually.js';
import { content, descriptorOf, makeImage, makeIndex, noise, OCI_INDEX, type Content } from '../../support/images.js';
import { ALL, last, Plane, platforms, spec, UPSTREAM } from './prefetch-support.js';

const MiB = 1024 * 1024;
const total = (...contents: readonly { size: number }[]) => contents.reduce((sum, { size }) => sum + size, 0);
const image = (reference: string) => parseImageReference(`${UPSTREAM}/${reference}`);
const soon = () => AbortSignal.timeout(20_000);

describe('a prefetch job', () => {
  it('brings an image, so that a pull afterwards asks upstream for no blob and no manifest', async (t) => {
    const plane = await Plane.open(t);
    const app = makeImage({ seed: 'app', layers: [300_000, 2 * MiB, 10] });
    plane.registry.push('team/app', app, 'v1');
    const job = await plane.run(['team/app:v1']);
    assert.equal(job.state, 'succeeded');
    const [found] = job.images;
    assert.equal(found?.reference, `${UPSTREAM}/team/app:v1`);
    assert.equal(found.digest, app.digest);
    assert.deepEqual(found.platforms, ['linux/amd64']);
    assert.equal(found.blobs, 5);
    assert.equal(found.bytesTotal, total(app, ...app.blobs));
    assert.equal(found.bytesFetched, found.bytesTotal);
    assert.equal(found.bytesReused, 0);
    assert.ok(found.layers.every(({ state, received, size }) => state === 'succeeded' && received === size));
    plane.registry.forgetRequests();
    await plane.pull(
      'team/app',
      'v1',
      app.blobs.map(({ digest }) => digest),
    );
    assert.equal(plane.registry.requests.length, 0);
  });

  it('fetches no layer twice, in one image or in two, and counts each once', async (t) => {
    const plane = await Plane.open(t);
    const shared = content(noise('shared', 200_000), 'application/vnd.oci.image.layer.v1.tar');
    const images = ['a', 'b'].map((seed) => makeImage({ seed, extra: {} }));
    const withShared = images.map((each) => {
      const manifest = JSON.parse(each.bytes.toString()) as { layers: unknown[] };
      manifest.layers.push(descriptorOf(shared), descriptorOf(shared));
      return content(Buffer.from(JSON.stringify(manifest)), each.mediaType);
    });
    for (const [i, each] of images.entries()) {
      plane.registry.push(`team/${i}`, each);
      plane.registry.addBlob(`team/${i}`, shared);
      plane.registry.addManifest(`team/${i}`, withShared[i]!, 'v1');
    }
    const job = await plane.run(['team/0:v1', 'team/1:v1']);
    assert.equal(job.state, 'succeeded');
    assert.equal(plane.registry.count({ kind: 'blob', method: 'GET', reference: shared.digest }), 1);
    assert.equal(
      plane.registry.count({ kind: 'blob', method: 'GET' }),
      new Set(plane.registry.seen({ kind: 'blob', method: 'GET' }).map((request) => request.reference)).size,
    );
    const sum = (of: 'bytesTotal' | 'bytesFetched' | 'bytesReused') =>
      job.images.reduce((all, each) => all + each[of], 0);
    const once = total(...withShared, shared, ...images.flatMap((each) => each.blobs));
    assert.deepEqual([sum('bytesTotal'), sum('bytesFetched'), sum('bytesReused')], [once, once, 0]);
    const parts = job.images.flatMap(({ layers }) => layers).filter(({ digest }) => digest === shared.digest);
    assert.deepEqual(parts.map(({ state }) => state).sort(), ['reused', 'succeeded']);
    // The other repository may serve it too.
    for (const repository of ['team/0', 'team/1']) {
      assert.ok(await plane.parts.catalog.link({ upstream: UPSTREAM, name: repository }, shared.digest));
    }
  });

  it('says that all was here already when it was', async (t) => {
    const plane = await Plane.open(t);
    const app = makeImage({ seed: 'app' });
    plane.registry.push('team/app', app, 'v1');
    await plane.run(['team/app:v1']);
    plane.registry.forgetRequests();
    const job = await plane.run(['team/app:v1']);
    assert.equal(job.images[0]?.bytesFetched, 0);
    assert.equal(job.images[0].bytesReused, total(app, ...app.blobs));
    assert.equal(plane.registry.requests.length, 0);
  });

  it('takes this machine’s platform, the ones that are named, or all', async (t) => {
    const plane = await Plane.open(t);
    const index = makeIndex({ seed: 'multi' });
    plane.registry.push('team/multi', index, 'v1');
    const [amd, arm] = index.images;
    const one = await plane.run(['team/multi:v1']);
    assert.deepEqual(one.images[0]?.platforms, ['linux/amd64']);
    assert.ok(await plane.parts.catalog.blob(amd!.digest));
    assert.equal(await plane.parts.catalog.blob(arm!.digest), undefined);
    const other = await plane.run(['team/multi:v1'], platforms('linux/arm64'));
    assert.deepEqual(other.images[0]?.platforms, ['linux/arm64/v8']);
    assert.equal(other.images[0].bytesFetched, total(arm!, ...arm!.blobs));
    const all = await plane.run(['team/multi:v1'], ALL);
    assert.deepEqual(all.images[0]?.platforms, ['linux/amd64', 'linux/arm64/v8']);
    assert.equal(all.images[0].bytesFetched, 0);
  });

  it('fails an image that lacks a platform, and says which it has', async (t) => {
    const plane = await Plane.open(t);
    plane.registry.push('team/multi', makeIndex({ seed: 'multi' }), 'v1');
    plane.registry.push('team/plain', makeImage({ seed: 'plain' }), 'v1');
    const job = await plane.run(['team/multi:v1', 'team/plain:v1'], platforms('linux/s390x'));
    assert.equal(job.state, 'failed');
    assert.deepEqual(
      job.images.map(({ error }) => error),
      [
        {
          code: 'PLATFORM_UNKNOWN',
          message: `${UPSTREAM}/team/multi:v1 has nothing for linux/s390x; it has linux/amd64, linux/arm64/v8`,
        },
        {
          code: 'PLATFORM_UNKNOWN',
          message: `${UPSTREAM}/team/plain:v1 has nothing for linux/s390x; it has linux/amd64`,
        },
      ],
    );
  });

  it('brings attestations, signatures and referrers on request only', async (t) => {
    const plane = await Plane.open(t);
    const { registry } = plane;
    const app = makeImage({ seed: 'app' });
    const provenance = makeImage({ seed: 'provenance' });
    const entries = [
      { ...descriptorOf(app), platform: { os: 'linux', architecture: 'amd64' } },
      {
        ...descriptorOf(provenance),
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: {
          'vnd.docker.reference.type': 'attestation-manifest',
          'vnd.docker.reference.digest': app.digest,
        },
      },
    ];
    const index = content(
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: entries })),
      OCI_INDEX,
    );
    const signature = makeImage({ seed: 'signature' });
    const sbom = makeImage({ seed: 'sbom', subject: descriptorOf(app), artifactType: 'application/sbom' });
    for (const each of [app, provenance, sbom]) registry.push('team/app', each);
    registry.push('team/app', signature, `sha256-${app.digest.slice(7)}.sig`);
    registry.addManifest('team/app', index, 'v1');
    const extras = [provenance, signature, sbom];
    const here = async () =>
      Promise.all(extras.map(async ({ layers }) => !!(await plane.parts.catalog.blob(layers[0]!.digest))));

    assert.equal((await plane.run(['team/app:v1'])).state, 'succeeded');
    assert.deepEqual(await here(), [false, false, false]);
    const wish = { attestations: true, signatures: true, referrers: true };
    const job = await plane.run(['team/app:v1'], wish);
    assert.equal(job.state, 'succeeded');
    assert.deepEqual(await here(), [true, true, true]);
    assert.equal(job.images[0]?.bytesFetched, total(...extras, ...extras.flatMap(({ blobs }) => blobs)));
  });

  it('brings the tags that fit a pattern, and no signature for being a tag', async (t) => {
    const plane = await Plane.open(t);
    const node = makeImage({ seed: 'node' });
    for (const tag of ['20', '22', '22.1', '22-slim', `sha256-${node.digest.slice(7)}.sig`]) {
      plane.registry.push('library/node', node, tag);
    }
    const job = await plane.run(['library/node:22*', 'library/node:22']);
    assert.deepEqual(
      job.images.map(({ reference }) => reference.split(':')[1]),
      ['22', '22-slim', '22.1'],
    );
    const all = await plane.run(['library/node:*']);
    assert.equal(all.images.length, 4);
    const none = await plane.run(['library/node:23*']);
    assert.equal(none.state, 'failed');
    assert.deepEqual(none.images[0]?.error, {
      code: 'MANIFEST_UNKNOWN',
      message: `no tag fits ${UPSTREAM}/library/node:23*`,
    });
  });

  it('brings an image by its digest', async (t) => {
    const plane = await Plane.open(t);
    const app = makeImage({ seed: 'app' });
    plane.registry.push('team/app', app);
    const job = await plane.run([`team/app@${app.digest}`]);
    assert.equal(job.state, 'succeeded');
    assert.equal(job.images[0]?.digest, app.digest);
  });
});

describe('what goes wrong with a prefetch', () => {
  it('is told with the image, and the others come all the same', async (t) => {
    const plane = await Plane.open(t);
    const good = makeImage({ seed: 'good' });
    const broken = makeImage({ seed: 'broken', layers: [1000, 2000] });
    plane.registry.push('team/good', good, 'v1');
    plane.registry.push('team/broken', broken, 'v1');
    plane.registry.remove('team/broken', broken.layers[1]!.digest);
    const job = await plane.run(['team/none:v1', 'team/broken:v1', 'team/good:v1']);
    assert.equal(job.state, 'failed');
    assert.deepEqual(
      job.images.map(({ state, error }) => [state, error?.code]),
      [
        ['failed', 'MANIFEST_UNKNOWN'],
        ['failed', 'BLOB_UNKNOWN'],
        ['succeeded', undefined],
      ],
    );
    assert.ok(job.images.every(({ error }) => error === undefined || !error.message.includes('\n')));
  });

  it('is refused at once where nothing could come of it', async (t) => {
    const plane = await Plane.open(t);
    const elsewhere = { ...spec(['a:1']), images: [parseImageReference('other.test/a:1')] };
    const code = (expected: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, expected);
    await assert.rejects(plane.prefetcher.create(elsewhere), code('NAME_UNKNOWN'));
    await assert.rejects(plane.prefetcher.create(spec(['forbidden/a:1'])), code('NOT_PERMITTED'));
    await assert.rejects(plane.prefetcher.create(spec([])), code('REQUEST_INVALID'));
    await assert.rejects(plane.prefetcher.create(spec(['a:1'], platforms('linux'))), code('REQUEST_INVALID'));
    assert.equal(await plane.prefetcher.get('nothing'), undefined);
    assert.equal(await plane.prefetcher.cancel('nothing'), undefined);
    assert.equal(await plane.prefetcher.watch('nothing', soon()), undefined);
    assert.equal(plane.registry.requests.length, 0);
  });

  it('says that upstream is down, rather than take what is stale for current', async (t) => {
    const plane = await Plane.open(t, { tagTtl: 0 });
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    assert.equal((await plane.run(['team/app:v1'])).state, 'succeeded');
    await plane.registry.down();
    const job = await plane.run(['team/app:v1', 'team/new:v1']);
    assert.deepEqual(
      job.images.map(({ error }) => error?.code),
      ['UPSTREAM_UNREACHABLE', 'UPSTREAM_UNREACHABLE'],
    );
  });

  it('says that the disk is full', async (t) => {
    const plane = await Plane.open(t, { minFree: Number.MAX_SAFE_INTEGER });
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    const job = await plane.run(['team/app:v1']);
    assert.equal(job.state, 'failed');
    assert.equal(job.images[0]?.error?.code, 'STORE_FULL');
  });
});

describe('the life of a job', () => {
  const slow = async (t: Parameters<typeof Plane.open>[0]) => {
    const plane = await Plane.open(t);
    const app = makeImage({ seed: 'app', layers: [4 * MiB, 1000, 2000] });
    plane.registry.push('team/app', app, 'v1');
    const [large] = app.layers;
    const gate = plane.registry.hold({ kind: 'blob', reference: large!.digest, at: 3 * MiB, times: 1 });
    return { plane, app, large: large!, gate };
  };

  it('goes on after a restart, with what it had', async (t) => {
    const { plane, app, large, gate } = await slow(t);
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    await gate.reached;
    // All but the large layer are here, so that only it is asked for again.
    const half = await plane.until(
      id,
      ({ images: [image] }) =>
        image?.layers.filter(({ state }) => state === 'succeeded').length === 3 && image.bytesFetched > 3 * MiB,
    );
    assert.equal(half.state, 'running');
    await plane.restart();
    gate.open();
    const job = await plane.ended(id);
    assert.equal(job.state, 'succeeded');
    assert.equal(job.createdAt, half.createdAt);
    assert.equal(job.startedAt, half.startedAt);
    assert.equal(job.images[0]?.bytesFetched, total(app, ...app.blobs));
    for (const blob of app.blobs) {
      const asked = plane.registry.seen({ kind: 'blob', method: 'GET', reference: blob.digest });
      assert.equal(asked.length, blob === large ? 2 : 1);
    }
    const [, resumed] = plane.registry.seen({ kind: 'blob', method: 'GET', reference: large.digest });
    assert.match(resumed?.range ?? '', /^bytes=[1-9]/);
    await plane.restart();
    assert.deepEqual(await plane.prefetcher.get(id), job);
  });

  it('is over when it is cancelled, keeps what it has, and stays cancelled', async (t) => {
    const { plane, app, gate } = await slow(t);
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    await gate.reached;
    await plane.until(id, (job) => job.images[0]?.layers.filter(({ state }) => state === 'succeeded').length === 3);
    const watched = last(await plane.watch(id));
    const job = await plane.prefetcher.cancel(id);
    assert.equal(job?.state, 'cancelled');
    assert.equal(job.error?.code, 'CANCELLED');
    assert.equal(job.images[0]?.state, 'cancelled');
    assert.equal((await watched).state, 'cancelled');
    assert.ok(await plane.parts.catalog.blob(app.layers[1]!.digest));
    gate.open();
    await plane.restart();
    assert.equal((await plane.prefetcher.get(id))?.state, 'cancelled');
    assert.equal((await plane.prefetcher.cancel(id))?.state, 'cancelled');
  });

  it('protects what it brings for as long as it runs, also after a restart', async (t) => {
    const { plane, app, large, gate } = await slow(t);
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    await gate.reached;
    assert.ok([app, ...app.blobs].every(({ digest }) => plane.prefetcher.protects(digest)));
    const again = plane.registry.hold({ kind: 'blob', reference: large.digest });
    await plane.restart();
    assert.ok([app, ...app.blobs].every(({ digest }) => plane.prefetcher.protects(digest)));
    gate.open();
    again.open();
    await plane.ended(id);
    assert.ok([app, ...app.blobs].every(({ digest }) => !plane.prefetcher.protects(digest)));
  });

  it('is one for one request id', async (t) => {
    const plane = await Plane.open(t);
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    const jobs = await Promise.all([1, 2, 3].map(() => plane.prefetcher.create(spec(['team/app:v1']), 'a b')));
    const ids = new Set(jobs.map(({ id }) => id));
    assert.equal(ids.size, 1);
    await plane.ended([...ids][0]!);
    await plane.restart();
    assert.ok(ids.has((await plane.prefetcher.create(spec(['team/app:v1']), 'a b')).id));
    await assert.rejects(plane.prefetcher.create(spec(['team/app:v2']), 'a b'), (error) =>
      isAppError(error, 'REQUEST_ID_REUSED'),
    );
  });

  it('is queued once by a scheduler while it has not ended', async (t) => {
    const { plane, gate } = await slow(t);
    const first = await plane.prefetcher.schedule(spec(['team/app:v1']));
    assert.equal(first.origin, 'schedule');
    assert.equal((await plane.prefetcher.schedule(spec(['team/app:v1']))).id, first.id);
    gate.open();
    await plane.ended(first.id);
    assert.notEqual((await plane.prefetcher.schedule(spec(['team/app:v1']))).id, first.id);
  });

  it('is refused when too many have not ended', async (t) => {
    const plane = await Plane.open(t);
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    const gate = plane.registry.hold({ kind: 'manifest' });
    const ids: string[] = [];
    for (let i = 0; i < 100; i++) ids.push((await plane.prefetcher.create(spec(['team/app:v1']))).id);
    await assert.rejects(plane.prefetcher.create(spec(['team/app:v1'])), (error) => isAppError(error, 'OVERLOADED'));
    gate.open();
    for (const id of ids) assert.equal((await plane.ended(id)).state, 'succeeded');
    assert.equal(plane.registry.count({ kind: 'manifest', method: 'GET' }), 1);
    await plane.run(['team/app:v1']);
  });

  it('ends, and is known to have ended, while the index takes no writes', async (t) => {
    const { plane, gate } = await slow(t);
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    await gate.reached;
    const { catalog } = plane.parts;
    const turn = t.mock.method(catalog, 'turn', () => Promise.reject(new AppError('INDEX_FAILED', 'told to fail')));
    const job = await plane.prefetcher.cancel(id);
    assert.equal(job?.state, 'cancelled');
    assert.equal((await plane.prefetcher.get(id))?.state, 'cancelled');
    turn.mock.restore();
    gate.open();
    await plane.restart();
    assert.equal((await plane.prefetcher.get(id))?.state, 'cancelled');
  });

  it('is listed in pages, the newest first', async (t) => {
    const plane = await Plane.open(t);
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    const ids: string[] = [];
    for (const tag of ['v1', 'v2', 'v1']) {
      ids.unshift((await plane.run([`team/app:${tag}`])).id);
      await sleep(2);
    }
    const first = await plane.prefetcher.list([], { size: 2 });
    const second = await plane.prefetcher.list([], { size: 2, after: first.next });
    assert.deepEqual(
      [...first.items, ...second.items].map(({ id }) => id),
      ids,
    );
    assert.equal(second.next, undefined);
    const failed = await plane.prefetcher.list(['failed'], { size: 10 });
    assert.deepEqual(
      failed.items.map(({ id }) => id),
      [ids[1]],
    );
  });

  it('is watched by many, of whom the slow one slows nobody and misses nothing but what is old', async (t) => {
    const { plane, app, gate } = await slow(t);
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    await gate.reached;
    const slowOne = (await plane.watch(id))[Symbol.asyncIterator]();
    const first = await slowOne.next();
    const gone = new AbortController();
    const left = last(await plane.watch(id, gone.signal));
    const many = Array.from({ length: 50 }, async () => last(await plane.watch(id)));
    await new Promise(setImmediate);
    gone.abort(new Error('enough'));
    await assert.rejects(left, /enough/);
    gate.open();
    for (const job of await Promise.all(many)) assert.equal(job.state, 'succeeded');
    const rest = await slowOne.next();
    assert.ok(!first.done && !rest.done);
    assert.equal(rest.value.state, 'succeeded');
    assert.equal(rest.value.images[0]?.bytesFetched, total(app, ...app.blobs));
    assert.ok((await slowOne.next()).done);
  });

  it('gives the same objects for what has not changed', async (t) => {
    const { plane, gate } = await slow(t);
    plane.registry.push('team/small', makeImage({ seed: 'small' }), 'v1');
    const { id } = await plane.prefetcher.create(spec(['team/app:v1', 'team/small:v1']));
    await gate.reached;
    const before = await plane.until(id, (job) => job.images[1]?.state === 'succeeded');
    gate.open();
    const after = await plane.ended(id);
    assert.equal(after.images[1], before.images[1]);
    assert.notEqual(after.images[0], before.images[0]);
  });
});

describe('several jobs', () => {
  it('share the layers that they have in common', async (t) => {
    const plane = await Plane.open(t);
    const app = makeImage({ seed: 'app', layers: [2 * MiB, 1000] });
    plane.registry.push('team/app', app, 'v1');
    const gate = plane.registry.hold({ kind: 'blob', reference: app.layers[0]!.digest, at: MiB });
    const ids = await Promise.all([1, 2].map(async () => (await plane.prefetcher.create(spec(['team/app:v1']))).id));
    await gate.reached;
    await eventually(async () => (await plane.prefetcher.get(ids[1]!))?.images[0]?.layers.length === 3, 'both run');
    gate.open();
    const jobs = await Promise.all(ids.map((id) => plane.ended(id)));
    assert.ok(jobs.every(({ state }) => state === 'succeeded'));
    for (const { digest } of app.blobs) {
      assert.equal(plane.registry.count({ kind: 'blob', method: 'GET', reference: digest }), 1);
    }
    const fetched = jobs.map(
      ({ images }) => images[0]?.layers.find(({ digest }) => digest === app.layers[0]!.digest)?.state,
    );
    assert.deepEqual(fetched.sort(), ['reused', 'succeeded']);
  });

  it('fetch no more layers at once than is allowed, together', async (t) => {
    const plane = await Plane.open(t, { concurrency: 2 });
    const gate = plane.registry.hold({ kind: 'blob', at: 'headers' });
    const jobs = [];
    for (const seed of ['a', 'b', 'c']) {
      plane.registry.push(`team/${seed}`, makeImage({ seed, layers: [100, 200, 300] }), 'v1');
      jobs.push(await plane.prefetcher.create(spec([`team/${seed}:v1`])));
    }
    await eventually(() => gate.arrivals() === 2, 'two are under way');
    await sleep(100);
    assert.equal(gate.arrivals(), 2);
    gate.open();
    for (const { id } of jobs) assert.equal((await plane.ended(id)).state, 'succeeded');
  });
});

describe('a rate limit', () => {
  const headers = (remaining: number) => ({
    headers: { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': `${remaining};w=21600` },
  });

  it('holds a job back when little is left, says so, and lets it go on when there is more', async (t) => {
    const plane = await Plane.open(t, { lookAgain: 50 });
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    const low = plane.registry.fail({ kind: 'manifest' }, headers(7));
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    const held = await plane.until(id, (job) => job.heldBack !== undefined);
    assert.equal(held.state, 'running');
    const { upstream, limit, remaining } = held.heldBack!;
    assert.deepEqual([upstream, limit, remaining], [UPSTREAM, 100, 7]);
    assert.ok(held.heldBack!.until <= Date.now() + 50);
    await eventually(() => plane.registry.count({ kind: 'manifest', method: 'HEAD' }) > 3, 'it is looked at again');
    assert.equal(plane.registry.count({ kind: 'manifest', method: 'GET' }), 0);
    await assert.rejects(plane.prefetcher.plan(spec(['team/app:v1']), soon()), (error) =>
      isAppError(error, 'UPSTREAM_RATE_LIMITED'),
    );
    low();
    plane.registry.fail({ kind: 'manifest' }, headers(90));
    const job = await plane.ended(id);
    assert.equal(job.state, 'succeeded');
    assert.equal(job.heldBack, undefined);
  });

  it('holds a job back no longer than until the limit is reset', async (t) => {
    const plane = await Plane.open(t, { lookAgain: 50 });
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    const resetsAt = Math.ceil(Date.now() / 1000) + 1;
    const limit = { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(resetsAt) };
    plane.registry.fail({ kind: 'manifest' }, { headers: limit });
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    await plane.until(id, (job) => job.heldBack !== undefined);
    assert.equal((await plane.ended(id)).state, 'succeeded');
    assert.ok(Date.now() >= resetsAt * 1000);
  });

  it('holds a job back when upstream answers 429, and does not fail it', async (t) => {
    const plane = await Plane.open(t, { lookAgain: 50 });
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    const refusing = plane.registry.fail({ kind: 'manifest' }, { status: 429 });
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    const held = await plane.until(id, (job) => job.heldBack !== undefined);
    assert.equal(held.heldBack?.remaining, 0);
    refusing();
    assert.equal((await plane.ended(id)).state, 'succeeded');
  });

  it('lets a job that waits be cancelled', async (t) => {
    const plane = await Plane.open(t);
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    plane.registry.fail({ kind: 'manifest' }, headers(1));
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    await plane.until(id, (job) => job.heldBack !== undefined);
    const job = await plane.prefetcher.cancel(id);
    assert.equal(job?.state, 'cancelled');
    assert.equal(job.heldBack, undefined);
  });
});

describe('a dry run', () => {
  it('tells what is missing and changes nothing', async (t) => {
    const plane = await Plane.open(t);
    const index = makeIndex({ seed: 'multi', layers: [50_000] });
    const [amd, arm] = index.images;
    plane.registry.push('team/multi', index, 'v1');
    plane.registry.push('team/multi', index, 'v2');
    const before = await plane.state();
    const [first, second] = await plane.prefetcher.plan(spec(['team/multi:v*'], ALL), soon());
    const bytesTotal = total(index, amd!, arm!, ...amd!.blobs, ...arm!.blobs);
    const planned = { digest: index.digest, platforms: ['linux/amd64', 'linux/arm64/v8'], blobs: 7, bytesTotal };
    assert.deepEqual(first, { ...planned, reference: `${UPSTREAM}/team/multi:v1`, bytesMissing: bytesTotal });
    assert.deepEqual(second, { ...planned, reference: `${UPSTREAM}/team/multi:v2`, bytesMissing: 0 });
    assert.equal(plane.registry.count({ kind: 'blob' }), 0);
    assert.equal(await plane.state(), before);

    await plane.run(['team/multi:v1']);
    const [again] = await plane.prefetcher.plan(spec(['team/multi:v1'], ALL), soon());
    assert.equal(again?.bytesMissing, total(arm!, ...arm!.blobs));
  });

  it('names the image that it fails of', async (t) => {
    const plane = await Plane.open(t);
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    await assert.rejects(
      plane.prefetcher.plan(spec(['team/app:v1', 'team/none:v1']), soon()),
      (error) => isAppError(error, 'MANIFEST_UNKNOWN') && error.message.includes('team/none:v1'),
    );
  });
});

describe('whether an image is whole offline', () => {
  const choice = { platforms: [], all: false };

  it('is answered by bytes and links, and asks nobody', async (t) => {
    const plane = await Plane.open(t);
    const index = makeIndex({ seed: 'multi' });
    const [amd, arm] = index.images;
    plane.registry.push('team/multi', index, 'v1');
    plane.registry.push('team/other', index, 'v1');
    const ask = (reference: string, which = choice) =>
      plane.prefetcher.offline(image(reference), which, AbortSignal.timeout(5000));

    const unknown = await ask('team/multi:v1');
    assert.deepEqual([unknown.whole, unknown.digest], [false, undefined]);
    await plane.run(['team/multi:v1']);
    plane.registry.forgetRequests();
    const whole = await ask('team/multi:v1');
    assert.deepEqual([whole.whole, whole.digest, whole.platforms], [true, index.digest, ['linux/amd64']]);
    const all = await ask('team/multi:v1', ALL.platforms);
    assert.deepEqual(
      all.missing.map(({ digest, why, size }) => [digest, why, size]),
      [[arm!.digest, 'absent', arm!.size]],
    );
    await assert.rejects(ask('team/multi:v1', { platforms: ['linux/s390x'], all: false } as never), (error) =>
      isAppError(error, 'PLATFORM_UNKNOWN'),
    );

    // Another repository has no links to the same bytes.
    const other = await ask(`team/other@${index.digest}`);
    assert.ok(!other.whole && other.missing.every(({ why }) => why === 'unlinked'));
    assert.equal(other.missing.length, 1 + 1 + amd!.blobs.length);

    await plane.parts.store.delete(amd!.layers[0]!.digest);
    const holed = await ask('team/multi:v1');
    assert.deepEqual(
      holed.missing.map(({ digest, why }) => [digest, why]),
      [[amd!.layers[0]!.digest, 'absent']],
    );
    assert.equal(plane.registry.requests.length, 0);
    assert.equal((await plane.run(['team/multi:v1'])).state, 'succeeded');
    assert.ok((await ask('team/multi:v1')).whole);
  });

  it('understands an upstream by its other name', async (t) => {
    const plane = await Plane.open(t);
    plane.registry.push('team/app', makeImage({ seed: 'app' }), 'v1');
    const aliased = parseImageReference('alias.test/team/app:v1');
    const { id } = await plane.prefetcher.create({ ...spec(['x:1']), images: [aliased] });
    const job = await plane.ended(id);
    assert.equal(job.images[0]?.reference, formatImageReference({ ...aliased, upstream: UPSTREAM }));
    assert.ok((await plane.prefetcher.offline(aliased, choice, soon())).whole);
  });
});

describe('live pulls', () => {
  it('move the layer that they want up', async (t) => {
    const plane = await Plane.open(t);
    const app = makeImage({ seed: 'app', layers: [2 * MiB] });
    const layer: Content = app.layers[0]!;
    plane.registry.push('team/app', app, 'v1');
    const gate = plane.registry.hold({ kind: 'blob', reference: layer.digest, at: MiB });
    const { id } = await plane.prefetcher.create(spec(['team/app:v1']));
    await gate.reached;
    const pulled = plane.pull('team/app', 'v1', [layer.digest]);
    await plane.prefetcher.cancel(id);
    gate.open();
    await pulled;
    assert.equal(plane.registry.count({ kind: 'blob', method: 'GET', reference: layer.digest }), 1);
  });
});
