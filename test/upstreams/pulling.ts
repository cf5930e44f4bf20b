/** What pulls come to with each dialect. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { head } from '../support/http.js';
import { makeImage, makeIndex } from '../support/images.js';
import { BIG, NOTHING, pull, type Scenario, type Scene, userOf } from './scene.js';

/** Where the bytes of blobs come from. */
const bytesOf = ({ dialect }: Scene) => (dialect.blobs.redirect === undefined ? 'blob' : 'cdn');

export const PULLING: readonly Scenario[] = [
  {
    column: 'cold, then warm',
    async run(start) {
      const scene = await start();
      const { registry, daemon, dialect, emulation } = scene;
      const index = makeIndex({ seed: 'several platforms' });
      registry.push(dialect.repository, index, 'multi');
      const everything = async () => {
        await pull(scene);
        await pull(scene, scene.image.digest);
        assert.deepEqual((await daemon.manifest(dialect.repository, 'multi')).body, index.bytes);
        for (const child of index.images) {
          assert.deepEqual((await daemon.manifest(dialect.repository, child.digest)).body, child.bytes);
          for (const { digest, bytes } of child.blobs) {
            assert.deepEqual((await daemon.blob(dialect.repository, digest)).body, bytes);
            await daemon.stored(digest);
          }
        }
      };
      await everything();
      const logins = registry.seen({ kind: 'token' }).map(({ headers }) => headers.authorization);
      if (dialect.login.type === 'bearer') assert.deepEqual(logins, [undefined], 'one token, asked for anonymously');
      registry.forgetRequests();
      await everything();
      assert.equal(registry.requests.length, 0, 'warm pulls ask nothing');
      assert.deepEqual(emulation.strangers, []);
      return 'yes';
    },
  },
  {
    column: 'upstream down',
    async run(start) {
      const scene = await start({ entry: { tagTtl: '0s' }, alone: true });
      await pull(scene);
      await scene.registry.down();
      await scene.daemon.restart();
      await pull(scene);
      await pull(scene, scene.image.digest);
      return 'served';
    },
  },
  {
    column: 'HEAD',
    async run(start) {
      const { daemon, repository, image, layer } = await start();
      const tag = await head(daemon.manifestUrl(repository, 'v1'));
      assert.deepEqual([tag.status, tag.headers['docker-content-digest']], [200, image.digest]);
      assert.equal(tag.headers['content-length'], String(image.size));
      const blob = await head(daemon.blobUrl(repository, layer.digest));
      assert.deepEqual([blob.status, blob.headers['content-length']], [200, String(layer.size)]);
      return 'yes';
    },
  },
  {
    column: 'blobs come from',
    async run(start, { blobs, host }) {
      const scene = await start({ login: true });
      await pull(scene);
      const redirected = scene.registry.seen({ kind: 'cdn' });
      assert.equal(redirected.length > 0, blobs.redirect !== undefined);
      for (const { headers } of redirected) {
        assert.equal(headers.cookie, undefined);
        assert.equal(headers.host, blobs.redirect);
        if (headers.host !== host) assert.equal(headers.authorization, undefined);
      }
      const [first] = redirected;
      if (first === undefined) return 'itself';
      return first.headers.host === host ? 'its own host' : 'elsewhere';
    },
  },
  {
    column: 'cut in mid-blob',
    async run(start) {
      const scene = await start({ size: BIG, alone: true });
      const { registry, daemon, repository, layer } = scene;
      const kind = bytesOf(scene);
      registry.fail({ kind, reference: layer.digest, times: 1, at: 'middle' }, { drop: 'fin' });
      const { body, complete } = await daemon.blob(repository, layer.digest);
      assert.deepEqual([complete, body.equals(layer.bytes)], [true, true]);
      const [, again] = registry.seen({ kind, method: 'GET' }).filter(({ status }) => status !== 401);
      assert.match(String(again?.range), /^bytes=[1-9]\d*-$/, 'asked for the rest only');
      return again?.status === 206 ? 'resumed' : 'read again';
    },
  },
  {
    column: 'signed URL expired',
    async run(start, { blobs }) {
      if (blobs.redirect === undefined) return NOTHING;
      const { registry, daemon, repository, layer } = await start({ size: BIG, alone: true });
      registry.fail({ kind: 'cdn', times: 1, at: 'middle' }, { drop: 'fin' });
      // The redirect after the cut is answered, and its URL is worthless by the time it is followed.
      registry.after({ kind: 'blob', skip: 1 }, () => registry.expireSignatures());
      const { body, complete } = await daemon.blob(repository, layer.digest);
      assert.deepEqual([complete, body.equals(layer.bytes)], [true, true]);
      assert.equal(registry.count({ kind: 'cdn', status: 403 }), 1);
      return 'asked anew';
    },
  },
  {
    column: 'login expired',
    async run(start, dialect) {
      const { registry, daemon, repository, image, layer, passwordFile } = await start({ alone: true });
      assert.equal((await daemon.manifest(repository, 'v1')).status, 200);
      if (dialect.login.type === 'none') return NOTHING;
      if (dialect.login.type === 'basic') {
        registry.auth.mode = { type: 'basic', users: { [userOf(dialect)]: 'a new one' } };
        await writeFile(passwordFile, 'a new one');
      } else registry.expireTokens();
      registry.forgetRequests();
      for (const { digest, bytes } of [layer, image.config]) {
        assert.deepEqual((await daemon.blob(repository, digest)).body, bytes);
      }
      const refusals = registry.seen({ kind: 'blob' }).filter(({ status }) => status >= 400);
      if (dialect.login.type === 'basic') {
        assert.equal(refusals.length, 0, 'a file that has changed is read before it is missed');
        return 'password read again';
      }
      assert.equal(refusals.length, 1, 'noticed once');
      assert.equal(registry.count({ kind: 'token' }), 1, 'renewed once');
      return `token renewed after ${refusals[0]?.status ?? 0}`;
    },
  },
  {
    column: 'credentials',
    async run(start, dialect) {
      if (dialect.login.type === 'none') return NOTHING;
      const { registry, daemon } = await start({ login: true });
      const image = makeImage({ seed: 'private' });
      registry.push('private/app', image, 'v1');
      registry.restrict('private/app', [userOf(dialect)]);
      assert.deepEqual((await daemon.manifest('private/app', 'v1')).body, image.bytes);
      for (const { digest, bytes } of image.blobs)
        assert.deepEqual((await daemon.blob('private/app', digest)).body, bytes);
      const [token] = registry.seen({ kind: 'token' });
      assert.match(String((token ?? registry.seen({ kind: 'blob' })[0])?.headers.authorization), /^Basic /);
      return token ? 'for a token' : 'Basic';
    },
  },
];
