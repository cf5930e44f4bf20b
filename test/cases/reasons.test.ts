/** Why an answer is not simply a hit: each reason of the table, as the access log gives it to a real request. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { contents, ControlClient } from '../../src/cli/client.js';
import { REASONS } from '../../src/cache/outcome.js';
import { AppError } from '../../src/lib/errors.js';
import { parseTag } from '../../src/oci/reference.js';
import { archiveOf } from '../cache/support/archives.js';
import { image as named, inPieces, OperatedCache, signal, UPSTREAM } from '../cache/support/contents.js';
import { eventually } from '../support/eventually.js';
import { type Answer } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { pull, REPOSITORY, startScene, type Scene } from './scene.js';

const OTHER = 'team/fork';
const MiB = 1024 * 1024;
const NO_STALE = { tagTtl: '0s', staleIfError: '0s' };
const PRIVATE = {
  registry: { auth: { type: 'basic', users: { ada: 'lovelace' } } },
  upstream: { auth: { type: 'basic', username: 'ada', password: 'lovelace' }, linkTtl: '0s' },
} as const;

const seen = new Set<string | undefined>();

/** What the access log says of this answer. */
async function why({ daemon }: Scene, answer: Answer): Promise<string> {
  const id = String(answer.headers['x-request-id']);
  const lines = () => daemon.logged('"msg":"request"', `"id":"${id}"`);
  await eventually(() => lines().length > 0, `${id} is in the access log`);
  const { outcome, reason } = JSON.parse(lines()[0]!) as { outcome: string; reason?: string };
  seen.add(reason);
  return reason === undefined ? outcome : `${outcome} ${reason}`;
}

