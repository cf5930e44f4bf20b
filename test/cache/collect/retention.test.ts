/** What is chosen to go, and what saves it between the choice and the turn that drops it. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { cascade } from '../../../src/cache/collect/eraser.js';
import { dropImages } from '../../../src/cache/collect/eviction.js';
import { ImaginedEraser } from '../../../src/cache/collect/imagined-eraser.js';
import { named, Retention } from '../../../src/cache/collect/retention.js';
import { StoredEraser } from '../../../src/cache/collect/stored-eraser.js';
import { candidatesOf } from '../../../src/catalog/edges.js';
import { keys } from '../../../src/catalog/keys.js';
import { deferred } from '../../../src/lib/async.js';
import { parseTag } from '../../../src/oci/reference.js';
import { eventually } from '../../support/eventually.js';
import { Collected, digest, GRACE, repositoryOf, type TestImage } from '../support/collected.js';

const IMAGES: readonly TestImage[] = [
  ...['a', 'b', 'c', 'd'].map((name) => ({ name, children: [] })),
  { name: 'parent', children: ['child'] },
  { name: 'referrer', children: [], subject: 'parent' },
];

async function open(context: TestContext) {
  const cache = await Collected.open(context, IMAGES);
  const inUse = (each: ReturnType<typeof digest>) => cache.inUse.has(each);
  const parts = { catalog: cache.catalog, store: cache.store, digestLocks: cache.locks, inUse };
  return { cache, parts, retention: new Retention(parts) };
}

const candidates = (cache: Collected, names: readonly string[]) =>
  candidatesOf(
    cache.catalog.records,
    names.map((name) => digest(name)),
  );

/** Its bytes are lost and fetched anew. For whoever holds the lock of its digest. */
async function storeAgain({ clock, catalog, store }: Collected, name: string, later = 1): Promise<void> {
  const descriptor = { digest: digest(name), size: 100, mediaType: 'application/octet-stream' };
  await catalog.forgetBlob(descriptor.digest);
  await clock.advance(later);
  await store.put(descriptor.digest, descriptor.size);
  await catalog.recordBlob({ repository: repositoryOf(), descriptor, public: true });
}

/** Holds the lock of a digest from when `begin` first asks for it, for `meanwhile`. Resolves when what was begun is over. */
async function whileItWaits(
  { locks }: Collected,
  name: string,
  begin: () => Promise<unknown>,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const released = deferred<undefined>();
  const holding = locks.run(digest(name), () => released.promise);
  let waits = false;
  const run = locks.run.bind(locks);
  locks.run = (key, task) => {
    waits ||= key === digest(name);
    return run(key, task);
  };
  const begun = begin();
  await eventually(() => waits, `${name} is about to go`);
  await meanwhile();
  released.resolve(undefined);
  await Promise.all([holding, begun]);
}

describe('the least recently pulled images', () => {
  it('are chosen from any number, in order; one whose use is not known is as new as can be', async (context) => {
    const { cache, retention } = await open(context);
    for (const name of ['d', 'parent']) {
      await cache.manifest(name, repositoryOf(), 'tag', name);
      await cache.clock.advance(1);
    }
    for (const name of ['c', 'a', 'b']) {
      await cache.pull(name);
      await cache.clock.advance(1000);
    }
    const chosen = async (most: number) =>
      (await retention.leastRecent(most, () => true)).map(({ root }) =>
        IMAGES.map(({ name }) => name).find((name) => digest(name) === root.digest),
      );
    assert.deepEqual(await chosen(1), ['c']);
    assert.deepEqual(await chosen(10), ['c', 'a', 'b', 'd', 'parent']);
  });
});

describe('an image of which only its root is known', () => {
  it('is chosen by that', async (context) => {
    const { cache, retention } = await open(context);
    await cache.pull('a');
    await cache.clock.advance(1000);
    const known = { repository: repositoryOf(), digest: digest('known by its root') };
    await cache.catalog.turn((tx) => tx.put(keys.root(known.digest, known.repository), { by: 'tag', at: 0 }));
    const chosen = await retention.leastRecent(10, () => true);
    assert.deepEqual(
      chosen.map(({ root }) => root.digest),
      [digest('a'), known.digest],
    );
  });
});

describe('images of one moment', () => {
  it('are chosen in the order in which they came to be roots', async (context) => {
    const { cache, retention } = await open(context);
    await cache.manifest('d', repositoryOf(), 'tag', 'd');
    await cache.clock.advance(1);
    for (const name of ['c', 'a', 'b']) {
      await cache.manifest(name, repositoryOf(), 'tag', name);
      cache.clock.jump(1);
    }
    cache.catalog.noteUse(repositoryOf(), digest('d'), cache.clock.now());
    for (const name of ['a', 'c', 'b']) cache.catalog.noteUse(repositoryOf(), digest(name), cache.clock.now());
    const chosen = await retention.leastRecent(10, () => true);
    assert.deepEqual(
      chosen.map(({ root }) => root.digest),
      ['d', 'c', 'a', 'b'].map(digest),
    );
  });
});

