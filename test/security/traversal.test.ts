/** Names that are paths in disguise: they are refused here, nobody else hears of them, and no file is made or read. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { pull, REPOSITORY, startScene, type Scene } from '../cases/scene.js';
import { suiteScope } from '../support/tmp.js';
import { say } from '../support/wire.js';

const HEX = '0'.repeat(64);

/** After `/v2/`. Written to the socket as they are: a client would tidy them up first. */
const PATHS: readonly string[] = [
  '../../etc/passwd',
  '../manifests/v1',
  'team/../team/app/manifests/v1',
  'team/./app/manifests/v1',
  'team//app/manifests/v1',
  '%2e%2e/%2e%2e/manifests/v1',
  '%2e%2e%2f%2e%2e/manifests/v1',
  '..%5c..%5cmanifests/v1',
  'team/app/manifests/..',
  'team/app/manifests/../v1',
  'team/app/manifests/..%2fv1',
  'team/app/manifests/.%00',
  'team/app/manifests/v1%00',
  'team/app/manifests/v1%0d%0aX-Evil:%201',
  'team/app/manifests/%252e%252e',
  'team/app/manifests/%c0%ae%c0%ae',
  'team/app/manifests/%e0%80%ae',
  'team/app/manifests/%ff',
  `team/app/blobs/sha256:${HEX.slice(0, 62)}..`,
  `team/app/blobs/sha256:..%2f${HEX}`,
  `team/app/blobs/sha256:${HEX.toUpperCase().replace(/0/g, 'A')}`,
  `team/app/blobs/sha256:${HEX}%00`,
  `team/app/blobs/sha256:${HEX}/../../x`,
  `team/app/blobs/..:${HEX}`,
  `team/app/blobs/../sha256:${HEX}`,
  'team/app/blobs/sha256:',
  'team/app/blobs/md5:00000000000000000000000000000000',
  `team/app/blobs/sha512:${HEX}`,
  `team/app/referrers/../${HEX}`,
  `${'a/'.repeat(300)}manifests/v1`,
  `${'a'.repeat(256)}/manifests/v1`,
  `team/app/manifests/${'a'.repeat(129)}`,
  'TEAM/app/manifests/v1',
  'team/app\u00e9/manifests/v1',
  'team/app;a=b/manifests/v1',
  '-team/app/manifests/v1',
  'team/app-/manifests/v1',
  'team/a___b/manifests/v1',
  '_catalog',
  '__proto__/manifests/constructor',
];

const QUERIES = [
  '?ns=../../etc',
  '?ns=docker.io%2f..%2f..',
  '?ns=%00',
  '?ns=file:///etc/passwd',
  '?ns=__proto__',
  '?ns=127.0.0.1:22',
];

describe('traversal', () => {
  let scene: Scene;
  const scope = suiteScope();
  before(async () => {
    scene = await startScene(scope);
    await pull(scene);
    scene.registry.forgetRequests();
  });

  const ask = (path: string) =>
    say(scene.daemon.authority, Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'));
  const files = () =>
    readdirSync(scene.daemon.dataDir, { recursive: true, encoding: 'utf8' })
      .filter((name) => !name.startsWith('index'))
      .sort();

  for (const path of PATHS) {
    it(`/v2/${path.slice(0, 70)} is refused in JSON, with no call and no file`, async () => {
      const before = files();
      for (const prefix of ['/v2/', '/docker.io/v2/', '/v2/docker.io/']) {
        const { statuses, text } = await ask(prefix + path);
        assert.ok([400, 404].includes(statuses[0] ?? 0), `${prefix}: ${statuses.join()}`);
        assert.match(text, /\{"errors":\[\{"code":"[A-Z_]+","message":"/);
        assert.ok(!/^x-evil/im.test(text));
      }
      assert.equal(scene.registry.requests.length, 0);
      assert.deepEqual(files(), before);
    });
  }

  for (const query of QUERIES) {
    it(`${query} is no upstream`, async () => {
      assert.deepEqual((await ask(`/v2/${REPOSITORY}/manifests/v1${query}`)).statuses, [404]);
      assert.equal(scene.registry.requests.length, 0);
    });
  }
});
