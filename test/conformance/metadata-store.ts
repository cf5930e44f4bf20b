/** What every engine of the MetadataStore port must do. An engine's test file calls it with a way to open an empty one. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { isAppError } from '../../src/lib/errors.js';
import type { MetadataStore, Mutation, Part } from '../../src/metadata/metadata-store.js';

const put = (key: string, value = key): Mutation => ({ type: 'put', key, value });
const remove = (key: string): Mutation => ({ type: 'delete', key });

async function entries(store: MetadataStore, prefix: string, after?: string): Promise<(readonly [string, string])[]> {
  const found: (readonly [string, string])[] = [];
  for await (const entry of store.scan(prefix, after)) found.push(entry);
  return found;
}

export function metadataStoreConformance(name: string, openEmpty: (t: TestContext) => Promise<MetadataStore>): void {
  describe(`${name} as a metadata store`, () => {
    it('gives back what was written, and undefined for what was not', async (t) => {
      const store = await openEmpty(t);
      await store.write([put('a', 'one'), put('b', '')]);
      assert.equal(await store.get('a'), 'one');
      assert.equal(await store.get('b'), '');
      assert.equal(await store.get('c'), undefined);
      assert.equal(store.state, 'ready');
    });

    it('writes a batch in its order: the last word on a key counts', async (t) => {
      const store = await openEmpty(t);
      await store.write([put('a', 'old')]);
      await store.write([put('a', 'new'), remove('a'), put('b', '1'), remove('never there'), put('b', '2')]);
      assert.equal(await store.get('a'), undefined);
      assert.equal(await store.get('b'), '2');
    });

    it('takes an empty batch', async (t) => {
      const store = await openEmpty(t);
      await store.write([]);
      assert.deepEqual(await entries(store, ''), []);
    });

    it('takes a write that need not be durable', async (t) => {
      const store = await openEmpty(t);
      await store.write([put('a')], { durable: false });
      assert.equal(await store.get('a'), 'a');
    });

    it('scans in byte order what begins with the prefix, and nothing else', async (t) => {
      const store = await openEmpty(t);
      await store.write(['p b', 'p a', 'p', 'q a', 'p a b', 'o z', 'pa'].map((key) => put(key)));
      assert.deepEqual(
        (await entries(store, 'p ')).map(([key]) => key),
        ['p a', 'p a b', 'p b'],
      );
      assert.deepEqual(
        (await entries(store, '')).map(([key]) => key),
        ['o z', 'p', 'p a', 'p a b', 'p b', 'pa', 'q a'],
      );
      assert.deepEqual(await entries(store, 'r '), []);
    });

    it('scans from after a key, whether that key is there or not', async (t) => {
      const store = await openEmpty(t);
      await store.write(['p 1', 'p 3', 'p 5', 'q 1'].map((key) => put(key)));
      const after = async (key: string) => (await entries(store, 'p ', key)).map(([found]) => found);
      assert.deepEqual(await after('p 3'), ['p 5']);
      assert.deepEqual(await after('p 2'), ['p 3', 'p 5']);
      assert.deepEqual(await after('a'), ['p 1', 'p 3', 'p 5']);
      assert.deepEqual(await after('p 9'), []);
    });

    it('scans many more entries than a page, each once, also when some change meanwhile', async (t) => {
      const store = await openEmpty(t);
      const keys = Array.from({ length: 5000 }, (_, i) => `n ${i.toString().padStart(6, '0')}`);
      await store.write(keys.map((key) => put(key)));
      const seen: string[] = [];
      for await (const [key] of store.scan('n ')) {
        seen.push(key);
        if (seen.length === 10) await store.write([remove(keys[4999]!), put('n 9', 'late')]);
      }
      const steady = seen.filter((key) => key !== keys[4999] && key !== 'n 9');
      assert.deepEqual(steady, keys.slice(0, 4999));
    });

    it('gives the same in pages, all of it or a part', async (t) => {
      const store = await openEmpty(t);
      const keys = Array.from({ length: 2500 }, (_, number) => `n ${String(number).padStart(4, '0')}`);
      await store.write([...keys.map((key) => put(key)), put('m'), put('o')]);
      const paged = async (part?: Part) => {
        const found: string[] = [];
        for await (const page of store.pages('n ', part)) found.push(...page.map(([key]) => key));
        return found;
      };
      assert.deepEqual(await paged(), keys);
      assert.deepEqual(await paged({ from: '0700', before: '1900' }), keys.slice(700, 1900));
      assert.deepEqual(await paged({ from: '07', before: '0702!' }), keys.slice(700, 703));
      assert.deepEqual(await paged({ from: '3', before: '4' }), []);
    });

    it('can be opened again and has everything', async (t) => {
      const store = await openEmpty(t);
      await store.write([put('a')]);
      await store.reopen();
      assert.equal(await store.get('a'), 'a');
      await store.write([put('b')]);
      assert.equal(await store.get('b'), 'b');
    });

    it('refuses everything once closed, and closes twice', async (t) => {
      const store = await openEmpty(t);
      await store.close();
      await store.close();
      const refused = (error: unknown) => isAppError(error, 'INDEX_FAILED');
      await assert.rejects(async () => store.get('a'), refused);
      await assert.rejects(async () => store.write([put('a')]), refused);
      await assert.rejects(async () => entries(store, ''), refused);
    });
  });
}
