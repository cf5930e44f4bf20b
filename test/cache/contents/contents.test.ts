import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTag } from '../../../src/oci/reference.js';
import { content, descriptorOf, makeImage, makeIndex, manifestNaming, OCI_CONFIG } from '../../support/images.js';
import { image, OperatedCache, signal, UPSTREAM } from '../support/contents.js';

const [one, two] = [parseTag('1'), parseTag('2')];
const repository = { upstream: UPSTREAM, name: 'team/app' };
const ALL = { untagged: false };

/** An image whose configuration tells what `docker history` shows. */
function toldImage() {
  const base = makeImage({ seed: 'told', layers: [1000, 2000] });
  const config = content(
    Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'arm',
        variant: 'v7',
        created: '2026-01-02T03:04:05Z',
        config: { Labels: { maintainer: 'us', bad: 1 } },
        history: [
          { created: '2026-01-01T00:00:00Z', created_by: 'ADD rootfs', comment: 'base' },
          { created_by: 'ENV A=1', empty_layer: true },
          { created_by: 'RUN make' },
        ],
      }),
    ),
    OCI_CONFIG,
  );
  const manifest = manifestNaming(config, base.layers);
  return { ...manifest, config, layers: base.layers, blobs: [config, ...base.layers] };
}

describe('the list of images', () => {
  it('goes repository by repository, untagged images first, in pages that never miss or repeat one', async (t) => {
    const cache = await OperatedCache.open(t);
    const [a, b, c] = ['a', 'b', 'c'].map((seed) => makeImage({ seed })) as [
      ReturnType<typeof makeImage>,
      ReturnType<typeof makeImage>,
      ReturnType<typeof makeImage>,
    ];
    cache.registry.push('team/app', a, '1');
    cache.registry.push('team/app', a, '2');
    cache.registry.push('team/app', b);
    cache.registry.push('team/app-extra', c, '1');
    cache.registry.push('alpha', c, '1');
    for (const tag of [one, two]) await cache.pulled('team/app', tag);
    await cache.pulled('team/app', b.digest);
    await cache.pulled('team/app-extra', one);
    await cache.pulled('alpha', one);
    const rows = [];
    for (let after: string | undefined; ;) {
      const page = await cache.contents.list(ALL, { size: 2, after });
      rows.push(...page.items);
      after = page.next;
      if (after === undefined) break;
    }
    assert.deepEqual(
      rows.map((row) => [row.repository, row.tag, row.digest, row.pulls]),
      [
        ['alpha', '1', c.digest, 1],
        ['team/app', undefined, b.digest, 1],
        ['team/app', '1', a.digest, 2],
        ['team/app', '2', a.digest, 2],
        ['team/app-extra', '1', c.digest, 1],
      ],
    );
    const sizeOfA = a.size + a.config.size + a.layers[0]!.size;
    assert.deepEqual([rows[2]?.size, rows[2]?.platforms, rows[2]?.pinned], [sizeOfA, ['linux/amd64'], false]);
    const list = async (query: object) =>
      (await cache.contents.list({ ...ALL, ...query }, { size: 10 })).items.map(
        (row) => `${row.repository}:${row.tag ?? ''}`,
      );
    assert.deepEqual(await list({ untagged: true }), ['team/app:']);
    assert.deepEqual(await list({ repository: 'team/*', upstream: UPSTREAM }), [
      'team/app:',
      'team/app:1',
      'team/app:2',
      'team/app-extra:1',
    ]);
    assert.deepEqual(await list({ upstream: 'elsewhere' }), []);
    assert.deepEqual(await list({ pulledBefore: 1 }), []);
    assert.equal((await list({ pulledBefore: Date.now() + 1e6 })).length, 5);
    await assert.rejects(cache.contents.list(ALL, { size: 1, after: 'x' }), { code: 'REQUEST_INVALID' });
  });
});

