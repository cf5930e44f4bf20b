import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { ArchiveInvalid, archiveOf } from '../support/archives.js';
import { makeImage, makeIndex, descriptorOf, content, type Image } from '../../support/images.js';
import { collect } from '../../support/collect.js';
import { eventually } from '../../support/eventually.js';
import { parseTag } from '../../../src/oci/reference.js';
import { bytesOf, image, inPieces, OperatedCache, signal, UPSTREAM } from '../support/contents.js';

const tag = parseTag('1');
const OFFLINE = { url: 'http://127.0.0.1:9', tagTtl: 0 };

describe('an exported archive', () => {
  it('imported where upstream cannot be reached, serves the image bit for bit', async (t) => {
    const online = await OperatedCache.open(t);
    const index = makeIndex({ seed: 'round trip', layers: [3_000_000, 1000, 0] });
    online.registry.push('team/app', index, '1');
    const pulled = await online.pulled('team/app', tag);
    const archive = await online.contents.export([image('team/app:1')], [], signal);
    const bytes = await bytesOf(archive.chunks);
    assert.equal(bytes.length, archive.bytes);

    const offline = await OperatedCache.open(t, OFFLINE);
    const imported = await offline.contents.import(inPieces(bytes), undefined, signal);
    // The two empty layers are one blob, which is nowhere stored.
    const size = [...pulled.values()].reduce((sum, { length }) => sum + length, 0);
    assert.deepEqual(imported, [
      { reference: 'up.test/team/app:1', digest: index.digest, blobs: pulled.size, bytesAdded: size, bytesReused: 0 },
    ]);
    assert.deepEqual(await offline.pulled('team/app', tag), pulled);
    const [listed] = (await offline.contents.list({ untagged: false }, { size: 10 })).items;
    assert.deepEqual(listed?.platforms, ['linux/amd64', 'linux/arm64/v8']);
    const again = await offline.contents.import(inPieces(bytes), undefined, signal);
    assert.deepEqual([again[0]?.bytesAdded, again[0]?.bytesReused], [0, size]);
  });

  it('may be of chosen platforms, and then opens nothing else', async (t) => {
    const online = await OperatedCache.open(t);
    const index = makeIndex({ seed: 'platforms' });
    online.registry.push('team/app', index, '1');
    await online.pulled('team/app', tag);
    const { chunks } = await online.contents.export([image('team/app:1')], ['linux/arm64'], signal);
    const offline = await OperatedCache.open(t, OFFLINE);
    await offline.contents.import(chunks, image('other/name:2'), signal);
    const [amd64, arm64] = index.images;
    const repository = { upstream: UPSTREAM, name: 'other/name' };
    assert.ok(await offline.catalog.link(repository, arm64!.layers[0]!.digest));
    assert.equal(await offline.catalog.link(repository, amd64!.digest), undefined);
    await assert.rejects(online.contents.export([image('team/app:1')], ['linux/s390x'], signal), {
      code: 'PLATFORM_UNKNOWN',
    });
  });

  it('is refused when something of the image is not here, naming it', async (t) => {
    const cache = await OperatedCache.open(t);
    const made = makeImage({ seed: 'half' });
    cache.registry.push('team/app', made, '1');
    await cache.pull.manifest({ upstream: UPSTREAM, name: 'team/app' }, tag, 'body', signal);
    await assert.rejects(cache.contents.export([image('team/app:1')], [], signal), {
      code: 'IMAGE_INCOMPLETE',
      message: /^up\.test\/team\/app:1: .*sha256:/,
    });
  });

  it('is refused before its first byte when bytes are gone that their record still names', async (t) => {
    const cache = await OperatedCache.open(t);
    const made = makeImage({ seed: 'gone' });
    cache.registry.push('team/app', made, '1');
    await cache.pulled('team/app', tag);
    await rm(cache.path(made.layers[0]!.digest));
    await assert.rejects(cache.contents.export([image('team/app:1')], [], signal), { code: 'IMAGE_INCOMPLETE' });
  });

  it('forgets nothing that was stored again when it came to look', async (t) => {
    const cache = await OperatedCache.open(t);
    const made = makeImage({ seed: 'again', layers: [5000] });
    cache.registry.push('team/app', made, '1');
    await cache.pulled('team/app', tag);
    const layer = made.layers[0]!.digest;
    const { chunks } = await cache.contents.export([image('team/app:1')], [], signal);
    const open = cache.store.open.bind(cache.store);
    // What it saw before the bytes came.
    cache.store.open = (digest) => (digest === layer ? Promise.resolve(undefined) : open(digest));
    await assert.rejects(bytesOf(chunks), { code: 'IMAGE_INCOMPLETE' });
    assert.ok(await cache.catalog.blob(layer));
  });

  it('ends early rather than with rotten bytes, and what is rotten is quarantined', async (t) => {
    const cache = await OperatedCache.open(t);
    const made = makeImage({ seed: 'rot', layers: [2_500_000] });
    cache.registry.push('team/app', made, '1');
    await cache.pulled('team/app', tag);
    await cache.rot(made.layers[0]!.digest);
    const { chunks } = await cache.contents.export([image('team/app:1')], [], signal);
    await assert.rejects(bytesOf(chunks), { code: 'BLOB_CORRUPT' });
    assert.equal(await cache.store.stat(made.layers[0]!.digest), undefined);
    assert.equal(await cache.catalog.blob(made.layers[0]!.digest), undefined);
  });

  it('can be left unread without a trace', async (t) => {
    const cache = await OperatedCache.open(t);
    cache.registry.push('team/app', makeImage({ seed: 'left', layers: [3_000_000] }), '1');
    await cache.pulled('team/app', tag);
    const { chunks } = await cache.contents.export([image('team/app:1')], [], signal);
    for await (const chunk of chunks) {
      assert.ok(chunk.length > 0);
      break;
    }
  });
});

