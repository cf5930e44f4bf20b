/** A tag whose manifest was lost from the disk, and so its link: a tag alone opens nothing, until upstream says so again. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { pull, REPOSITORY, startScene, type Scene } from './scene.js';
import type { Scope } from '../support/tmp.js';

const OTHER = 'team/fork';

/** `team/app:v1` is known but unlinked: its manifest was lost, and came back through `team/fork` alone. */
async function sceneWithLostLink(t: Scope, upstream: Readonly<Record<string, unknown>>): Promise<Scene> {
  const scene = await startScene(t, { upstream });
  const { registry, daemon, image } = scene;
  registry.push(OTHER, image, 'v1');
  await pull(scene);
  assert.equal((await daemon.manifest(OTHER, image.digest)).status, 200);
  await daemon.stop();
  await rm(daemon.blobPath(image.digest));
  await daemon.start();
  assert.deepEqual((await daemon.manifest(OTHER, image.digest)).body, image.bytes);
  assert.ok(daemon.logged('stored blob is gone', image.digest).length > 0);
  registry.forgetRequests();
  return scene;
}

describe('a tag whose link was lost', () => {
  for (const [age, upstream] of [
    ['fresh', { tagTtl: '1h', staleIfGone: '1d' }],
    ['old', { tagTtl: '0s', staleIfGone: '1d' }],
    ['old', { tagTtl: '0s' }],
  ] as const) {
    const policy = JSON.stringify(upstream);
    it(`is not served when upstream says 404, though it is ${age}: ${policy}`, async (t) => {
      const { registry, daemon, image } = await sceneWithLostLink(t, upstream);
      registry.remove(REPOSITORY, 'v1');
      registry.remove(REPOSITORY, image.digest);
      for (const reference of ['v1', image.digest, 'v1']) {
        const answer = await daemon.manifest(REPOSITORY, reference);
        assert.equal(answer.status, 404, reference);
        assert.ok(!answer.body.includes(image.config.digest));
      }
      assert.equal((await daemon.manifest(OTHER, image.digest)).status, 200, 'what is linked is served');
    });

    it(`is not served stale when upstream cannot be asked, though it is ${age}: ${policy}`, async (t) => {
      const { registry, daemon } = await sceneWithLostLink(t, upstream);
      await registry.down();
      assert.ok((await daemon.manifest(REPOSITORY, 'v1')).status >= 500);
    });

    it(`is linked again by one HEAD and no download, though it is ${age}: ${policy}`, async (t) => {
      const { registry, daemon, image } = await sceneWithLostLink(t, upstream);
      const answer = await daemon.manifest(REPOSITORY, 'v1');
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, image.mediaType]);
      assert.deepEqual(answer.body, image.bytes);
      assert.equal(registry.count({ kind: 'manifest', method: 'HEAD' }), 1);
      assert.equal(registry.count({ kind: 'manifest', method: 'GET' }), 0);
      await registry.down();
      for (const reference of ['v1', image.digest])
        assert.deepEqual((await daemon.manifest(REPOSITORY, reference)).body, image.bytes, reference);
    });
  }
});