describe('inspecting an image', () => {
  it('tells its layers, who shares them, its history and labels, and where its tag pointed before', async (t) => {
    const cache = await OperatedCache.open(t);
    const told = toldImage();
    const other = manifestNaming(content(Buffer.from('{"os":"linux"}'), OCI_CONFIG), [told.layers[0]!]);
    cache.registry.push('team/app', makeImage({ seed: 'before' }), '1');
    const before = await cache.pull.manifest(repository, one, 'body', signal);
    cache.registry.push('team/app', told, '1');
    cache.registry.repositories.addManifest('team/app', other, '2');
    cache.registry.repositories.addBlob('team/app', content(Buffer.from('{"os":"linux"}'), OCI_CONFIG));
    // The tag is seen to have moved when it is next resolved.
    await cache.pulled('team/app', told.digest);
    await cache.catalog.pointTag(repository, one, told, Date.now());
    await cache.pulled('team/app', two);
    const inspected = await cache.contents.inspect(image('team/app:1'), signal);
    assert.equal(inspected.digest, told.digest);
    assert.deepEqual(
      inspected.past.map(({ digest, stored }) => [digest, stored]),
      [[before.descriptor.digest, true]],
    );
    const platform = inspected.images[0]!;
    assert.deepEqual(
      [platform.platform, platform.whole, platform.createdAt, platform.labels],
      ['linux/arm/v7', true, Date.UTC(2026, 0, 2, 3, 4, 5), { maintainer: 'us' }],
    );
    assert.deepEqual(
      platform.history.map(({ createdBy, layer, size, emptyLayer }) => [createdBy, layer, size, emptyLayer]),
      [
        ['ADD rootfs', told.layers[0]!.digest, 1000, false],
        ['ENV A=1', undefined, 0, true],
        ['RUN make', told.layers[1]!.digest, 2000, false],
      ],
    );
    assert.deepEqual(
      platform.layers.map(({ sharedWith, sharedCount, stored }) => [sharedWith, sharedCount, stored]),
      [
        [['up.test/team/app:2'], 1, true],
        [[], 0, true],
      ],
    );
  });

  it('tells which platforms of an index are here, and what refers to it', async (t) => {
    const cache = await OperatedCache.open(t);
    const index = makeIndex({ seed: 'index' });
    cache.registry.push('team/app', index, '1');
    const signature = makeImage({ seed: 'sig', subject: index, artifactType: 'application/x.sig' });
    cache.registry.push('team/app', signature);
    await cache.pull.manifest(repository, one, 'body', signal);
    await cache.pulled('team/app', index.images[1]!.digest);
    await cache.pulled('team/app', signature.digest);
    const { images, platforms, referrers } = await cache.contents.inspect(image('team/app:1'), signal);
    assert.deepEqual(platforms, ['linux/arm64/v8']);
    assert.deepEqual(
      images.map(({ platform, stored, whole }) => [platform, stored, whole]),
      [
        ['linux/amd64', false, false],
        ['linux/arm64/v8', true, true],
      ],
    );
    assert.deepEqual(
      referrers.map(({ digest, artifactType }) => [digest, artifactType]),
      [[signature.digest, 'application/x.sig']],
    );
  });

  it('knows images by alias and digest, and says which one it does not know', async (t) => {
    const cache = await OperatedCache.open(t);
    const made = makeImage({ seed: 'x' });
    cache.registry.push('team/app', made, '1');
    await cache.pulled('team/app', one);
    const byAlias = await cache.contents.inspect({ ...image('team/app:1'), upstream: 'alias.test' }, signal);
    assert.equal(byAlias.digest, made.digest);
    assert.equal((await cache.contents.inspect(image(`team/app@${made.digest}`), signal)).tag, undefined);
    for (const unknown of ['team/app:none', `other/app@${made.digest}`, `team/app@${made.config.digest}`]) {
      await assert.rejects(cache.contents.inspect(image(unknown), signal), {
        code: 'IMAGE_UNKNOWN',
        message: new RegExp(`^up\\.test/${unknown}`),
      });
    }
  });
});

