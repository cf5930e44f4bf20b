import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTag } from '../../src/oci/reference.js';
import { makeImage } from '../support/images.js';
import { image, OperatedCache, signal, UPSTREAM } from './support/contents.js';

const V1 = parseTag('v1');
const APP = { upstream: UPSTREAM, name: 'team/app' };

/** Nothing may be stale here, and every pull asks upstream: for the tag, and for the links of a private repository. */
async function pulledOnce(...[t]: Parameters<typeof OperatedCache.open>) {
  const cache = await OperatedCache.open(t, { tagTtl: 0 });
  const pushed = makeImage({ seed: 'pinned', layers: [5000] });
  cache.registry.push(APP.name, pushed, 'v1');
  await cache.pulled(APP.name, V1);
  return { cache, pushed };
}

describe('a pinned tag while its upstream cannot answer', () => {
  it('is served with all its blobs, marked stale, however old', async (t) => {
    const { cache, pushed } = await pulledOnce(t);
    await cache.contents.pin(image('team/app:v1'));
    cache.registry.fail({}, { status: 503 });
    const answer = await cache.pull.manifest(APP, V1, 'body', signal);
    assert.deepEqual([answer.descriptor.digest, answer.answered.outcome], [pushed.digest, 'stale']);
    for (const { digest, bytes } of pushed.blobs) assert.deepEqual(await cache.blob(APP.name, digest), bytes);
  });

  it('is not served any longer than others once it is unpinned', async (t) => {
    const { cache, pushed } = await pulledOnce(t);
    await cache.contents.pin(image('team/app:v1'));
    await cache.contents.unpin(image('team/app:v1'));
    cache.registry.fail({}, { status: 503 });
    await assert.rejects(cache.pull.manifest(APP, V1, 'body', signal), { code: 'UPSTREAM_UNAVAILABLE' });
    await assert.rejects(cache.blob(APP.name, pushed.layers[0]!.digest), { code: 'UPSTREAM_UNAVAILABLE' });
  });

  it('is refused when upstream answers that it is gone, or that it is not to be had', async (t) => {
    for (const status of [404, 403]) {
      const { cache, pushed } = await pulledOnce(t);
      await cache.contents.pin(image('team/app:v1'));
      cache.registry.fail({}, { status });
      await assert.rejects(cache.pull.manifest(APP, V1, 'body', signal));
      await assert.rejects(cache.blob(APP.name, pushed.layers[0]!.digest));
    }
  });
});
