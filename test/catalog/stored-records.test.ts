import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Key } from '../../src/catalog/keys.js';
import { StoredRecords } from '../../src/catalog/stored-records.js';
import { MemoryMetadataStore } from '../support/memory-metadata-store.js';

const KEY: Key<number> = 'meta ran';
const put = (value: number) => [{ type: 'put', key: KEY, value: String(value) }] as const;

describe('StoredRecords', () => {
  it('answers from memory, and from the store again once the key was written', async () => {
    const store = new MemoryMetadataStore();
    const records = new StoredRecords(store);
    assert.equal(await records.get(KEY), undefined);
    await store.write(put(1));
    assert.equal(await records.get(KEY), undefined, 'absence is remembered');
    records.forget([KEY]);
    assert.equal(await records.get(KEY), 1);
  });

  it('does not remember what it read while a batch was written', async () => {
    const store = new MemoryMetadataStore();
    await store.write(put(1));
    const records = new StoredRecords(store);
    const reading = records.get(KEY);
    const written = store.write(put(2));
    records.forget([KEY]);
    await reading;
    await written;
    assert.equal(await records.get(KEY), 2);
  });
});
