/** What an operator is told who asks why an image or a blob is here, or is not. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import type { Digest } from '../../../src/oci/digest.js';
import { parseTag, type TagOrDigest } from '../../../src/oci/reference.js';
import { eventually } from '../../support/eventually.js';
import { makeImage, makeIndex, manifestNaming } from '../../support/images.js';
import { archiveOf } from '../support/archives.js';
import { image, inPieces, OperatedCache, signal, UPSTREAM } from '../support/contents.js';

const V1 = parseTag('v1');
const APP = { upstream: UPSTREAM, name: 'team/app' };

async function scene(t: TestContext) {
  const cache = await OperatedCache.open(t, { linkTtl: 3_600_000 });
  const explain = (name: string) => cache.contents.explain({ kind: 'image', image: image(name) }, signal);
  const explainBlob = (digest: Digest) => cache.contents.explain({ kind: 'blob', digest }, signal);
  const pulled = async (seed: string, tag: string) => {
    const made = makeImage({ seed, layers: [1000, 2000] });
    cache.registry.push(APP.name, made, tag);
    await cache.pulled(APP.name, parseTag(tag));
    return made;
  };
  return { cache, explain, explainBlob, pulled };
}

const isRemoval = ({ msg }: Record<string, unknown>) => msg === 'removed';

describe('an image that is here', () => {
  it('is whole, linked, fresh, kept by its tag, and goes by age and in its turn', async (t) => {
    const { cache, explain, pulled } = await scene(t);
    const old = await pulled('old', 'v1');
    await pulled('young', 'v2');
    const before = await cache.catalog.lastUse(APP, old.digest);
    const { checkedAt } = (await cache.catalog.tag(APP, V1))!;
    const told = await explain('team/app:v1');
    assert.deepEqual([told.presence, told.whole, told.digest], ['here', true, old.digest]);
    assert.deepEqual([told.mediaType, told.size, told.missing, told.unpulled], [old.mediaType, old.size, [], []]);
    assert.deepEqual(told.tag, { checkedAt, freshUntil: checkedAt + 3_600_000, servedUntil: checkedAt + 3_600_000 });
    assert.deepEqual(
      told.links.map(({ repository, checkedAt, until }) => [repository, until! - checkedAt]),
      [[APP, 3_600_000]],
    );
    const keeper = { kind: 'tag', reference: 'up.test/team/app:v1', pinned: false, lastUsedAt: before?.at };
    assert.deepEqual(told.keepers, [keeper]);
    assert.deepEqual([told.evictionPlace, told.evictionOf], [1, 2]);
    assert.equal((await explain('team/app:v2')).evictionPlace, 2);
    const left = told.expiresAt! - Date.now();
    assert.ok(left <= cache.policy.retention && left > cache.policy.retention - 600_000, String(left));
    assert.deepEqual(await cache.catalog.lastUse(APP, old.digest), before, 'an explanation is no use');
  });

  it('does not go while it is pinned, and its tag is believed for as long as that takes', async (t) => {
    const { cache, explain, explainBlob, pulled } = await scene(t);
    const made = await pulled('pinned', 'v1');
    await cache.contents.pin(image('team/app:v1'));
    const { keepers, tag, ...told } = await explain('team/app:v1');
    assert.deepEqual([keepers[0]?.pinned, told.expiresAt, told.evictionPlace], [true, undefined, undefined]);
    assert.ok(tag && tag.servedUntil === undefined);
    assert.equal((await explainBlob(made.layers[0]!.digest)).expiresAt, undefined);
  });

  it('is kept by a job that works on it, by what it refers to, or by a pin alone', async (t) => {
    const { cache, explainBlob, pulled } = await scene(t);
    const made = await pulled('job', 'v1');
    cache.jobs.add(made.digest);
    const signature = makeImage({ seed: 'signature', subject: made });
    cache.registry.push(APP.name, signature);
    await cache.pulled(APP.name, signature.digest);
    await cache.catalog.dropRoot(APP, signature.digest);
    const kinds = async (digest: Digest) => (await explainBlob(digest)).keepers.map(({ kind }) => kind);
    assert.deepEqual(await kinds(made.digest), ['tag', 'job']);
    assert.deepEqual(await kinds(signature.digest), ['subject']);
    await cache.catalog.pin(APP, signature.digest);
    assert.deepEqual(await kinds(signature.digest), ['pin', 'subject']);
    assert.equal((await explainBlob(signature.digest)).expiresAt, undefined);
  });

  it('lacks what its manifests name and is not here; platforms nobody pulled are no lack', async (t) => {
    const { cache, explain } = await scene(t);
    const index = makeIndex({ seed: 'index' });
    cache.registry.push(APP.name, index, 'v1');
    await cache.pull.manifest(APP, V1, 'body', signal);
    const [, arm] = index.images;
    await cache.pulled(APP.name, arm!.digest);
    const whole = await explain('team/app:v1');
    assert.deepEqual([whole.whole, whole.missing, whole.unpulled], [true, [], ['linux/amd64']]);
    const [layer] = arm!.layers;
    await rm(cache.path(layer!.digest));
    const { presence, ...told } = await explain('team/app:v1');
    assert.deepEqual([presence, told.whole], ['here', false]);
    assert.deepEqual(
      told.missing.map(({ digest, size, why }) => [digest, size, why]),
      [[layer!.digest, layer!.size, 'absent']],
    );
  });

  it('is not this repository’s when only another one was served it', async (t) => {
    const { explain, pulled } = await scene(t);
    const made = await pulled('theirs', 'v1');
    const told = await explain(`team/fork@${made.digest}`);
    assert.deepEqual([told.presence, told.whole], ['unlinked', false]);
  });

  it('lacks what is being fetched for clients now, and says how far that is', async (t) => {
    const { cache, explain, explainBlob } = await scene(t);
    const made = makeImage({ seed: 'filled', layers: [3_000_000] });
    cache.registry.push(APP.name, made, 'v1');
    const [layer] = made.layers;
    await cache.pull.manifest(APP, V1, 'body', signal);
    const gate = cache.registry.hold({ kind: 'blob', at: 'middle' });
    const pull = cache.blob(APP.name, layer!.digest);
    await gate.reached;
    await eventually(() => cache.pull.flights.states()[0]!.received > 0, 'bytes came');
    const told = await explain('team/app:v1');
    assert.deepEqual([told.presence, told.missing.length], ['here', 2]);
    for (const { fills } of [told, await explainBlob(layer!.digest), await explain(`team/fork@${layer!.digest}`)])
      assert.deepEqual(
        fills.map(({ repository, digest, size, followers }) => [repository, digest, size, followers.live]),
        [[APP, layer!.digest, 3_000_000, 1]],
      );
    const { presence, fills } = await explainBlob(layer!.digest);
    assert.equal(presence, 'filling');
    assert.ok(fills[0]!.received > 0 && fills[0]!.received < 3_000_000);
    assert.deepEqual((await explainBlob(made.config.digest)).fills, [], 'which nobody asked for yet');
    gate.open();
    await pull;
    const then = await explainBlob(layer!.digest);
    assert.deepEqual([then.presence, then.fills], ['here', []]);
  });

  it('is served for good where an operator imported it', async (t) => {
    const { cache, explain } = await scene(t);
    const archive = await archiveOf([makeImage({ seed: 'imported' })], { name: 'app:1' });
    await cache.contents.import(inPieces(archive), image('team/app:v1'), signal);
    const told = await explain('team/app:v1');
    assert.deepEqual([told.whole, told.links[0]?.until, told.tag?.servedUntil], [true, undefined, undefined]);
  });
});

describe('a blob', () => {
  it('is kept by the images that consist of it, and goes with the last of them', async (t) => {
    const { cache, explainBlob, pulled } = await scene(t);
    const made = await pulled('one', 'v1');
    await pulled('between', 'v2');
    const [layer] = made.layers;
    cache.registry.repositories.addManifest(APP.name, manifestNaming(made.config, [layer!]), 'v3');
    await cache.pulled(APP.name, parseTag('v3'));
    const told = await explainBlob(layer!.digest);
    assert.deepEqual(told.keepers.map(({ kind, reference }) => `${kind} ${reference}`).sort(), [
      'image up.test/team/app:v1',
      'image up.test/team/app:v3',
    ]);
    assert.deepEqual([told.presence, told.evictionPlace, told.evictionOf], ['here', 3, 3]);
  });

  it('that no image names goes after the grace period', async (t) => {
    const { cache, explainBlob } = await scene(t);
    const made = makeImage({ seed: 'loose' });
    cache.registry.push(APP.name, made);
    await cache.blob(APP.name, made.layers[0]!.digest);
    const told = await explainBlob(made.layers[0]!.digest);
    const left = told.expiresAt! - Date.now();
    assert.ok(left <= cache.policy.gracePeriod && left > cache.policy.gracePeriod - 600_000, String(left));
    assert.deepEqual([told.presence, told.keepers, told.evictionPlace], ['here', [], undefined]);
  });
});

describe('how something was last asked for', () => {
  const OTHER = `sha256:${'1'.repeat(64)}` as Digest;

  it('is told by the name it was asked for by, and by the digest it was answered with', async (t) => {
    const { cache, explain, explainBlob, pulled } = await scene(t);
    const made = await pulled('asked', 'v1');
    const answered = (reference: TagOrDigest, at: number, digest: Digest) =>
      cache.recollection.answered({ repository: APP, reference, digest, at, method: 'GET', outcome: 'hit' });
    answered(V1, 1, made.digest);
    const asked = async (told: ReturnType<typeof explain>) =>
      (await told).asked.map(({ reference, at }) => [reference, at]);
    for (const told of [explain('team/app:v1'), explain(`team/app@${made.digest}`), explainBlob(made.digest)])
      assert.deepEqual(await asked(told), [[V1, 1]]);
    assert.deepEqual(await asked(explain(`team/fork@${made.digest}`)), []);
    answered(V1, 2, OTHER);
    assert.deepEqual(await asked(explain(`team/app@${made.digest}`)), [[V1, 1]], 'before the tag moved');
    answered(made.digest, 3, made.digest);
    assert.deepEqual(await asked(explainBlob(made.digest)), [[made.digest, 3]]);
  });
});

describe('an image that is not here', () => {
  const NEVER = `sha256:${'0'.repeat(64)}` as Digest;

  it('was never seen, or is refused where no upstream has the name', async (t) => {
    const { cache, explain, explainBlob } = await scene(t);
    for (const told of [await explain('team/app:v1'), await explain(`team/app@${NEVER}`), await explainBlob(NEVER)])
      assert.deepEqual([told.presence, told.whole, told.asked], ['unknown', false, []]);
    const elsewhere = { ...image('team/app:v1'), upstream: 'other.test' };
    await assert.rejects(cache.contents.explain({ kind: 'image', image: elsewhere }, signal), { code: 'NAME_UNKNOWN' });
    await assert.rejects(explain('forbidden/app:v1'), { code: 'NOT_PERMITTED' });
  });

  it('was evicted, by tag and by digest, and is not any more when it is pulled again', async (t) => {
    const { cache, explain, explainBlob, pulled } = await scene(t);
    const made = await pulled('evicted', 'v1');
    await cache.contents.evict(image('team/app:v1'), signal);
    for (const told of [await explain('team/app:v1'), await explain(`team/app@${made.digest}`)])
      assert.deepEqual([told.presence, told.by, told.since! <= Date.now()], ['removed', 'operator', true]);
    assert.equal((await explainBlob(made.digest)).presence, 'removed');
    const removed = cache.logs.map((line) => JSON.parse(line) as Record<string, unknown>).find(isRemoval)!;
    const { upstream, repository, tags, digest, why } = removed;
    assert.deepEqual([upstream, repository, tags, digest, why], [UPSTREAM, APP.name, ['v1'], made.digest, 'operator']);
    assert.equal((await explain('team/fork:v1')).presence, 'unknown');
    await cache.pulled(APP.name, V1);
    assert.equal((await explain('team/app:v1')).presence, 'here');
  });

  it('is gone upstream, since it was last asked for or while that is remembered', async (t) => {
    const { cache, explain, pulled } = await scene(t);
    const answer = (reference: TagOrDigest, at: number) =>
      cache.recollection.answered({ repository: APP, reference, at, method: 'GET', outcome: 'MANIFEST_UNKNOWN' });
    answer(V1, 5);
    const told = await explain('team/app:v1');
    assert.deepEqual([told.presence, told.since, told.asked.length], ['gone', 5, 1]);
    assert.equal((await explain('team/fork:v1')).presence, 'unknown');
    await pulled('evicted', 'v1');
    await cache.contents.evict(image('team/app:v1'), signal);
    assert.equal((await explain('team/app:v1')).presence, 'removed', 'which was later');
    answer(V1, Date.now() + 1000);
    assert.equal((await explain('team/app:v1')).presence, 'gone', 'which was later again');
  });

  it('is known where its tag, or an image that names it, still is', async (t) => {
    const { cache, explain, explainBlob, pulled } = await scene(t);
    const made = await pulled('lost', 'v1');
    await rm(cache.path(made.layers[0]!.digest));
    assert.equal((await explainBlob(made.layers[0]!.digest)).presence, 'absent');
    await rm(cache.path(made.digest));
    const told = await explain('team/app:v1');
    assert.deepEqual([told.presence, told.digest, told.whole], ['absent', made.digest, false]);
  });
});