describe('an import', () => {
  const made = makeImage({ seed: 'import' });
  const good = () => archiveOf([made], { name: 'up.test/team/app:1' });

  it('takes layouts in any order, under the name it is given', async (t) => {
    const cache = await OperatedCache.open(t, OFFLINE);
    const archive = await archiveOf([made], { last: ['index.json', 'oci-layout'] });
    await cache.contents.import(inPieces(archive, 511), image('team/app:1'), signal);
    assert.equal((await cache.pulled('team/app', tag)).size, 3);
    const repository = { upstream: UPSTREAM, name: 'team/app' };
    for (const { digest } of [made, ...made.blobs]) {
      assert.equal((await cache.catalog.link(repository, digest))?.imported, true);
      // It did not come through that upstream, so its word for another repository opens nothing.
      assert.deepEqual((await cache.catalog.blob(digest))?.via, []);
    }
  });

  const refused: readonly (readonly [why: string, make: () => Promise<Buffer>, says: RegExp])[] = [
    ['is no tar file', () => Promise.resolve(Buffer.from('hello, world'.repeat(1000))), /no tar file/],
    ['is cut', async () => (await good()).subarray(0, -3000), /only a part|lacks/],
    ['has no layout', () => archiveOf([made], { name: 'up.test/a:1', without: ['oci-layout'] }), /oci-layout/],
    ['has no index', () => archiveOf([made], { name: 'up.test/a:1', without: ['index.json'] }), /index\.json/],
    [
      'lacks a blob',
      () => archiveOf([made], { name: 'up.test/a:1', without: [made.layers[0]!.digest] }),
      /lacks sha256/,
    ],
    [
      'has wrong bytes',
      () => archiveOf([made], { name: 'up.test/a:1', wrong: made.layers[0]!.digest }),
      /are not that/,
    ],
    [
      'leads out of it',
      () => archiveOf([made], { name: 'up.test/a:1', extra: [{ name: '../../etc/x' }] }),
      /does not belong/,
    ],
    [
      'has a path for a digest',
      () => archiveOf([made], { extra: [{ name: 'blobs/sha256/../../x' }] }),
      /does not belong/,
    ],
    [
      'has a link',
      () => archiveOf([made], { extra: [{ name: 'blobs/x', type: 'symlink', linkname: '/etc' }] }),
      /symlink/,
    ],
    ['names no reference', () => archiveOf([made], {}), /no name/],
    ['names only a tag', () => archiveOf([made], { name: '1.25' }), /only the name "1.25"/],
    [
      'lies about a size',
      () => archiveOf([{ ...made, size: made.size + 1 }], { name: 'up.test/a:1' }),
      /bytes; it has/,
    ],
    ['has two indexes', () => archiveOf([made], { extra: [{ name: './index.json' }] }), /twice/],
  ];
  for (const [why, make, says] of refused) {
    it(`refuses an archive that ${why}, and keeps nothing of it`, async (t) => {
      const cache = await OperatedCache.open(t, OFFLINE);
      await assert.rejects(cache.contents.import(inPieces(await make()), undefined, signal), {
        code: ArchiveInvalid,
        message: says,
      });
      assert.deepEqual(await cache.catalog.stored(), { blobs: 0, bytes: 0 });
      for (const { digest } of [made, ...made.blobs]) assert.equal(await cache.store.stat(digest), undefined);
      assert.equal(cache.spools.bytes, 0);
    });
  }

  it('refuses endless headers before any file', async (t) => {
    const cache = await OperatedCache.open(t, OFFLINE);
    async function* endless(): AsyncIterable<Buffer> {
      const zeros = Buffer.alloc(1024 * 1024);
      for (;;) yield await Promise.resolve(zeros);
    }
    await assert.rejects(cache.contents.import(endless(), undefined, signal), {
      code: ArchiveInvalid,
      message: /no file/,
    });
  });

  it('says so when something it counted on was deleted meanwhile, and leaves nothing behind', async (t) => {
    const cache = await OperatedCache.open(t);
    const large = makeImage({ seed: 'deleted meanwhile', layers: [500_000] });
    cache.registry.push('team/app', large, '1');
    await cache.pulled('team/app', tag);
    const archive = await archiveOf([large], { name: 'up.test/other/app:1', last: ['index.json'] });
    async function* meanwhile(): AsyncIterable<Buffer> {
      yield* inPieces(archive.subarray(0, -2048));
      await cache.contents.evict(image('team/app:1'), signal);
      yield archive.subarray(-2048);
    }
    await assert.rejects(cache.contents.import(meanwhile(), undefined, signal), { code: 'IMAGE_INCOMPLETE' });
    assert.deepEqual(await cache.catalog.stored(), { blobs: 0, bytes: 0 });
    assert.deepEqual((await cache.contents.list({ untagged: false }, { size: 5 })).items, []);
  });

  it('that fails leaves what a client has pulled meanwhile', async (t) => {
    const cache = await OperatedCache.open(t);
    const wanted = makeImage({ seed: 'pulled meanwhile', layers: [5000] });
    cache.registry.push('team/app', wanted, '1');
    const layer = wanted.layers[0]!.digest;
    const archive = await archiveOf([wanted], { name: 'up.test/team/app:1', last: ['index.json'] });
    async function* meanwhile(): AsyncIterable<Buffer> {
      yield* inPieces(archive.subarray(0, -2048));
      await eventually(async () => (await cache.catalog.blob(layer))?.via.length === 0, 'the archive has brought it');
      await cache.blob('team/app', layer);
    }
    await assert.rejects(cache.contents.import(meanwhile(), undefined, signal), { code: ArchiveInvalid });
    assert.deepEqual(await cache.catalog.stored(), { blobs: 1, bytes: 5000 });
    assert.ok(await cache.catalog.link({ upstream: UPSTREAM, name: 'team/app' }, layer));
  });

  const meanwhile: Record<string, (cache: OperatedCache, image: Image) => Promise<unknown>> = {
    'pulled by its tag': (cache) => cache.pulled('team/app', tag),
    'pulled by its digest': (cache, { digest }) => cache.pulled('team/app', digest),
  };
  for (const [what, use] of Object.entries(meanwhile)) {
    it(`that fails leaves the image that a client has ${what} meanwhile`, async (t) => {
      const cache = await OperatedCache.open(t);
      const wanted = makeImage({ seed: what });
      cache.registry.push('team/app', wanted, '1');
      t.mock.method(cache.catalog, 'linkImported', async () => {
        await use(cache, wanted);
        return false;
      });
      const archive = await archiveOf([wanted], { name: 'up.test/team/app:1' });
      await assert.rejects(cache.contents.import(inPieces(archive), undefined, signal), { code: 'IMAGE_INCOMPLETE' });
      assert.equal((await collect(cache.catalog.roots())).length, 1);
      assert.equal((await cache.catalog.stored()).blobs, 3);
    });
  }

  it('that fails leaves the layer that a client has pulled when its manifest was here already', async (t) => {
    const cache = await OperatedCache.open(t);
    const wanted = makeImage({ seed: 'its layer only', layers: [5000] });
    cache.registry.push('team/app', wanted, '1');
    const layer = wanted.layers[0]!.digest;
    t.mock.method(cache.catalog, 'linkImported', async () => {
      await cache.blob('team/app', layer);
      return false;
    });
    const archive = await archiveOf([wanted], { name: 'up.test/team/app:1' });
    await assert.rejects(cache.contents.import(inPieces(archive), undefined, signal), { code: 'IMAGE_INCOMPLETE' });
    assert.deepEqual(await cache.catalog.stored(), { blobs: 1, bytes: 5000 });
  });

  it('that fails leaves an image that a client had pulled before by the digest it has in an index', async (t) => {
    const cache = await OperatedCache.open(t);
    const index = makeIndex({ seed: 'taken over' });
    cache.registry.push('team/app', index, '1');
    const [child] = index.images;
    await cache.pulled('team/app', child!.digest);
    t.mock.method(cache.catalog, 'linkImported', () => Promise.resolve(false));
    const blobs = index.images.flatMap((each) => [each, ...each.blobs]);
    const archive = await archiveOf([{ ...index, blobs }], { name: 'up.test/team/app:1' });
    await assert.rejects(cache.contents.import(inPieces(archive), undefined, signal), { code: 'IMAGE_INCOMPLETE' });
    for (const { digest } of [child!, ...child!.blobs]) assert.ok(await cache.catalog.blob(digest), digest);
  });

  const before: Record<string, (cache: OperatedCache, image: Image) => Promise<unknown>> = {
    'was pulled through another repository before': (cache) => cache.pulled('team/other', tag),
    'has lost its manifest by then': (cache, { digest }) => cache.catalog.forgetBlob(digest),
  };
  for (const [what, happens] of Object.entries(before)) {
    it(`that fails leaves no image behind that ${what}`, async (t) => {
      const cache = await OperatedCache.open(t);
      const wanted = makeImage({ seed: what });
      cache.registry.push('team/other', wanted, '1');
      if (what.endsWith('before')) await happens(cache, wanted);
      t.mock.method(cache.catalog, 'linkImported', async () => {
        if (what.endsWith('by then')) await happens(cache, wanted);
        return false;
      });
      const archive = await archiveOf([wanted], { name: 'up.test/team/app:1' });
      await assert.rejects(cache.contents.import(inPieces(archive), undefined, signal), { code: 'IMAGE_INCOMPLETE' });
      const roots = await collect(cache.catalog.roots());
      assert.deepEqual(
        roots.filter(({ repository }) => repository.name === 'team/app'),
        [],
      );
    });
  }

  it('opens nothing that the archive only names', async (t) => {
    const cache = await OperatedCache.open(t);
    const secret = makeImage({ seed: 'secret' });
    cache.registry.push('team/secret', secret, '1');
    await cache.pulled('team/secret', tag);
    const thief = content(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          config: descriptorOf(secret.config),
          layers: secret.layers.map(descriptorOf),
        }),
      ),
      made.mediaType,
    );
    const archive = await archiveOf([{ ...thief, blobs: [] }], { name: 'up.test/team/thief:1' });
    await assert.rejects(cache.contents.import(inPieces(archive), undefined, signal), { message: /lacks/ });
    const repository = { upstream: UPSTREAM, name: 'team/thief' };
    assert.equal(await cache.catalog.link(repository, secret.layers[0]!.digest), undefined);
  });

  it('stops when told to, and refuses repositories that may not be pulled', async (t) => {
    const cache = await OperatedCache.open(t, OFFLINE);
    const stop = new AbortController();
    async function* slow(): AsyncIterable<Buffer> {
      yield (await good()).subarray(0, 1536);
      stop.abort(new Error('enough'));
      await new Promise(() => undefined);
    }
    await assert.rejects(cache.contents.import(slow(), undefined, stop.signal), /enough/);
    const forbidden = await archiveOf([made], { name: 'up.test/forbidden/app:1' });
    await assert.rejects(cache.contents.import(inPieces(forbidden), undefined, signal), { code: 'NOT_PERMITTED' });
    const foreign = await archiveOf([made], { name: 'elsewhere.test/app:1' });
    await assert.rejects(cache.contents.import(inPieces(foreign), undefined, signal), { code: 'NAME_UNKNOWN' });
    assert.deepEqual(await cache.catalog.stored(), { blobs: 0, bytes: 0 });
  });
});
