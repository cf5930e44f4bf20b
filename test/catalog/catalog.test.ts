import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keys } from '../../src/catalog/keys.js';
import { isAppError } from '../../src/lib/errors.js';
import {
  descriptor,
  digest,
  manifestDescriptor,
  memoryCatalog,
  repository,
  tag,
  eraseUnneeded,
} from '../support/catalogs.js';
import { collect } from '../support/collect.js';

const A = repository('library/a');
const B = repository('library/b');
const OTHER = repository('library/a', 'ghcr.io');
const LAYER = descriptor('layer');
const IMAGE = manifestDescriptor('image');
const INDEX = manifestDescriptor('index');
const LATEST = tag('latest');

describe('Catalog: links', () => {
  it('links what was downloaded to the repository it came through, and to no other', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: false });
    assert.deepEqual(await catalog.link(A, LAYER.digest), { checkedAt: clock.now(), ran: 0 });
    assert.equal(await catalog.link(B, LAYER.digest), undefined);
    assert.equal(await catalog.link(OTHER, LAYER.digest), undefined);
    assert.deepEqual(await catalog.blob(LAYER.digest), {
      size: LAYER.size,
      mediaType: LAYER.mediaType,
      storedAt: clock.now(),
      ran: 0,
      via: [{ upstream: 'docker.io', public: false }],
    });
  });

  it('takes what is stored again for new, and remembers when it came first', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: false });
    const storedAt = clock.now();
    await clock.advance(1000);
    await catalog.recordBlob({ repository: B, descriptor: LAYER, public: false });
    const record = await catalog.blob(LAYER.digest);
    assert.deepEqual([record?.storedAt, record?.ran], [storedAt, 1000]);
    await clock.advance(1000);
    await catalog.recordUnlinked({ ...LAYER, size: LAYER.size + 1 });
    assert.deepEqual(await catalog.blob(LAYER.digest), { ...record, size: LAYER.size + 1, ran: 2000 });
    assert.deepEqual(await catalog.stored(), { blobs: 1, bytes: LAYER.size + 1 });
  });

  it('does not link what a manifest merely names', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: false });
    const image = { repository: B, descriptor: IMAGE, public: true, children: [LAYER] };
    await catalog.recordManifest({ ...image, asked: 'digest' });
    assert.equal(await catalog.link(B, LAYER.digest), undefined);
  });

  it('removes every link with the record of the blob, so a later fill revives no old grant', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: false });
    await catalog.grantLink(B, LAYER.digest, clock.now());
    await catalog.recordBlob({ repository: OTHER, descriptor: LAYER, public: false });
    await catalog.forgetBlob(LAYER.digest);
    for (const each of [A, B, OTHER]) {
      assert.equal(await catalog.link(each, LAYER.digest), undefined);
      assert.deepEqual(await collect(catalog.heldBy(each)), []);
    }
    await catalog.recordBlob({ repository: OTHER, descriptor: LAYER, public: false });
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    assert.equal(await catalog.link(B, LAYER.digest), undefined);
    assert.deepEqual((await catalog.blob(LAYER.digest))?.via, [{ upstream: 'ghcr.io', public: false }]);
  });

  it('leaves nobody the grant of bytes that only a snapshot remembers when they come through another', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: false });
    const key = keys.blob(LAYER.digest);
    await catalog.turn(async (tx) => tx.put(key, { ...(await tx.get(key))!, unseen: true }));
    await catalog.recordBlob({ repository: B, descriptor: LAYER, public: false });
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    assert.notEqual(await catalog.link(B, LAYER.digest), undefined);
  });

  it('leaves nobody the grant of bytes that only a snapshot remembers when an archive brings them', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: false });
    const key = keys.blob(LAYER.digest);
    await catalog.turn(async (tx) => tx.put(key, { ...(await tx.get(key))!, unseen: true }));
    await catalog.recordUnlinked(LAYER);
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    assert.deepEqual((await catalog.blob(LAYER.digest))?.via, []);
  });

  it('grants nothing for bytes that are not stored', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    await catalog.grantLink(A, LAYER.digest, clock.now());
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    await catalog.recordBlob({ repository: B, descriptor: LAYER, public: true });
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
  });

  it('revokes one link and leaves the others', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: false });
    await catalog.grantLink(B, LAYER.digest, clock.now());
    await catalog.revokeLink(A, LAYER.digest);
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    assert.notEqual(await catalog.link(B, LAYER.digest), undefined);
    assert.deepEqual(await collect(catalog.heldBy(A)), []);
  });

  it('refreshes a link, also with a clock that was set back, and an imported one stays imported', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    const at = clock.now();
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: false, imported: true });
    await catalog.grantLink(A, LAYER.digest, at + 500);
    await catalog.grantLink(A, LAYER.digest, at + 100);
    assert.deepEqual(await catalog.link(A, LAYER.digest), { checkedAt: at + 100, ran: 0, imported: true });
  });

  it('remembers every upstream that bytes came through, and once public stays public', async (t) => {
    const { catalog } = await memoryCatalog(t);
    for (const [where, isPublic] of [
      [A, true],
      [OTHER, false],
      [B, false],
    ] as const) {
      await catalog.recordBlob({ repository: where, descriptor: LAYER, public: isPublic });
    }
    const via = (await catalog.blob(LAYER.digest))?.via ?? [];
    assert.deepEqual(
      [...via].sort((a, b) => a.upstream.localeCompare(b.upstream)),
      [
        { upstream: 'docker.io', public: true },
        { upstream: 'ghcr.io', public: false },
      ],
    );
  });

  it('does not mix up repositories whose names begin alike', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: repository('a/b'), descriptor: LAYER, public: true });
    assert.deepEqual(await collect(catalog.heldBy(repository('a'))), []);
    assert.equal(await catalog.link(repository('b', 'docker.io a'), LAYER.digest), undefined);
  });
});

