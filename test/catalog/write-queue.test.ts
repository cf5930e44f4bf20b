/** Turns that come together are written together, and none of them notices. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keys } from '../../src/catalog/keys.js';
import { StoredRecords } from '../../src/catalog/stored-records.js';
import type { Transaction } from '../../src/catalog/transaction.js';
import { WriteQueue } from '../../src/catalog/write-queue.js';
import { isAppError } from '../../src/lib/errors.js';
import { digest } from '../support/catalogs.js';
import { MemoryMetadataStore } from '../support/memory-metadata-store.js';

const manifest = (name: string) => keys.manifest(digest(name));
const RECORD = { children: [] };
const putting = (name: string) => (tx: Transaction) => tx.put(manifest(name), RECORD);

function open() {
  const store = new MemoryMetadataStore();
  const records = new StoredRecords(store);
  const queue = new WriteQueue({ store, records, check: () => Promise.resolve(), changed: () => undefined });
  const isStored = async (name: string) => (await store.get(manifest(name))) !== undefined;
  return { store, queue, isStored };
}

describe('turns', () => {
  it('that come while a batch is being written are the next batch together', async () => {
    const { store, queue, isStored } = open();
    const names = Array.from({ length: 20 }, (_, n) => `${n}`);
    await Promise.all([queue.turn(putting('first')), ...names.map((name) => queue.turn(putting(name)))]);
    assert.ok(store.writes <= 2, `${store.writes} batches`);
    for (const name of names) assert.ok(await isStored(name), name);
  });

  it('see what those before them in the batch have changed, and give their own results', async () => {
    const { queue } = open();
    const count = async (tx: Transaction) => {
      const children = [...((await tx.get(manifest('counted')))?.children ?? []), digest('child')];
      tx.put(manifest('counted'), { children });
      return children.length;
    };
    assert.deepEqual(await Promise.all([1, 2, 3, 4].map(() => queue.turn(count))), [1, 2, 3, 4]);
  });

  it('that fail leave nothing in the batch, not even what they do later, and take nobody with them', async () => {
    const { queue, isStored } = open();
    let late: (() => void) | undefined;
    const failing = queue.turn((tx) => {
      putting('failed')(tx);
      late = () => putting('late')(tx);
      throw new Error('no');
    });
    const good = queue.turn((tx) => {
      late?.();
      putting('good')(tx);
    });
    await assert.rejects(failing, /no/);
    await good;
    assert.deepEqual([await isStored('failed'), await isStored('late'), await isStored('good')], [false, false, true]);
  });

  it('are told of nothing before it is written, and all fail when their batch does', async () => {
    const { store, queue } = open();
    store.failNextWrite('failed');
    const writing = queue.turn(putting('a'));
    // It does nothing because of what the one before it does, so it may not be told that this is done.
    const relying = queue.turn(async (tx) => (await tx.get(manifest('a'))) !== undefined);
    const refused = queue.turn(async (tx) => {
      if (await tx.get(manifest('a'))) throw new Error('it is there already');
    });
    for (const turn of [writing, relying, refused]) {
      await assert.rejects(turn, (error) => isAppError(error, 'INDEX_FAILED'));
    }
    assert.equal(await queue.turn(async (tx) => (await tx.get(manifest('a'))) !== undefined), false);
  });

  it('that change nothing fail with no batch that comes after them', async () => {
    const { store, queue } = open();
    store.failNextWrite('failed');
    const reading = queue.turn((tx) => tx.get(manifest('a')));
    const writing = queue.turn(putting('b'));
    assert.equal(await reading, undefined);
    await assert.rejects(writing);
  });

  it('that need not last are not written with those that do', async () => {
    const { store, queue } = open();
    const wanted: (boolean | 'all' | undefined)[] = [];
    const write = store.write.bind(store);
    store.write = (batch, options?: { durable?: boolean | 'all' }) => {
      wanted.push(options?.durable);
      return write(batch);
    };
    await Promise.all([
      queue.turn(putting('a')),
      queue.turn(putting('b')),
      queue.turn(putting('c'), { durable: false }),
      queue.turn(putting('d')),
      queue.turn(putting('e'), { durable: 'all' }),
    ]);
    assert.deepEqual(wanted, [true, false, true, 'all']);
  });
});
