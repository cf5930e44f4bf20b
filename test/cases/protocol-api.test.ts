/** The cases of the registry protocol that concern names, tags, digests and lists. Numbers are the protocol notes'. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { errorCode, fetchAll, get, head, sha256 } from '../support/http.js';
import { content, makeImage, OCI_INDEX, OCI_MANIFEST, referrersTag } from '../support/images.js';
import { pull, REPOSITORY, startScene } from './scene.js';

const UNKNOWN = `sha256:${'0'.repeat(64)}`;
const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('the API', () => {
  it('1. GET /v2/ is 200, also while an upstream is down', async (t) => {
    const { registry, daemon } = await startScene(t);
    await registry.down();
    const answer = await get(`${daemon.url}/v2/`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['www-authenticate'], undefined);
  });

  it('2. no answer challenges while client auth is off, whatever upstream says', async (t) => {
    const { registry, daemon, layer } = await startScene(t);
    registry.fail({}, { status: 401, headers: { 'www-authenticate': 'Basic realm="upstream"' } });
    for (const url of [daemon.manifestUrl(REPOSITORY, 'v1'), daemon.blobUrl(REPOSITORY, layer.digest)]) {
      for (const answer of [await get(url), await head(url)]) {
        assert.notEqual(answer.status, 401);
        assert.equal(answer.headers['www-authenticate'], undefined);
      }
    }
  });

  it('3. HEAD and GET of a tag agree, and the digest header is the digest of the body', async (t) => {
    const { daemon, image } = await startScene(t);
    const headed = await head(daemon.manifestUrl(REPOSITORY, 'v1'));
    assert.equal(headed.status, 200);
    assert.equal(headed.body.length, 0);
    const got = await daemon.manifest(REPOSITORY, 'v1');
    assert.deepEqual(got.body, image.bytes);
    for (const { headers } of [headed, got, await head(daemon.manifestUrl(REPOSITORY, 'v1'))]) {
      assert.equal(headers['content-type'], OCI_MANIFEST);
      assert.equal(headers['content-length'], String(image.size));
      assert.equal(headers['docker-content-digest'], sha256(got.body));
    }
  });

  it('4. what is missing is 404 and a digest that is none is 400', async (t) => {
    const { daemon } = await startScene(t);
    for (const reference of ['missing', UNKNOWN]) {
      const answer = await daemon.manifest(REPOSITORY, reference);
      assert.deepEqual([answer.status, errorCode(answer)], [404, 'MANIFEST_UNKNOWN'], reference);
      assert.equal((await head(daemon.manifestUrl(REPOSITORY, reference))).status, 404);
    }
    assert.equal((await daemon.manifest(REPOSITORY, '.INVALID_MANIFEST_NAME')).status, 404);
    for (const answer of [
      await daemon.manifest(REPOSITORY, 'sha256:baddigeststring'),
      await daemon.blob(REPOSITORY, 'sha256:baddigeststring'),
    ]) {
      assert.equal(answer.status, 400);
      assert.equal(errorCode(answer), 'DIGEST_INVALID');
    }
  });

  it('5. an upper-case name is 400 NAME_INVALID, a tag of 129 characters is refused', async (t) => {
    const { registry, daemon } = await startScene(t);
    const upper = await get(`${daemon.url}/v2/Team/app/manifests/v1`);
    assert.deepEqual([upper.status, errorCode(upper)], [400, 'NAME_INVALID']);
    assert.ok([400, 404].includes((await daemon.manifest(REPOSITORY, 'a'.repeat(129))).status));
    assert.equal(registry.requests.length, 0);
  });

  it('6. sha512 manifests and blobs are served and verified; other algorithms are refused without a call', async (t) => {
    const scene = await startScene(t, { algorithm: 'sha512', seed: 'sha512' });
    const { registry, daemon, image, layer } = scene;
    registry.fail({ kind: 'blob', method: 'GET', reference: layer.digest, at: 5 }, { flip: true });
    const bad = await daemon.blob(REPOSITORY, layer.digest);
    assert.ok(bad.status >= 500, String(bad.status));
    const manifest = await daemon.manifest(REPOSITORY, image.digest);
    assert.deepEqual(manifest.body, image.bytes);
    assert.equal(manifest.headers['docker-content-digest'], image.digest);
    const config = await daemon.blob(REPOSITORY, image.config.digest);
    assert.deepEqual(config.body, image.config.bytes);
    registry.forgetRequests();
    const other = await daemon.blob(REPOSITORY, `md5:${'0'.repeat(32)}`);
    assert.ok(other.status >= 400 && other.status < 500);
    assert.equal(registry.requests.length, 0);
  });

  it('7. a missing blob is 404 on HEAD and GET; the empty blob is there', async (t) => {
    const { daemon } = await startScene(t);
    const missing = await daemon.blob(REPOSITORY, UNKNOWN);
    assert.deepEqual([missing.status, errorCode(missing)], [404, 'BLOB_UNKNOWN']);
    assert.equal((await head(daemon.blobUrl(REPOSITORY, UNKNOWN))).status, 404);
    for (const answer of [await daemon.blob(REPOSITORY, EMPTY), await head(daemon.blobUrl(REPOSITORY, EMPTY))]) {
      assert.deepEqual([answer.status, answer.headers['content-length'], answer.complete], [200, '0', true]);
    }
  });

  it('18. nginx under docker.io is library/nginx, also when it is called index.docker.io', async (t) => {
    const { registry, daemon } = await startScene(t);
    const nginx = makeImage({ seed: 'nginx' });
    registry.push('library/nginx', nginx, 'latest');
    for (const ns of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
      const answer = await get(`${daemon.url}/v2/nginx/manifests/latest?ns=${ns}`);
      assert.deepEqual([answer.status, answer.headers['docker-content-digest']], [200, nginx.digest], ns);
      assert.equal(answer.headers['oci-namespace'], ns);
    }
    assert.equal(registry.count({ kind: 'manifest', method: 'GET' }), 1);
    assert.equal(registry.count({ repository: 'nginx' }), 0);
  });

  it('19. an upstream that is not configured is 404, and nobody is called', async (t) => {
    const { registry, daemon } = await startScene(t);
    const strange = await FakeRegistry.start(t, { host: '127.0.0.2' });
    strange.push(REPOSITORY, makeImage({ seed: 'strange' }), 'v1');
    for (const url of [
      daemon.manifestUrl(REPOSITORY, 'v1', strange.authority),
      `${daemon.url}/v2/${strange.authority}/${REPOSITORY}/manifests/v1`,
      `${daemon.url}/v2/ghcr.io/${REPOSITORY}/manifests/v1`,
      daemon.manifestUrl(REPOSITORY, 'v1', 'ghcr.io'),
    ]) {
      const answer = await get(url);
      assert.deepEqual([answer.status, errorCode(answer)], [404, 'NAME_UNKNOWN'], url);
    }
    assert.equal(strange.connections, 0);
    assert.equal(registry.requests.length, 0);
  });

  it('20. path form, ns form and prefix form name the same thing; both together are not doubled', async (t) => {
    const registry = await FakeRegistry.start(t);
    const other = await FakeRegistry.start(t);
    const image = makeImage({ seed: 'forms' });
    other.push(REPOSITORY, image, 'v1');
    const daemon = await startTestDaemon(t, {
      upstreams: [
        { name: 'docker.io', url: registry.url },
        { name: 'other.example:5000', url: other.url, aliases: ['hub'] },
      ],
    });
    for (const path of [
      `/v2/${REPOSITORY}/manifests/v1?ns=other.example:5000`,
      `/v2/other.example:5000/${REPOSITORY}/manifests/v1`,
      `/v2/other.example:5000/${REPOSITORY}/manifests/v1?ns=other.example:5000`,
      `/other.example:5000/v2/${REPOSITORY}/manifests/v1`,
      `/hub/v2/${REPOSITORY}/manifests/v1`,
    ]) {
      const answer = await get(`${daemon.url}${path}`);
      assert.deepEqual([answer.status, answer.headers['docker-content-digest']], [200, image.digest], path);
    }
    assert.equal(other.count({ kind: 'manifest', method: 'GET' }), 1);
    assert.equal(other.count({}), other.count({ repository: REPOSITORY }) + other.count({ kind: 'ping' }));
    assert.equal(registry.requests.length, 0);
  });

  for (const pages of [true, false]) {
    it(`21. tags are sorted and paged, from an upstream that ${pages ? 'does pages' : 'has no pages, but nulls and digests'}`, async (t) => {
      const { registry, daemon, image } = await startScene(t);
      for (const tag of ['v2', 'v10', 'alpha']) registry.tag(REPOSITORY, tag, image);
      if (!pages) registry.tagList(REPOSITORY, ['v2', null, 'v10', 'v1', UNKNOWN, 'alpha']);
      const list = async (path = `/v2/${REPOSITORY}/tags/list?ns=docker.io`) => {
        const answer = await get(`${daemon.url}${path}`);
        assert.equal(answer.status, 200);
        return { tags: (JSON.parse(answer.body.toString()) as { tags: string[] }).tags, link: answer.headers.link };
      };
      const asked = `/v2/${REPOSITORY}/tags/list?ns=docker.io`;
      assert.deepEqual(await list(), { tags: ['alpha', 'v1', 'v10', 'v2'], link: undefined });
      const first = await list(`${asked}&n=2`);
      assert.deepEqual(first.tags, ['alpha', 'v1']);
      const next = /^<(\/.*)>; *rel="?next"?$/.exec(String(first.link))?.[1];
      assert.ok(next !== undefined, `a relative link: ${String(first.link)}`);
      assert.deepEqual(await list(next), { tags: ['v10', 'v2'], link: undefined });
      assert.deepEqual(await list(`${asked}&n=0`), { tags: [], link: undefined });
      assert.deepEqual((await list(`${asked}&last=v1`)).tags, ['v10', 'v2']);
      assert.deepEqual((await list(`${asked}&last=v1&n=10`)).tags, ['v10', 'v2']);
    });
  }

  it('22. referrers never 404: empty, filtered, or from the fallback tag', async (t) => {
    const { registry, daemon, image } = await startScene(t);
    const referrers = async (query = '', digest: string = image.digest) => {
      const answer = await get(`${daemon.url}/v2/${REPOSITORY}/referrers/${digest}?ns=docker.io${query}`);
      const body = JSON.parse(answer.body.toString()) as { manifests?: { digest: string }[] };
      return { ...answer, digests: body.manifests?.map((manifest) => manifest.digest) };
    };
    const none = await referrers();
    assert.deepEqual([none.status, none.headers['content-type'], none.digests], [200, OCI_INDEX, []]);
    const signature = makeImage({
      seed: 'signature',
      subject: image,
      artifactType: 'application/vnd.example.signature',
    });
    const bom = makeImage({ seed: 'bom', subject: image, artifactType: 'application/vnd.example.bom' });
    registry.push(REPOSITORY, signature);
    registry.push(REPOSITORY, bom);
    assert.equal((await referrers()).digests?.length, 2);
    const filtered = await referrers('&artifactType=application/vnd.example.bom');
    assert.deepEqual(filtered.digests, [bom.digest]);
    assert.equal(filtered.headers['oci-filters-applied'], 'artifactType');
    assert.equal((await referrers('', 'sha256:bad')).status, 400);

    registry.fail({ kind: 'referrers' }, { status: 404 });
    assert.deepEqual((await referrers()).digests, []);
    const fallback = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [{ mediaType: OCI_MANIFEST, digest: signature.digest, size: signature.size }],
      }),
    );
    const asked = makeImage({ seed: 'asked' });
    registry.push(REPOSITORY, asked);
    registry.addManifest(REPOSITORY, content(fallback, OCI_INDEX), referrersTag(asked.digest));
    assert.deepEqual((await referrers('', asked.digest)).digests, [signature.digest]);
  });

  it('30. a cache is not pushed to: POST, PUT, PATCH and DELETE are 405', async (t) => {
    const scene = await startScene(t);
    await pull(scene);
    const { registry, daemon, layer } = scene;
    registry.forgetRequests();
    const blobs = `${daemon.url}/v2/${REPOSITORY}/blobs`;
    for (const [method, url] of [
      ['POST', `${blobs}/uploads/`],
      ['PUT', `${blobs}/uploads/1`],
      ['PATCH', `${blobs}/uploads/1`],
      ['DELETE', daemon.blobUrl(REPOSITORY, layer.digest)],
      ['PUT', daemon.manifestUrl(REPOSITORY, 'v1')],
      ['DELETE', daemon.manifestUrl(REPOSITORY, 'v1')],
    ] as const) {
      const answer = await fetchAll(url, { method, ...(method === 'DELETE' ? {} : { body: '{}' }) });
      assert.deepEqual([answer.status, errorCode(answer)], [405, 'UNSUPPORTED'], `${method} ${url}`);
    }
    assert.equal(registry.requests.length, 0);
    assert.equal((await daemon.blob(REPOSITORY, layer.digest)).status, 200);
  });
});