describe('Catalog: tags', () => {
  const image = { repository: A, descriptor: IMAGE, public: true, children: [LAYER], asked: 'tag' } as const;

  it('points a tag in the batch that stores its manifest', async (t) => {
    const { catalog, clock, store } = await memoryCatalog(t);
    const writes = store.writes;
    await catalog.recordManifest({ ...image, tag: LATEST });
    assert.equal(store.writes, writes + 1);
    const now = clock.now();
    assert.deepEqual(await catalog.tag(A, LATEST), { ...IMAGE, fetchedAt: now, checkedAt: now, ran: 0 });
    assert.equal(await catalog.tag(B, LATEST), undefined);
  });

  it('writes nothing when the batch fails: no tag without its manifest', async (t) => {
    const { catalog, store } = await memoryCatalog(t);
    store.failNextWrite('failed');
    await assert.rejects(catalog.recordManifest({ ...image, tag: LATEST }));
    assert.equal(await catalog.tag(A, LATEST), undefined);
    assert.equal(await catalog.blob(IMAGE.digest), undefined);
  });

  it('keeps where a tag pointed before, the oldest first and not for ever', async (t) => {
    const { catalog } = await memoryCatalog(t);
    const at = (i: number) => 1_000_000 + i * 1000;
    for (let i = 0; i < 40; i++) await catalog.pointTag(A, LATEST, manifestDescriptor(`v${i}`), at(i));
    await catalog.pointTag(A, LATEST, manifestDescriptor('v39'), at(50));
    const history = await catalog.tagHistory(A, LATEST);
    assert.equal(history.length, 32);
    assert.deepEqual(
      history.map((past) => past.digest),
      Array.from({ length: 32 }, (_, i) => digest(`v${i + 7}`)),
    );
    assert.deepEqual([history[0]?.from, history[0]?.until], [at(7), at(8)]);
    const current = await catalog.tag(A, LATEST);
    assert.deepEqual([current?.digest, current?.fetchedAt, current?.checkedAt], [digest('v39'), at(39), at(50)]);
    assert.deepEqual(await catalog.tagHistory(A, tag('late')), []);
  });

  it('shows a check at once and writes it with the flush', async (t) => {
    const { catalog, clock, store } = await memoryCatalog(t);
    await catalog.recordManifest({ ...image, tag: LATEST });
    const writes = store.writes;
    const later = clock.now() + 60_000;
    catalog.checkedTag(A, LATEST, later);
    assert.equal((await catalog.tag(A, LATEST))?.checkedAt, later);
    assert.equal(store.writes, writes);
    await catalog.flush();
    assert.equal((await catalog.tag(A, LATEST))?.checkedAt, later);
    assert.equal(store.writes, writes + 1);
  });

  it('forgets a dropped tag and its history, not the image', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordManifest({ ...image, tag: LATEST });
    catalog.checkedTag(A, LATEST, 5);
    await catalog.dropTag(A, LATEST);
    await catalog.flush();
    assert.equal(await catalog.tag(A, LATEST), undefined);
    assert.notEqual(await catalog.blob(IMAGE.digest), undefined);
    assert.equal((await collect(catalog.roots(IMAGE.digest))).length, 1);
    assert.deepEqual(await collect(catalog.tags(A)), []);
  });
});

