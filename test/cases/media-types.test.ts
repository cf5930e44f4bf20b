/**
 * A media type is what upstream says, not part of the bytes, so the same bytes may be called otherwise elsewhere. What one
 * upstream calls them never changes what another one's repository is served.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestDaemon, type TestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { get, head } from '../support/http.js';
import { content, descriptorOf, DOCKER_MANIFEST, makeImage, OCI_MANIFEST } from '../support/images.js';
import { REPOSITORY } from './scene.js';

const OTHER = 'other.example';
const COPY = 'copies/app';

const image = makeImage({ seed: 'media-types' });
/** Without a `mediaType` of its own, so that it is a manifest of either type. */
const manifest = content(
  Buffer.from(
    JSON.stringify({ schemaVersion: 2, config: descriptorOf(image.config), layers: image.layers.map(descriptorOf) }),
  ),
  OCI_MANIFEST,
);

const pullFirst = async (daemon: TestDaemon): Promise<void> => {
  for (const reference of ['v1', manifest.digest]) {
    for (const ask of [get, head]) {
      const answer = await ask(daemon.manifestUrl(REPOSITORY, reference));
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, OCI_MANIFEST], reference);
      assert.equal(answer.headers['docker-content-digest'], manifest.digest);
    }
  }
};

const others = {
  'as a blob': async (daemon: TestDaemon) => {
    const answer = await get(daemon.blobUrl(COPY, manifest.digest, OTHER));
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, manifest.bytes);
    await daemon.stored(manifest.digest);
  },
  'as a manifest of another type': async (daemon: TestDaemon) => {
    for (const reference of ['v1', manifest.digest]) {
      const answer = await get(daemon.manifestUrl(COPY, reference, OTHER));
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, DOCKER_MANIFEST]);
    }
  },
};

describe("a manifest's media type", () => {
  for (const [how, pullOther] of Object.entries(others)) {
    for (const order of ['before', 'after'] as const) {
      it(`is what its own upstream says when another has sent the same bytes ${how} ${order} it`, async (t) => {
        const registry = await FakeRegistry.start(t);
        registry.addManifest(REPOSITORY, manifest, 'v1');
        const other = await FakeRegistry.start(t);
        if (how === 'as a blob') other.addBlob(COPY, manifest);
        else other.addManifest(COPY, { ...manifest, mediaType: DOCKER_MANIFEST }, 'v1');
        const daemon = await startTestDaemon(t, {
          upstreams: [
            { name: 'docker.io', url: registry.url },
            { name: OTHER, url: other.url },
          ],
        });
        const pulls = order === 'before' ? [pullOther, pullFirst] : [pullFirst, pullOther];
        for (const pull of pulls) await pull(daemon);
        // Each is still what it was, also for a daemon that has nothing in memory and nobody to ask.
        await pullFirst(daemon);
        await registry.down();
        await daemon.restart();
        await pullFirst(daemon);
        await pullOther(daemon);
        await pullFirst(daemon);
      });
    }
  }
});
