/**
 * What the OCI distribution specification says of a registry that is only read, statement by statement, under the numbers of
 * its table of endpoints. Each is asked cold and warm; HEAD has to say what GET says.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCode, fetchAll, get, head, sha256, type Answer } from '../support/http.js';
import { makeImage, OCI_INDEX, OCI_MANIFEST } from '../support/images.js';
import { pull, REPOSITORY, startScene, type Scene } from './scene.js';

const UNKNOWN = `sha256:${'0'.repeat(64)}`;
const json = (answer: Answer) => JSON.parse(answer.body.toString()) as Record<string, unknown>;

/** The headers that mean something to a client; how an answer came about may differ. */
const saying = ({ status, headers }: Answer) => {
  const own = ['date', 'x-request-id', 'cache-status'];
  return { status, ...Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name))) };
};

async function assertError(url: string, status: number, code: string): Promise<void> {
  const answer = await get(url);
  assert.deepEqual([answer.status, errorCode(answer)], [status, code], url);
  assert.equal(answer.headers['content-type'], 'application/json');
  const { errors } = json(answer) as { errors: { code: string; message: string }[] };
  assert.ok(errors.every((error) => /^[A-Z_]+$/.test(error.code) && error.message.length > 0));
}

for (const state of ['cold', 'warm'] as const) {
  const start = async (...[t, options]: Parameters<typeof startScene>): Promise<Scene & { root: string }> => {
    const scene = await startScene(t, options);
    if (state === 'warm') await pull(scene);
    return { ...scene, root: `${scene.daemon.url}/v2/${REPOSITORY}` };
  };

  describe(`a registry to read from, ${state}`, () => {
    it('end-1: says at /v2/ that it is one, also without the slash, with a prefix, and for an unknown upstream', async (t) => {
      const { daemon, registry } = await start(t);
      registry.forgetRequests();
      for (const path of ['/v2/', '/v2', '/docker.io/v2/', '/v2/?ns=nowhere.example']) {
        const answer = await get(`${daemon.url}${path}`);
        assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/json'], path);
        assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0');
      }
      assert.equal(registry.requests.length, 0);
    });

    it('end-2: gives a blob, with its digest, and 404 for what is not there', async (t) => {
      const { root, layer } = await start(t);
      const answer = await get(`${root}/blobs/${layer.digest}`);
      assert.deepEqual([answer.status, answer.complete], [200, true]);
      assert.deepEqual(answer.body, layer.bytes);
      assert.equal(answer.headers['docker-content-digest'], layer.digest);
      assert.equal(answer.headers['accept-ranges'], 'bytes');
      const headed = await head(`${root}/blobs/${layer.digest}`);
      assert.deepEqual([headed.status, headed.headers['content-length']], [200, String(layer.size)]);
      await assertError(`${root}/blobs/${UNKNOWN}`, 404, 'BLOB_UNKNOWN');
      await assertError(`${root}/blobs/sha256:short`, 400, 'DIGEST_INVALID');
      await assertError(`${root}/blobs/latest`, 400, 'DIGEST_INVALID');
    });

    it('end-3: gives a manifest by tag and digest, with its type without parameters, digest and length', async (t) => {
      const { root, image } = await start(t);
      for (const reference of ['v1', image.digest]) {
        for (const ask of [get, head]) {
          const answer = await ask(`${root}/manifests/${reference}`, { headers: { accept: OCI_MANIFEST } });
          assert.equal(answer.status, 200);
          assert.equal(answer.headers['content-type'], OCI_MANIFEST);
          assert.equal(answer.headers['content-length'], String(image.size));
          assert.equal(answer.headers['docker-content-digest'], image.digest);
          if (ask === get) assert.equal(sha256(answer.body), image.digest);
        }
      }
      await assertError(`${root}/manifests/missing`, 404, 'MANIFEST_UNKNOWN');
      await assertError(`${root}/manifests/${UNKNOWN}`, 404, 'MANIFEST_UNKNOWN');
      await assertError(`${root}/manifests/${'a'.repeat(129)}`, 404, 'MANIFEST_UNKNOWN');
      await assertError(`${root.replace('team', 'Team')}/manifests/v1`, 400, 'NAME_INVALID');
    });

    it('end-8: lists tags under the name that was asked, in order, in pages', async (t) => {
      const { daemon, registry, root, image } = await start(t);
      for (const tag of ['b', 'B', 'a']) registry.tag(REPOSITORY, tag, image);
      const list = async (query: string, base = root) => json(await get(`${base}/tags/list${query}`));
      assert.deepEqual(await list(''), { name: REPOSITORY, tags: ['B', 'a', 'b', 'v1'] });
      assert.deepEqual(await list('?n=1&last=a'), { name: REPOSITORY, tags: ['b'] });
      const named = `docker.io/${REPOSITORY}`;
      assert.deepEqual(await list('?n=0', `${daemon.url}/v2/${named}`), { name: named, tags: [] });
      const none = await get(`${root}/tags/list?n=0`);
      assert.equal(none.headers.link, undefined);
      for (const n of ['-1', 'x', '1.5', ''])
        await assertError(`${root}/tags/list?n=${n}`, 400, 'PAGINATION_NUMBER_INVALID');
      await assertError(`${daemon.url}/v2/team/none/tags/list`, 404, 'NAME_UNKNOWN');
    });

    it('end-12: lists referrers as an index, empty rather than 404, filtered when asked', async (t) => {
      const { registry, root, image } = await start(t);
      const artifactType = 'application/vnd.example.sbom';
      const sbom = makeImage({ seed: 'sbom', subject: image, artifactType });
      registry.push(REPOSITORY, sbom);
      const listed = await get(`${root}/referrers/${image.digest}?artifactType=${artifactType}`);
      const { mediaType, digest, size } = sbom;
      const manifests = [{ mediaType, digest, size, artifactType }];
      assert.deepEqual(json(listed), { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
      assert.equal(listed.headers['content-type'], OCI_INDEX);
      assert.equal(listed.headers['oci-filters-applied'], 'artifactType');
      for (const path of [UNKNOWN, `${image.digest}?artifactType=other`]) {
        const empty = await get(`${root}/referrers/${path}`);
        assert.deepEqual([empty.status, json(empty)['manifests']], [200, []], path);
      }
      await assertError(`${root}/referrers/sha256:short`, 400, 'DIGEST_INVALID');
      await assertError(`${root}/referrers/v1`, 400, 'DIGEST_INVALID');
    });

    it('end-4 to 7, 9 to 11, 14: takes no pushes, and says where they belong', async (t) => {
      const { registry, root, image, layer } = await start(t);
      registry.forgetRequests();
      for (const [method, path] of [
        ['POST', '/blobs/uploads/'],
        ['POST', `/blobs/uploads/?digest=${layer.digest}`],
        ['POST', `/blobs/uploads/?mount=${layer.digest}&from=team/other`],
        ['PATCH', '/blobs/uploads/1'],
        ['PUT', `/blobs/uploads/1?digest=${layer.digest}`],
        ['PUT', '/manifests/v1'],
        ['DELETE', `/manifests/${image.digest}`],
        ['DELETE', `/blobs/${layer.digest}`],
        ['DELETE', '/blobs/uploads/1'],
      ] as const) {
        const answer = await fetchAll(`${root}${path}`, { method, ...(method === 'PATCH' && { body: 'bytes' }) });
        assert.deepEqual([answer.status, errorCode(answer)], [405, 'UNSUPPORTED'], `${method} ${path}`);
        assert.equal(answer.headers.allow, 'GET, HEAD');
        assert.match(answer.body.toString(), /push to the registry itself/);
      }
      // end-13: there are no uploads to ask about.
      await assertError(`${root}/blobs/uploads/1`, 404, 'NAME_UNKNOWN');
      assert.equal(registry.requests.length, 0);
    });

    it('is no catalogue, and nothing beside its endpoints', async (t) => {
      const { daemon, registry } = await start(t);
      registry.forgetRequests();
      for (const path of ['/', '/v1/', '/v2/_catalog', '/v2/team/app', '/v2/team/app/tags', '/v3/'])
        await assertError(`${daemon.url}${path}`, 404, 'NAME_UNKNOWN');
      assert.equal(registry.requests.length, 0);
    });

    it('says by HEAD what it says by GET, of every endpoint and of errors', async (t) => {
      const { daemon, root, image, layer } = await start(t);
      for (const url of [
        `${daemon.url}/v2/`,
        `${root}/manifests/v1`,
        `${root}/manifests/${image.digest}`,
        `${root}/blobs/${layer.digest}`,
        `${root}/tags/list?n=1`,
        `${root}/referrers/${image.digest}`,
        `${root}/manifests/missing`,
        `${root}/blobs/${UNKNOWN}`,
        `${root}/blobs/sha256:short`,
        `${daemon.url}/v2/_catalog`,
      ]) {
        const headed = await head(url);
        assert.equal(headed.body.length, 0);
        assert.deepEqual(saying(headed), saying(await get(url)), url);
      }
    });

    it('answers 304 to who has it already, and only where it could be had', async (t) => {
      const { registry, root, image, layer } = await start(t);
      for (const [path, digest] of [
        ['manifests/v1', image.digest],
        [`manifests/${image.digest}`, image.digest],
        [`blobs/${layer.digest}`, layer.digest],
      ] as const) {
        for (const tag of [`"${digest}"`, `"other", W/"${digest}"`, '*']) {
          const answer = await get(`${root}/${path}`, { headers: { 'if-none-match': tag } });
          assert.deepEqual([answer.status, answer.body.length, answer.complete], [304, 0, true], `${path} ${tag}`);
          assert.equal(answer.headers.etag, `"${digest}"`);
        }
        const changed = await get(`${root}/${path}`, { headers: { 'if-none-match': '"other"' } });
        assert.equal(changed.status, 200);
      }
      if (state === 'cold') assert.equal(registry.count({ kind: 'blob', method: 'GET' }), 1);
      const elsewhere = `${root.replace('app', 'other')}/blobs/${layer.digest}`;
      registry.push('team/other', makeImage({ seed: 'other' }), 'v1');
      assert.equal((await get(elsewhere, { headers: { 'if-none-match': '*' } })).status, 404);
    });
  });
}