describe('Catalog: roots', () => {
  const child = { repository: A, descriptor: IMAGE, public: true, children: [LAYER] } as const;
  const parent = { repository: A, descriptor: INDEX, public: true, children: [IMAGE] } as const;
  const roots = async (catalog: Awaited<ReturnType<typeof memoryCatalog>>['catalog']) =>
    (await collect(catalog.roots())).map((root) => `${root.repository.name} ${root.digest} ${root.by}`).sort();

  it('gives one to what is asked for by tag, always', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordManifest({ ...parent, asked: 'tag', tag: LATEST });
    await catalog.recordManifest({ ...child, asked: 'tag', tag: tag('child') });
    assert.deepEqual(await roots(catalog), [`${A.name} ${INDEX.digest} tag`, `${A.name} ${IMAGE.digest} tag`].sort());
  });

  it('gives one to what is asked for by digest only while no parent is stored in that repository', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordManifest({ ...parent, asked: 'tag', tag: LATEST });
    await catalog.recordManifest({ ...child, asked: 'digest' });
    await catalog.noteRoot(A, IMAGE.digest);
    assert.deepEqual(await roots(catalog), [`${A.name} ${INDEX.digest} tag`]);
    await catalog.recordManifest({ ...child, repository: B, asked: 'digest' });
    assert.deepEqual(
      await roots(catalog),
      [`${A.name} ${INDEX.digest} tag`, `${B.name} ${IMAGE.digest} digest`].sort(),
    );
  });

  it('lets a parent take over its children: their digest-made roots and their last use', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    await catalog.recordManifest({ ...child, asked: 'digest' });
    await clock.advance(120_000);
    catalog.noteUse(A, IMAGE.digest, clock.now());
    await catalog.flush();
    const usedAt = clock.now();
    await clock.advance(120_000);
    await catalog.recordManifest({ ...parent, asked: 'digest' });
    assert.deepEqual(await roots(catalog), [`${A.name} ${INDEX.digest} digest`]);
    assert.equal((await catalog.lastUse(A, INDEX.digest))?.at, usedAt);
  });

  it('leaves a root made by a tag when a parent comes', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordManifest({ ...child, asked: 'digest' });
    await catalog.pointTag(A, LATEST, IMAGE, 1);
    await catalog.recordManifest({ ...parent, asked: 'child' });
    assert.deepEqual(await roots(catalog), [`${A.name} ${IMAGE.digest} tag`]);
  });

  it('erases nothing that has a parent, a root, a pin, or a stored subject, and cascades over the rest', async (t) => {
    const { catalog } = await memoryCatalog(t);
    const signature = manifestDescriptor('signature');
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: true });
    await catalog.recordManifest({ ...child, asked: 'child' });
    await catalog.recordManifest({ ...parent, asked: 'tag', tag: LATEST });
    const signs = { repository: A, descriptor: signature, public: true, children: [], subject: INDEX.digest };
    await catalog.recordManifest({ ...signs, asked: 'child' });
    for (const each of [LAYER, IMAGE, INDEX, signature]) {
      assert.equal(await eraseUnneeded(catalog, each.digest), undefined);
    }
    await catalog.pin(A, LATEST);
    await catalog.dropRoot(A, INDEX.digest);
    assert.equal(await eraseUnneeded(catalog, INDEX.digest), undefined);
    await catalog.unpin(A, LATEST);
    assert.deepEqual(await eraseUnneeded(catalog, INDEX.digest), [IMAGE.digest, signature.digest]);
    assert.deepEqual(await eraseUnneeded(catalog, signature.digest), []);
    assert.deepEqual(await eraseUnneeded(catalog, IMAGE.digest), [LAYER.digest]);
    assert.deepEqual(await eraseUnneeded(catalog, LAYER.digest), []);
    assert.deepEqual(await collect(catalog.blobs()), []);
    assert.deepEqual(await collect(catalog.heldBy(A)), []);
  });
});