describe('images that a rebuild of the index has found', () => {
  it('are as old as their last use, or their storing after that, not as the rebuild', async (context) => {
    const { cache, retention } = await open(context);
    for (const name of ['c', 'a', 'b']) {
      await cache.pull(name);
      await cache.clock.advance(1000);
    }
    cache.catalog.noteUse(repositoryOf(), digest('a'), cache.clock.now());
    await cache.clock.advance(1000);
    const storedAgain = cache.catalog.runningTime;
    await cache.clock.advance(1000);
    await cache.catalog.turn(async (tx) => {
      for (const name of ['a', 'b', 'c']) {
        const key = keys.blob(digest(name));
        const recovered = { ran: cache.catalog.runningTime, recoveredAt: cache.clock.now() };
        tx.put(key, { ...(await tx.get(key))!, ...recovered, ...(name === 'c' && { ranBefore: storedAgain }) });
      }
    });
    const chosen = await retention.leastRecent(10, () => true);
    assert.deepEqual(
      chosen.map(({ root }) => root.digest),
      ['b', 'a', 'c'].map(digest),
    );
  });
});

describe('an image that is stored again', () => {
  it('is as new as one that is pulled, though nobody has noted a use of it', async (context) => {
    const { cache, retention } = await open(context);
    await cache.pull('a');
    await cache.clock.advance(1000);
    await cache.pull('b');
    await cache.clock.advance(1000);
    await cache.catalog.forgetBlob(digest('a'));
    cache.store.sizes.delete(digest('a'));
    await cache.manifest('a', repositoryOf(), 'tag', 'a');
    const chosen = await retention.leastRecent(10, () => true);
    assert.deepEqual(
      chosen.map(({ root }) => root.digest),
      ['b', 'a'].map(digest),
    );
  });
});

describe('an image that was chosen', () => {
  const a = { repository: repositoryOf(), digest: digest('a') };
  const saves: Record<string, (cache: Collected) => unknown> = {
    'a use': (cache) => cache.catalog.noteUse(a.repository, a.digest, cache.clock.now()),
    'a pin': (cache) => cache.catalog.pin(a.repository, parseTag('a')),
    'a job': (cache) => {
      cache.inUse.add(a.digest);
    },
    'its storing': async (cache) => {
      await cache.catalog.forgetBlob(a.digest);
      cache.store.sizes.delete(a.digest);
      await cache.manifest('a', a.repository, 'tag', 'a');
    },
    'that another has dropped it': (cache) =>
      cache.catalog.turn((tx) => {
        tx.delete(keys.root(a.digest, a.repository));
      }),
  };
  for (const [what, save] of Object.entries(saves)) {
    for (const Eraser of [StoredEraser, ImaginedEraser]) {
      it(`is left out when ${what} came in between: ${Eraser.name}`, async (context) => {
        const { cache, parts, retention } = await open(context);
        for (const name of ['a', 'b']) await cache.pull(name);
        await cache.clock.advance(1000);
        const victims = await named(cache.catalog, await retention.leastRecent(10, () => true));
        await save(cache);
        const eraser = new Eraser(parts);
        const dropped = await eraser.dropRoots(victims);
        assert.deepEqual(
          dropped.map(({ root, tags }) => [root.digest, tags]),
          [[digest('b'), ['b']]],
        );
      });
    }
  }

  it('takes no tag with it that points elsewhere by then', async (context) => {
    const { cache, parts, retention } = await open(context);
    await cache.pull('a', { tag: 'latest' });
    await cache.pull('a', { by: 'digest' });
    await cache.clock.advance(1000);
    const victims = await named(cache.catalog, await retention.leastRecent(10, () => true));
    await cache.clock.advance(1000);
    await cache.pull('b', { tag: 'latest' });
    assert.equal((await new StoredEraser(parts).dropRoots(victims)).length, 1);
    assert.equal((await cache.catalog.tag(repositoryOf(), parseTag('latest')))?.digest, digest('b'));
  });
});

