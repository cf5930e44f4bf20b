/**
 * Real images, a real registry and a real client: what skopeo gets through Cistern is, bit for bit, what the registry
 * holds, the first time and again when the registry is gone.
 */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Cistern } from './support/cistern.js';
import { DebianRegistry } from './support/debian-registry.js';
import {
  buildImage,
  buildIndex,
  digestsOf,
  fingerprint,
  inScratch,
  inspect,
  pull,
  push,
  scratch,
} from './support/images.js';
import { run } from './support/processes.js';
import { TokenServer } from './support/token-server.js';

interface Upstream {
  readonly registry: DebianRegistry;
  /** What Cistern is told beyond the URL. */
  readonly access: object;
  /** Who may push, and pull directly. */
  readonly creds?: string;
  readonly stop: () => Promise<void>;
}

const noMore = () => Promise.resolve();

const UPSTREAMS: Readonly<Record<string, (dir: string) => Promise<Upstream>>> = {
  'that asks for nothing': async (dir) => {
    return { registry: await DebianRegistry.start({ dir: join(dir, 'registry') }), access: {}, stop: noMore };
  },
  'that asks for Basic login': async (dir) => {
    const passwords = join(dir, 'htpasswd');
    await writeFile(passwords, await run('htpasswd', ['-nbB', 'reader', 'open sesame']));
    const auth = { htpasswd: { realm: 'e2e', path: passwords } };
    const registry = await DebianRegistry.start({ dir: join(dir, 'registry'), auth });
    const access = { auth: { type: 'basic', username: 'reader', password: 'open sesame' } };
    return { registry, access, creds: 'reader:open sesame', stop: noMore };
  },
  'that asks for a token': async (dir) => {
    const tokens = await TokenServer.start(join(dir, 'tokens'), {
      writer: { password: 'w', actions: ['pull', 'push'] },
      reader: { password: 'r', actions: ['pull'] },
    });
    const registry = await DebianRegistry.start({ dir: join(dir, 'registry'), auth: tokens.registryAuth });
    const access = { auth: { type: 'basic', username: 'reader', password: 'r' }, realms: [tokens.host] };
    return { registry, access, creds: 'writer:w', stop: () => tokens.stop() };
  },
};

const NAME = 'registry.test';

for (const [kind, startUpstream] of Object.entries(UPSTREAMS)) {
  describe(`an image of a registry ${kind}`, () => {
    it('comes through Cistern bit for bit, and again when the registry is switched off', () =>
      inScratch(async (dir) => {
        const image = await buildImage(dir);
        const { registry, access, creds, stop } = await startUpstream(dir);
        const skopeo = creds === undefined ? {} : { creds };
        await push(image, `${registry.host}/e2e/image:v1`, skopeo);
        await pull(`${registry.host}/e2e/image:v1`, join(dir, 'direct'), skopeo);
        const expected = await fingerprint(join(dir, 'direct'));

        const upstream = { name: NAME, url: registry.url, allowNetworks: ['127.0.0.0/8'], ...access };
        const cistern = await Cistern.start({ dir, upstreams: [upstream] });
        const cached = `${cistern.host}/${NAME}/e2e/image:v1`;
        await pull(cached, join(dir, 'first'));
        assert.deepEqual(await fingerprint(join(dir, 'first')), expected);

        await cistern.stored(await digestsOf(join(dir, 'first')));
        await registry.switchOff();
        await pull(cached, join(dir, 'second'));
        assert.deepEqual(await fingerprint(join(dir, 'second')), expected);

        assert.equal((await cistern.stop()).code, 0);
        await stop();
      }));
  });
}

describe('a client', () => {
  let dir: string;
  let registry: DebianRegistry;
  let cistern: Cistern;

  before(async () => {
    dir = await scratch();
    await buildImage(dir, [200_000]);
    registry = await DebianRegistry.start({ dir: join(dir, 'registry') });
    await push(`oci:${join(dir, 'layout')}:v1`, `${registry.host}/e2e/image:v1`);
    await push(await buildIndex(dir), `${registry.host}/e2e/image:all`, { all: true });
    const upstream = { name: NAME, url: registry.url, allowNetworks: ['127.0.0.0/8'], tagTtl: '0s' };
    cistern = await Cistern.start({ dir, upstreams: [upstream] });
  });

  after(async () => {
    await cistern.stop();
    await registry.switchOff();
    await rm(dir, { recursive: true, force: true });
  });

  it('gets every platform of an index', async () => {
    await pull(`${registry.host}/e2e/image:all`, join(dir, 'all-direct'), { all: true });
    await pull(`${cistern.host}/${NAME}/e2e/image:all`, join(dir, 'all'), { all: true });
    assert.deepEqual(await fingerprint(join(dir, 'all')), await fingerprint(join(dir, 'all-direct')));
  });

  it('inspects an image as it would at the registry', async () => {
    const [through, direct] = [
      await inspect(`${cistern.host}/${NAME}/e2e/image:v1`),
      await inspect(`${registry.host}/e2e/image:v1`),
    ];
    assert.equal(through.Digest, direct.Digest);
    assert.deepEqual(through.Layers, direct.Layers);
  });

  it('gets the pushed image as soon as a tag that is always revalidated moves', async () => {
    await buildImage(join(dir, 'newer'), [100_000]);
    await push(`oci:${join(dir, 'newer/layout')}:v1`, `${registry.host}/e2e/image:v1`);
    await pull(`${cistern.host}/${NAME}/e2e/image:v1`, join(dir, 'moved'));
    await pull(`${registry.host}/e2e/image:v1`, join(dir, 'moved-direct'));
    assert.deepEqual(await fingerprint(join(dir, 'moved')), await fingerprint(join(dir, 'moved-direct')));
  });

  it('asking as containerd does, with ns, is told how the answer came about', async () => {
    const ask = () => fetch(`${cistern.url}/v2/e2e/image/manifests/v1?ns=${NAME}`, { method: 'HEAD' });
    await ask();
    const answer = await ask();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('oci-namespace'), NAME);
    assert.match(answer.headers.get('cache-status') ?? '', /^cistern; fwd=stale; fwd-status=200; detail=revalidated/);
  });

  it('gets the last known image, marked stale, when a tag cannot be revalidated', async () => {
    await pull(`${cistern.host}/${NAME}/e2e/image:v1`, join(dir, 'before'));
    await cistern.stored(await digestsOf(join(dir, 'before')));
    await registry.switchOff();
    const answer = await fetch(`${cistern.url}/v2/${NAME}/e2e/image/manifests/v1`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('cache-status') ?? '', /detail=stale/);
    assert.match(answer.headers.get('age') ?? '', /^\d+$/);
    await pull(`${cistern.host}/${NAME}/e2e/image:v1`, join(dir, 'stale'));
    assert.deepEqual(await fingerprint(join(dir, 'stale')), await fingerprint(join(dir, 'before')));
    await registry.switchOn();
  });
});