describe('Catalog: pins', () => {
  it('follow their tag', async (t) => {
    const { catalog } = await memoryCatalog(t);
    const [v1, v2] = [manifestDescriptor('v1'), manifestDescriptor('v2')];
    for (const each of [v1, v2]) {
      await catalog.recordManifest({
        repository: A,
        descriptor: each,
        public: true,
        children: [LAYER],
        asked: 'child',
      });
    }
    await catalog.pin(A, LATEST);
    assert.deepEqual((await collect(catalog.pins()))[0]?.digest, undefined);
    await catalog.pointTag(A, LATEST, v1, 1);
    assert.equal(await catalog.isPinned(A, v1.digest), true);
    assert.equal(await catalog.isPinned(A, LAYER.digest), true, 'what an image is made of is pinned with it');
    assert.equal(await catalog.isPinned(B, LAYER.digest), false);
    await catalog.pointTag(A, LATEST, v2, 2);
    assert.equal(await catalog.isPinned(A, v1.digest), false);
    assert.equal(await catalog.isPinned(A, v2.digest), true);
    const [pin] = await collect(catalog.pins());
    assert.deepEqual([pin?.repository, pin?.reference, pin?.digest], [A, LATEST, v2.digest]);
    await catalog.dropTag(A, LATEST);
    assert.equal(await catalog.isPinned(A, v2.digest), false);
    await catalog.pointTag(A, LATEST, v2, 3);
    assert.equal(await catalog.isPinned(A, v2.digest), true, 'the pin waited for its tag');
    assert.equal(await catalog.unpin(A, LATEST), true);
    assert.equal(await catalog.unpin(A, LATEST), false);
    assert.equal(await catalog.isPinned(A, v2.digest), false);
  });

  it('on a digest stay there', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.recordManifest({ repository: A, descriptor: IMAGE, public: true, children: [], asked: 'child' });
    await catalog.pin(A, IMAGE.digest);
    assert.equal(await eraseUnneeded(catalog, IMAGE.digest), undefined);
    await catalog.unpin(A, IMAGE.digest);
    assert.deepEqual(await eraseUnneeded(catalog, IMAGE.digest), []);
  });
});

describe('Catalog: uses', () => {
  it('are kept in memory, written in one batch with the flush, and coarse', async (t) => {
    const { catalog, clock, store } = await memoryCatalog(t);
    await catalog.recordManifest({ repository: A, descriptor: IMAGE, public: true, children: [], asked: 'digest' });
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: true });
    const writes = store.writes;
    const first = clock.now();
    for (let i = 0; i < 1000; i++) catalog.noteUse(A, IMAGE.digest, first + i);
    catalog.noteUse(A, LAYER.digest, first);
    assert.equal((await catalog.lastUse(A, IMAGE.digest))?.at, first + 999, 'a use counts before it is written');
    await catalog.flush();
    assert.equal(store.writes, writes + 1);
    catalog.noteUse(A, IMAGE.digest, first + 1000);
    await catalog.flush();
    assert.equal(store.writes, writes + 1, 'less than a minute later it is the same use');
  });

  it('of images are counted, with what is not written yet, and once each over flushes', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    await catalog.recordManifest({ repository: A, descriptor: IMAGE, public: true, children: [], asked: 'digest' });
    for (let i = 0; i < 3; i++) catalog.notePull(A, IMAGE.digest, clock.now());
    assert.equal(await catalog.pullsOf(A, IMAGE.digest), 3);
    await catalog.flush();
    await catalog.flush();
    catalog.notePull(A, IMAGE.digest, clock.now());
    assert.equal(await catalog.pullsOf(A, IMAGE.digest), 4);
    await catalog.flush();
    assert.equal(await catalog.pullsOf(A, IMAGE.digest), 4);
    assert.equal(await catalog.pullsOf(B, IMAGE.digest), 0);
  });

  it('are flushed every few seconds', async (t) => {
    const { catalog, clock, store } = await memoryCatalog(t);
    await catalog.recordBlob({ repository: A, descriptor: LAYER, public: true });
    const writes = store.writes;
    catalog.noteUse(A, LAYER.digest, clock.now());
    await clock.advance(5000);
    assert.equal(store.writes, writes + 1);
  });

  it('of what was deleted meanwhile are not written', async (t) => {
    const { catalog, clock, store } = await memoryCatalog(t);
    catalog.noteUse(A, LAYER.digest, clock.now());
    await catalog.flush();
    assert.deepEqual(await collect(store.scan('used ')), []);
  });

  it('age by running time: a clock that jumps makes nothing old', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    await catalog.recordManifest({ repository: A, descriptor: IMAGE, public: true, children: [], asked: 'digest' });
    catalog.noteUse(A, IMAGE.digest, clock.now());
    const before = catalog.runningTime;
    clock.jump(400 * 24 * 3600_000);
    assert.equal(catalog.runningTime, before);
    await clock.advance(60_000);
    assert.equal(catalog.runningTime - ((await catalog.lastUse(A, IMAGE.digest))?.ran ?? 0), 60_000);
  });
});