describe('the reason in the access log', () => {
  it('tells why upstream was asked', async (t) => {
    const scene = await startScene(t, { upstream: { tagTtl: '0s' }, size: 2 * MiB });
    const { registry, daemon, image, layer } = scene;
    const manifest = async (name: string, reference: string, method = 'GET') =>
      why(scene, await daemon.manifest(name, reference, { method }));
    const blob = async (name: string, digest: string, method = 'GET') =>
      why(scene, await daemon.blob(name, digest, { method }));

    assert.equal(await manifest(REPOSITORY, 'v1', 'HEAD'), 'miss tag-unknown');
    assert.equal(await manifest(REPOSITORY, image.digest, 'HEAD'), 'miss not-stored');
    assert.equal(await manifest(REPOSITORY, 'v1'), 'miss tag-unknown');
    assert.equal(await blob(REPOSITORY, layer.digest, 'HEAD'), 'miss not-stored');
    assert.equal(await blob(REPOSITORY, layer.digest), 'miss not-stored');
    await daemon.stored(layer.digest);
    assert.equal(await manifest(REPOSITORY, 'v1'), 'revalidated tag-expired');
    for (const digest of [image.digest, layer.digest]) {
      const ask = digest === layer.digest ? blob : manifest;
      assert.equal(await ask(REPOSITORY, digest), 'hit');
      registry.push(OTHER, image);
      assert.equal(await ask(OTHER, digest), 'revalidated not-linked');
    }
    registry.tag(OTHER, 'v1', image);
    assert.equal(await manifest(OTHER, 'v1', 'HEAD'), 'revalidated tag-unknown');

    const young = makeImage({ seed: 'young' });
    registry.push(REPOSITORY, young, 'v1');
    assert.equal(await manifest(REPOSITORY, 'v1'), 'miss tag-moved');
    registry.tag(REPOSITORY, 'v1', image);
    assert.equal(await manifest(REPOSITORY, 'v1', 'HEAD'), 'revalidated tag-moved');

    await rm(daemon.blobPath(layer.digest));
    assert.equal(await blob(REPOSITORY, layer.digest, 'HEAD'), 'miss lost');
    await blob(REPOSITORY, layer.digest);
    await eventually(async () => (await blob(REPOSITORY, layer.digest)) === 'hit', 'it is stored again');
    await rm(daemon.blobPath(layer.digest));
    assert.equal(await blob(REPOSITORY, layer.digest), 'miss lost');

    assert.equal(await manifest(REPOSITORY, 'none'), 'MANIFEST_UNKNOWN');
    assert.equal(await manifest(REPOSITORY, 'none'), 'MANIFEST_UNKNOWN negative');
  });

  it('is the same for who joins the download', async (t) => {
    const scene = await startScene(t, { size: 2 * MiB });
    const { registry, daemon, layer } = scene;
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const answers = [daemon.blob(REPOSITORY, layer.digest)];
    await gate.reached;
    answers.push(daemon.blob(REPOSITORY, layer.digest));
    // The head of a later answer: the second one has joined by then.
    (await daemon.openBlob(REPOSITORY, layer.digest)).abort();
    gate.open();
    const told = await Promise.all(answers.map(async (answer) => why(scene, await answer)));
    assert.deepEqual(told, ['miss not-stored', 'collapsed not-stored']);
  });

  it('tells of a manifest whose file is lost, and of a tag that points to it', async (t) => {
    for (const reference of ['v1', 'digest']) {
      const scene = await startScene(t);
      const { daemon, image } = scene;
      await pull(scene);
      await daemon.stop();
      await rm(daemon.blobPath(image.digest));
      await daemon.start();
      const asked = reference === 'v1' ? reference : image.digest;
      assert.equal(await why(scene, await daemon.manifest(REPOSITORY, asked)), 'miss lost');
      assert.equal(await why(scene, await daemon.manifest(REPOSITORY, asked)), 'hit');
    }
  });

  it('tells why what upstream did not confirm is answered all the same', async (t) => {
    const scene = await startScene(t, { upstream: { ...NO_STALE, negativeTtl: '0s' } });
    const { registry, daemon, layer } = scene;
    const asked = async () => why(scene, await daemon.manifest(REPOSITORY, 'v1'));
    await pull(scene);
    const client = new ControlClient({ address: daemon.controlAddress });
    await client.ask(contents.PinImage, { image: `docker.io/${REPOSITORY}:v1` });
    const mend = registry.fail({ kind: 'manifest' }, { status: 429 });
    assert.equal(await asked(), 'stale pinned');
    await daemon.reload({ ...NO_STALE, staleIfError: '1d', negativeTtl: '0s' });
    assert.equal(await asked(), 'stale rate-limited');
    mend();
    client.close();
    await daemon.restart();
    registry.remove(REPOSITORY, 'v1');
    await daemon.reload({ tagTtl: '0s', staleIfGone: '1d', negativeTtl: '0s' });
    assert.equal(await asked(), 'stale gone-upstream');
    await registry.down();
    assert.equal(await asked(), 'stale upstream-down');
    assert.equal((await daemon.blob(REPOSITORY, layer.digest)).status, 200);
  });

  it('tells of links to private blobs', async (t) => {
    const scene = await startScene(t, PRIVATE);
    const { registry, daemon, layer } = scene;
    const asked = async () => why(scene, await daemon.blob(REPOSITORY, layer.digest));
    await pull(scene);
    assert.equal(await asked(), 'revalidated link-expired');
    await daemon.reload({ auth: { ...PRIVATE.upstream.auth, password: 'wrong' } });
    assert.equal(await asked(), 'stale credentials-refused');
    await daemon.reload({ ...PRIVATE.upstream });
    await registry.down();
    assert.equal(await asked(), 'stale upstream-down');
  });

  it('tells of bytes that are here through another upstream’s word', async (t) => {
    const cache = await OperatedCache.open(t);
    const image = makeImage({ seed: 'elsewhere' });
    cache.registry.push('team/app', image, 'v1');
    const archive = await archiveOf([image], { name: `other.test/app:1` });
    await cache.contents.import(inPieces(archive), named('other/app:1'), signal);
    const { answered } = await cache.pull.manifest(
      { upstream: UPSTREAM, name: 'team/app' },
      image.digest,
      'body',
      signal,
    );
    assert.deepEqual(answered, { outcome: 'miss', reason: 'not-linked' });
  });

  it('tells of what an operator imported', async (t) => {
    const cache = await OperatedCache.open(t, { tagTtl: 0 });
    const archive = await archiveOf([makeImage({ seed: 'imported' })], { name: 'app:1' });
    await cache.contents.import(inPieces(archive), named('team/app:1'), signal);
    const repository = { upstream: UPSTREAM, name: 'team/app' };
    const { answered } = await cache.pull.manifest(repository, parseTag('1'), 'body', signal);
    assert.deepEqual([answered.outcome, answered.reason], ['stale', 'imported']);
    seen.add(answered.reason);
  });

  it('tells why it went past the store', async (t) => {
    const size = 24 * MiB;
    const scene = await startScene(t, { size });
    const { registry, daemon, layer } = scene;
    const gate = registry.hold({ kind: 'blob', method: 'GET', ranged: false, at: 'middle' });
    const fill = daemon.openBlob(REPOSITORY, layer.digest);
    await gate.reached;
    const far = await daemon.blob(REPOSITORY, layer.digest, { range: `bytes=${size - MiB}-${size - MiB / 2}` });
    assert.equal(await why(scene, far), 'bypassed range-ahead');
    gate.open();
    (await fill).abort();

    const full = await startScene(t, { size, daemon: { storage: { minFree: '4000TiB' } } });
    const blob = async (range?: string) =>
      why(full, await full.daemon.blob(REPOSITORY, full.layer.digest, range === undefined ? {} : { range }));
    assert.equal(await blob(), 'bypassed disk-full');
    assert.equal(await blob('bytes=0-99'), 'bypassed disk-full');
    assert.equal(await why(full, await full.daemon.blob(REPOSITORY, full.image.config.digest)), 'bypassed disk-full');
    assert.equal(await why(full, await full.daemon.manifest(REPOSITORY, 'v1')), 'miss disk-full');
  });

  for (const [code, reason] of [
    ['STORE_FAILED', 'store-failed'],
    ['INDEX_FAILED', 'index-failed'],
  ] as const) {
    it(`tells of a manifest that ${code} kept from being stored`, async (t) => {
      const cache = await OperatedCache.open(t);
      cache.registry.push('team/app', makeImage({ seed: 'unstored' }), '1');
      cache.store.publish = () => Promise.reject(new AppError(code, 'as the test wants it'));
      const repository = { upstream: UPSTREAM, name: 'team/app' };
      const { answered } = await cache.pull.manifest(repository, parseTag('1'), 'body', signal);
      assert.deepEqual(answered, { outcome: 'miss', reason });
      seen.add(answered.reason);
    });
  }

  after(() => {
    assert.deepEqual([...seen].filter((reason) => reason !== undefined).sort(), Object.keys(REASONS).sort());
  });
});