describe('what something needs', () => {
  for (const Eraser of [StoredEraser, ImaginedEraser]) {
    it(`is not erased, and goes once nothing does: ${Eraser.name}`, async (context) => {
      const { cache, parts, retention } = await open(context);
      await cache.pull('parent');
      await cache.pull('referrer', { by: 'digest' });
      await cache.clock.advance(1000);
      const all = ['parent', 'child', 'referrer'];
      const eraser = new Eraser(parts);
      const erase = async (names: readonly string[]) =>
        (await eraser.erase(await candidates(cache, names))).map((erased) => erased.digest);
      assert.deepEqual(await erase(all), [], 'by a root, a parent, a root');
      const victims = await named(cache.catalog, await retention.leastRecent(10, () => true));
      await eraser.dropRoots(victims.filter(({ root }) => root.digest === digest('referrer')));
      assert.deepEqual(await erase(all), [], 'the last by its subject');
      await eraser.dropRoots(victims.filter(({ root }) => root.digest === digest('parent')));
      await cache.catalog.pin(repositoryOf(), digest('parent'));
      assert.deepEqual(await erase(all), [], 'by a pin');
      await cache.catalog.unpin(repositoryOf(), digest('parent'));
      const gone: string[] = [];
      for (const each of all) gone.push(...(await erase([each])));
      assert.deepEqual(gone, all.map(digest));
    });
  }
});

describe('what a job works on', () => {
  for (const Eraser of [StoredEraser, ImaginedEraser]) {
    it(`is not erased, though nothing else needs it: ${Eraser.name}`, async (context) => {
      const { cache, parts } = await open(context);
      for (const name of ['x', 'y']) await cache.layer(name);
      cache.inUse.add(digest('x'));
      const erased = await new Eraser(parts).erase(await candidates(cache, ['x', 'y']));
      assert.deepEqual(
        erased.map((each) => each.digest),
        [digest('y')],
      );
    });
  }
});

describe('what is stored again after it was chosen', () => {
  for (const Eraser of [StoredEraser, ImaginedEraser]) {
    it(`stays, whether it was there before or not: ${Eraser.name}`, async (context) => {
      const { cache, parts } = await open(context);
      const names = ['lost', 'absent', 'pulled through another repository'];
      await cache.layer('lost');
      await cache.layer('pulled through another repository');
      const chosen = await candidates(cache, names);
      await storeAgain(cache, 'lost');
      await cache.layer('absent');
      await cache.layer('pulled through another repository', repositoryOf('library/other'));
      assert.deepEqual(await new Eraser(parts).erase(chosen), []);
      assert.deepEqual(await cache.stored(names), names);
    });
  }

  it('stays, when it comes as a sweep is about to take what was there', async (context) => {
    const { cache } = await open(context);
    await cache.layer('x');
    await cache.clock.advance(GRACE);
    await whileItWaits(
      cache,
      'x',
      () => cache.collect(),
      () => storeAgain(cache, 'x'),
    );
    assert.deepEqual(await cache.stored(['x']), ['x']);
  });

  it('stays, when it comes as it is about to go with an image that named it', async (context) => {
    const { cache, parts } = await open(context);
    await cache.pull('parent');
    await cache.catalog.dropRoot(repositoryOf(), digest('parent'));
    const eraser = new StoredEraser(parts);
    const erase = async () => cascade(await candidates(cache, ['parent']), { eraser, gone: () => undefined });
    await whileItWaits(cache, 'child', erase, () => storeAgain(cache, 'child'));
    assert.deepEqual(await cache.stored(['parent', 'child']), ['child']);
  });

  for (const Eraser of [StoredEraser, ImaginedEraser]) {
    it(`stays, when an image that names it was chosen before it came: ${Eraser.name}`, async (context) => {
      const { cache, parts, retention } = await open(context);
      await cache.pull('parent');
      await cache.clock.advance(1000);
      const victims = await retention.leastRecent(10, () => true);
      await storeAgain(cache, 'child', 0);
      const gone: string[] = [];
      const dropping = {
        catalog: cache.catalog,
        eraser: new Eraser(parts),
        removed: () => undefined,
        gone: (erased: { readonly digest: string }) => gone.push(erased.digest),
      };
      assert.equal((await dropImages(dropping, victims, 'evicted')).length, 1);
      assert.deepEqual(gone, [digest('parent')]);
      await cache.clock.advance(GRACE);
      await cache.collect();
      assert.deepEqual(await cache.stored(['child']), Eraser === StoredEraser ? [] : ['child']);
    });
  }

  it('is erased once, though it was a root of several repositories', async (context) => {
    const { cache, parts } = await open(context);
    await cache.layer('x');
    const [x] = await candidates(cache, ['x']);
    const gone: string[] = [];
    const eraser = new StoredEraser(parts);
    await cascade([x!, x!], { eraser, gone: (erased) => gone.push(erased.digest) });
    assert.deepEqual(gone, [digest('x')]);
  });
});