describe('Catalog: failing writes', () => {
  const blob = { repository: A, descriptor: LAYER, public: true };

  it('is back before the next acknowledgement when a write failed for an unknown reason', async (t) => {
    const { catalog, store } = await memoryCatalog(t);
    const seen: string[] = [];
    catalog.onStateChange((health) => seen.push(health));
    store.failNextWrite('failed');
    await assert.rejects(catalog.recordBlob(blob), (error) => isAppError(error, 'INDEX_FAILED'));
    assert.equal(catalog.health, 'failed');
    await catalog.recordBlob(blob);
    assert.notEqual(await catalog.link(A, LAYER.digest), undefined);
    assert.deepEqual(seen, ['failed', 'ready']);
  });

  it('forgets what it remembered when a write may have been made although it failed', async (t) => {
    const { catalog, store } = await memoryCatalog(t);
    assert.equal(await catalog.link(A, LAYER.digest), undefined);
    store.failNextWrite('failed', { written: true });
    await assert.rejects(catalog.recordBlob(blob));
    await catalog.recover();
    assert.notEqual(await catalog.link(A, LAYER.digest), undefined);
  });

  it('is full without space, goes on reading, and recovers by itself', async (t) => {
    const { catalog, store, clock } = await memoryCatalog(t);
    await catalog.recordBlob(blob);
    store.hasSpace = false;
    store.failNextWrite('full');
    const full = (error: unknown) => isAppError(error, 'STORE_FULL');
    await assert.rejects(catalog.forgetBlob(LAYER.digest), full);
    await clock.advance(5000);
    assert.equal(catalog.health, 'full');
    await assert.rejects(catalog.recordBlob({ ...blob, repository: B }), full);
    assert.notEqual(await catalog.link(A, LAYER.digest), undefined);
    catalog.noteUse(A, LAYER.digest, clock.now());
    store.hasSpace = true;
    await clock.advance(5000);
    assert.equal(catalog.health, 'ready');
    await catalog.flush();
    assert.equal((await collect(store.scan('used '))).length, 1, 'uses noted meanwhile are not lost');
  });

  it('runs turns one after the other, each seeing what it changed and what came before', async (t) => {
    const { catalog } = await memoryCatalog(t);
    const key = 'meta ran';
    const add = () =>
      catalog.turn(async (tx) => {
        const value = (await tx.get<number>(key)) ?? 0;
        await new Promise((resolve) => setImmediate(resolve));
        tx.put<number>(key, value + 1);
        assert.equal(await tx.get<number>(key), value + 1);
        return value;
      });
    assert.deepEqual(await Promise.all([add(), add(), add()]), [0, 1, 2]);
  });

  it('scans within a turn as if its changes were made', async (t) => {
    const { catalog } = await memoryCatalog(t);
    await catalog.turn((tx) => ['x b', 'x d', 'x f'].forEach((key) => tx.put<number>(key, 1)));
    await catalog.turn(async (tx) => {
      for (const key of ['x a', 'x d', 'x e', 'x g', 'y']) tx.put<number>(key, 2);
      tx.delete('x f');
      assert.deepEqual(await collect(tx.scan<number>('x ')), [
        ['x a', 2],
        ['x b', 1],
        ['x d', 2],
        ['x e', 2],
        ['x g', 2],
      ]);
      assert.deepEqual(
        (await collect(tx.scan<number>('x ', 'x d'))).map(([key]) => key),
        ['x e', 'x g'],
      );
    });
  });

  it('writes nothing of a turn that throws', async (t) => {
    const { catalog, store } = await memoryCatalog(t);
    const writes = store.writes;
    await assert.rejects(
      catalog.turn((tx) => {
        tx.put<number>('x', 1);
        throw new Error('changed my mind');
      }),
      /changed my mind/,
    );
    assert.equal(store.writes, writes);
  });
});