describe('evicting an image', () => {
  it('deletes what nothing else needs, tags and all, and says what stayed', async (t) => {
    const cache = await OperatedCache.open(t);
    const base = makeImage({ seed: 'base', layers: [5000, 100] });
    const other = manifestNaming(base.config, [base.layers[0]!]);
    cache.registry.push('team/app', base, '1');
    cache.registry.push('team/app', base, '2');
    cache.registry.repositories.addManifest('team/app', other, 'other');
    for (const tag of [one, two, parseTag('other')]) await cache.pulled('team/app', tag);
    const evicted = await cache.contents.evict(image('team/app:2'), signal);
    assert.deepEqual(evicted, {
      digest: base.digest,
      blobs: 2,
      bytes: base.size + 100,
      keptBlobs: 2,
      keptBytes: 5000 + base.config.size,
    });
    assert.equal(await cache.store.stat(base.layers[1]!.digest), undefined);
    assert.equal(await cache.catalog.tag(repository, one), undefined);
    assert.ok(await cache.store.stat(base.layers[0]!.digest));
    assert.equal((await cache.pulled('team/app', parseTag('other'))).size, 3);
    await assert.rejects(cache.contents.evict(image('team/app:2'), signal), { code: 'IMAGE_UNKNOWN' });
    // And it comes back when it is pulled again.
    assert.equal((await cache.pulled('team/app', one)).size, 4);
  });

  it('is refused while the index is rebuilt, before its tag goes', async (t) => {
    const cache = await OperatedCache.open(t);
    cache.registry.push('team/app', makeImage({ seed: 'base', layers: [100] }), '1');
    await cache.pulled('team/app', one);
    const rebuilding = t.mock.getter(cache.catalog, 'rebuilding', () => true);
    await assert.rejects(cache.contents.evict(image('team/app:1'), signal), { code: 'REBUILDING' });
    rebuilding.mock.restore();
    assert.notEqual(await cache.catalog.tag(repository, one), undefined);
  });

  it('is refused while it is pinned, by its tag or digest, and for a part of another image', async (t) => {
    const cache = await OperatedCache.open(t);
    const index = makeIndex({ seed: 'pinned' });
    cache.registry.push('team/app', index, '1');
    await cache.pulled('team/app', one);
    assert.equal((await cache.contents.pin(image('team/app:1'))).pinned, true);
    assert.equal((await cache.contents.pin(image('team/app:1'))).pinned, true);
    const byDigest = image(`team/app@${index.digest}`);
    await assert.rejects(cache.contents.evict(byDigest, signal), { code: 'IMAGE_PINNED', message: /unpin/ });
    assert.equal((await cache.contents.unpin(image('team/app:1'))).pinned, false);
    const part = image(`team/app@${index.images[0]!.digest}`);
    await assert.rejects(cache.contents.evict(part, signal), { code: 'IMAGE_UNKNOWN', message: /part of sha256/ });
    const { blobs } = await cache.contents.evict(byDigest, signal);
    assert.equal(blobs, 7);
    assert.deepEqual(await cache.catalog.stored(), { blobs: 0, bytes: 0 });
  });
});

describe('disk usage', () => {
  it('tells apart what several images share, what one has, and what none has', async (t) => {
    const cache = await OperatedCache.open(t);
    const index = makeIndex({ seed: 'shares', layers: [4000] });
    const [first, second] = index.images as [(typeof index.images)[0], (typeof index.images)[0]];
    const own = content(Buffer.from('{"own":1}'), OCI_CONFIG);
    const sharing = manifestNaming(own, [first.layers[0]!, second.config]);
    const signature = makeImage({ seed: 'sig', subject: index, layers: [300] });
    cache.registry.push('team/app', index, '1');
    cache.registry.push('team/app', signature);
    cache.registry.repositories.addManifest('team/app', sharing, '2');
    cache.registry.repositories.addBlob('team/app', own);
    const loose = content(Buffer.alloc(777, 'x'), 'layer');
    cache.registry.repositories.addBlob('team/app', loose);
    await cache.pulled('team/app', one);
    await cache.pulled('team/app', two);
    await cache.pulled('team/app', signature.digest);
    await cache.catalog.dropRoot(repository, signature.digest);
    await cache.blob('team/app', loose.digest);
    const usage = await cache.contents.diskUsage(signal);
    const sum = (...blobs: readonly { readonly size: number }[]) => blobs.reduce((all, { size }) => all + size, 0);
    const shared = sum(first.layers[0]!, second.config);
    const whole = sum(
      index,
      ...index.images,
      ...index.images.flatMap((each) => each.blobs),
      signature,
      ...signature.blobs,
    );
    const unique = whole - shared + sum(sharing, own);
    assert.deepEqual(
      [usage.images, usage.sharedBytes, usage.uniqueBytes, usage.reclaimableBytes],
      [2, shared, unique, 777],
    );
    assert.deepEqual({ blobs: usage.blobs, bytes: usage.bytes }, await cache.catalog.stored());
    assert.equal(usage.bytes, shared + unique + 777);
    assert.deepEqual([usage.maxBytes, usage.quarantinedBytes, usage.spoolBytes], [1e9, 0, 0]);
    assert.ok(usage.freeBytes > 0);
    // A tag more is no image more, another repository's is.
    cache.registry.push('other/app', index, '1');
    await cache.catalog.pointTag(repository, parseTag('3'), descriptorOf(index), Date.now());
    assert.equal((await cache.contents.diskUsage(signal)).images, 2);
    await cache.pulled('other/app', one);
    const after = await cache.contents.diskUsage(signal);
    assert.deepEqual([after.images, after.sharedBytes], [3, whole]);
  });
});
