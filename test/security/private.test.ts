/**
 * That something private is stored here must not even be told: who may not have it gets the answer that he would get
 * for a digest that nobody has.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BIG, pull, REPOSITORY, startScene, type Scene } from '../cases/scene.js';
import { type Answer, fetchAll } from '../support/http.js';
import { content, makeImage, OCI_MANIFEST } from '../support/images.js';
import type { Scope } from '../support/tmp.js';

const ATTACKER = 'evil/attacker';
const LOGIN = { auth: { type: 'basic', username: 'ada', password: 'lovelace' } };

async function start(t: Scope, denial: 403 | 404 | 'insufficient_scope', upstream: object = {}): Promise<Scene> {
  const users = { ada: 'lovelace' };
  const auth =
    denial === 'insufficient_scope'
      ? ({ type: 'bearer', users, anonymous: false } as const)
      : ({ type: 'basic', users } as const);
  const scene = await startScene(t, { registry: { auth, denial }, upstream: { ...LOGIN, ...upstream }, size: BIG });
  scene.registry.push(ATTACKER, makeImage({ seed: 'attacker' }), 'v1');
  return scene;
}

/** All that a client can see, except what tells one request from another. */
const seenOf = ({ status, headers, body }: Answer, digest: string): unknown => {
  const rest = Object.entries(headers).filter(([name]) => name !== 'date' && name !== 'x-request-id');
  return JSON.parse(JSON.stringify({ status, rest, body: body.toString() }).replaceAll(digest, 'DIGEST')) as unknown;
};

describe('what is private', () => {
  for (const kind of ['blobs', 'manifests'] as const) {
    for (const denial of [undefined, 403, 404, 'insufficient_scope'] as const) {
      const repository = denial === undefined ? "a repository of one's own" : `one that upstream answers ${denial} for`;
      for (const method of ['GET', 'HEAD']) {
        it(`is not told to be here by ${method} of ${kind} through ${repository}`, async (t) => {
          const scene = await start(t, denial ?? 404);
          await pull(scene);
          const { registry, daemon, layer, image } = scene;
          if (denial !== undefined) registry.restrict(ATTACKER, ['somebody else']);
          const held = kind === 'blobs' ? layer.digest : image.digest;
          const unknown = content(Buffer.from('nobody has this'), OCI_MANIFEST).digest;
          const seen = [];
          for (const digest of [held, unknown, held, unknown]) {
            const answer = await fetchAll(`${daemon.url}/v2/${ATTACKER}/${kind}/${digest}?ns=docker.io`, { method });
            assert.ok([403, 404].includes(answer.status), String(answer.status));
            seen.push(seenOf(answer, digest));
          }
          assert.deepEqual(seen[0], seen[1], 'the same answer');
          assert.deepEqual(seen[2], seen[3], 'also the second time');
        });
      }
    }
  }

  for (const denial of [403, 404, 'insufficient_scope'] as const) {
    it(`stays so when its repository becomes private (upstream answers ${denial})`, async (t) => {
      const scene = await start(t, denial, { linkTtl: '0s', tagTtl: '0s' });
      await pull(scene);
      const { registry, daemon, image, layer } = scene;
      registry.restrict(REPOSITORY, ['somebody else']);
      for (const path of [
        'manifests/v1',
        `manifests/${image.digest}`,
        `blobs/${layer.digest}`,
        `blobs/${image.config.digest}`,
        'tags/list',
      ]) {
        for (const options of [{}, { method: 'HEAD' }, { range: 'bytes=0-9' }]) {
          const answer = await fetchAll(`${daemon.url}/v2/${REPOSITORY}/${path}?ns=docker.io`, options);
          assert.ok([403, 404].includes(answer.status), `${path}: ${answer.status}`);
          assert.equal(answer.headers['docker-content-digest'], undefined);
        }
      }
      const listed = await fetchAll(`${daemon.url}/v2/${REPOSITORY}/referrers/${image.digest}?ns=docker.io`);
      assert.ok(listed.status >= 400 || listed.body.toString().includes('"manifests":[]'), String(listed.status));
    });
  }
});
