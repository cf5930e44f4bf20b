/**
 * Everything that is no plain image: a cache has nothing to say about what artifacts mean, so each of them comes as it is,
 * with the type it came with: cold, again from the store, and once more when upstream is gone.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { head } from '../support/http.js';
import { content, descriptorOf, makeImage, makeIndex, noise, OCI_INDEX, OCI_MANIFEST } from '../support/images.js';
import type { Content } from '../support/images.js';
import type { DigestAlgorithm } from '../../src/oci/digest.js';
import { REPOSITORY, startScene } from './scene.js';

interface Artifact {
  readonly manifests: readonly Content[];
  readonly blobs: readonly Content[];
}

const blob = (seed: string, mediaType: string, algorithm?: DigestAlgorithm, size = 3000): Content =>
  content(noise(seed, size), mediaType, algorithm);

const EMPTY = content(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');

function manifest(config: Content, layers: readonly Content[], extra: object = {}, algorithm?: DigestAlgorithm) {
  const body = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
  };
  return content(Buffer.from(JSON.stringify({ ...body, ...extra })), OCI_MANIFEST, algorithm);
}

function artifact(config: Content, layers: readonly Content[], extra: object = {}): Artifact {
  return { manifests: [manifest(config, layers, extra)], blobs: [config, ...layers] };
}

const index = (manifests: readonly Content[], algorithm?: DigestAlgorithm): Content =>
  content(
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: manifests.map(descriptorOf) })),
    OCI_INDEX,
    algorithm,
  );

function nested(depth: number): Artifact {
  const image = makeImage({ seed: 'nested' });
  const manifests: Content[] = [image];
  for (let i = 0; i < depth; i++) manifests.unshift(index([manifests[0]!]));
  return { manifests, blobs: image.blobs };
}

function mixed(): Artifact {
  const [config, layer, short] = [
    blob('c', 'application/json', 'sha512', 300),
    blob('l', 'x/layer', 'sha512'),
    blob('s', 'x/layer'),
  ];
  const inner = manifest(config, [layer, short], {}, 'sha512');
  return { manifests: [index([inner]), inner], blobs: [config, layer, short] };
}

const GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';
const ARTIFACTS: Readonly<Record<string, Artifact>> = {
  'a Helm chart with its provenance': artifact(
    blob('helm', 'application/vnd.cncf.helm.config.v1+json', 'sha256', 200),
    [
      blob('chart', 'application/vnd.cncf.helm.chart.content.v1.tar+gzip'),
      blob('prov', 'application/vnd.cncf.helm.chart.provenance.v1.prov'),
    ],
  ),
  'a WASM module': artifact(blob('wasm', 'application/vnd.wasm.config.v0+json', 'sha256', 200), [
    blob('module', 'application/wasm'),
  ]),
  'an artifact with nothing but a type and an empty configuration': artifact(EMPTY, [EMPTY], {
    artifactType: 'application/vnd.example.thing',
  }),
  'an artifact whose blob is in its descriptor': artifact(EMPTY, [EMPTY], {
    artifactType: 'application/vnd.example.inline',
    layers: [{ ...descriptorOf(EMPTY), data: EMPTY.bytes.toString('base64') }],
  }),
  'an image without layers': artifact(blob('none', 'application/vnd.oci.image.config.v1+json'), []),
  'an image with zstd layers': artifact(blob('zstd', 'application/vnd.oci.image.config.v1+json'), [
    blob('z', 'application/vnd.oci.image.layer.v1.tar+zstd'),
  ]),
  'a SOCI index': artifact(EMPTY, [blob('ztoc', 'application/octet-stream')], {
    artifactType: 'application/vnd.amazon.soci.index.v1+json',
    subject: descriptorOf(makeImage({ seed: 'subject' })),
  }),
  'an eStargz image': artifact(blob('stargz', 'application/vnd.oci.image.config.v1+json'), [blob('e', GZIP)], {
    annotations: { 'containerd.io/snapshot/stargz/toc.digest': `sha256:${'a'.repeat(64)}` },
  }),
  'an index in an index': nested(2),
  'indexes as deep as nobody needs them': nested(8),
  'an empty index': { manifests: [index([])], blobs: [] },
  'sha512 under a sha256 index': mixed(),
};

describe('an artifact', () => {
  for (const [name, { manifests, blobs }] of Object.entries(ARTIFACTS)) {
    it(`${name} comes as it is, cold, warm and without upstream`, async (t) => {
      const { registry, daemon } = await startScene(t);
      for (const each of blobs) registry.addBlob(REPOSITORY, each);
      for (const [i, each] of manifests.entries())
        registry.addManifest(REPOSITORY, each, i === 0 ? 'thing' : undefined);
      const read = async (state: string) => {
        for (const [reference, each] of [['thing', manifests[0]!], ...manifests.map((m) => [m.digest, m])] as const) {
          const answer = await daemon.manifest(REPOSITORY, reference as string);
          const { mediaType, digest, bytes } = each as Content;
          assert.deepEqual([answer.status, answer.headers['content-type']], [200, mediaType], `${state} ${digest}`);
          assert.deepEqual(answer.body, bytes);
          assert.equal(answer.headers['docker-content-digest'], digest);
          const headed = await head(daemon.manifestUrl(REPOSITORY, reference as string));
          assert.equal(headed.headers['docker-content-digest'], digest);
        }
        for (const { digest, bytes } of blobs) {
          const answer = await daemon.blob(REPOSITORY, digest);
          assert.deepEqual([answer.status, answer.complete], [200, true], `${state} ${digest}`);
          assert.deepEqual(answer.body, bytes);
        }
      };
      await read('cold');
      for (const { digest } of [...manifests, ...blobs]) await daemon.stored(digest);
      registry.forgetRequests();
      await read('warm');
      assert.deepEqual(registry.requests, []);
      await registry.down();
      await daemon.reload({ tagTtl: '0s' });
      await read('without upstream');
    });
  }

  it('under a sha512 digest is called the same by HEAD and by GET of its tag', async (t) => {
    const { registry, daemon, image } = await startScene(t, { algorithm: 'sha512', seed: 'tagged' });
    for (const answer of [
      await head(daemon.manifestUrl(REPOSITORY, 'v1')),
      await daemon.manifest(REPOSITORY, 'v1'),
      await head(daemon.manifestUrl(REPOSITORY, 'v1')),
    ])
      assert.equal(answer.headers['docker-content-digest'], image.digest);
    registry.forgetRequests();
    assert.equal((await daemon.manifest(REPOSITORY, image.digest)).status, 200);
    assert.deepEqual(registry.requests, []);
  });

  it('may name layers that lie elsewhere: nobody goes there, and who asks here gets what upstream gives', async (t) => {
    const { registry, daemon } = await startScene(t);
    const foreign = (seed: string, kind: string) => blob(seed, `application/vnd.${kind}.v1.tar+gzip`) satisfies Content;
    const missing = foreign('missing', 'oci.image.layer.nondistributable');
    const held = foreign('held', 'docker.image.rootfs.foreign.diff');
    const urls = [`${registry.cdnUrl}/cdn/${missing.digest}`];
    const config = blob('windows', 'application/vnd.oci.image.config.v1+json', 'sha256', 200);
    const layers = [missing, held].map((each) => ({ ...descriptorOf(each), urls }));
    const windows = manifest(config, [], { layers });
    registry.addBlob(REPOSITORY, config);
    registry.addBlob(REPOSITORY, held);
    registry.addManifest(REPOSITORY, windows, 'windows');
    assert.deepEqual((await daemon.manifest(REPOSITORY, 'windows')).body, windows.bytes);
    assert.equal((await daemon.blob(REPOSITORY, missing.digest)).status, 404);
    assert.deepEqual((await daemon.blob(REPOSITORY, held.digest)).body, held.bytes);
    assert.equal(registry.count({ kind: 'cdn' }), 0);
  });

  it('may be a docker list of images for several platforms', async (t) => {
    const { registry, daemon } = await startScene(t);
    const list = makeIndex({ seed: 'list', mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json' });
    registry.push(REPOSITORY, list, 'list');
    for (const each of [list, ...list.images]) {
      const answer = await daemon.manifest(REPOSITORY, each.digest);
      assert.deepEqual([answer.headers['content-type'], answer.body], [each.mediaType, each.bytes]);
    }
  });
});
