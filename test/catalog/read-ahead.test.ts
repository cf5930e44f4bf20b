import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { keys, MARK, prefixes, type Key, type Prefix } from '../../src/catalog/keys.js';
import { ReadAhead } from '../../src/catalog/read-ahead.js';
import { StoredRecords, type Records } from '../../src/catalog/stored-records.js';
import type { Digest } from '../../src/oci/digest.js';
import { digest, repository, tag } from '../support/catalogs.js';
import { collect } from '../support/collect.js';
import { MemoryMetadataStore } from '../support/memory-metadata-store.js';

const DIGESTS = Array.from({ length: 12 }, (_, number) => digest(`${number}`)).sort();
const PLACES = [repository('team/app'), repository('team/other')];
const at = 1;

const of = <T>(key: Key<T>, value: NoInfer<T>) => ({ key, value });

/** Each kind of record that begins with a digest. */
const record = fc
  .record({
    kind: fc.nat(6),
    one: fc.constantFrom(...DIGESTS),
    other: fc.constantFrom(...DIGESTS),
    place: fc.constantFrom(...PLACES),
  })
  .map(({ kind, one, other, place }) => {
    switch (kind) {
      case 0:
        return of(keys.parent(one, other), MARK);
      case 1:
        return of(keys.root(one, place), { by: 'tag', at });
      case 2:
        return of(keys.pinned(one, place, tag('v1')), MARK);
      case 3:
        return of(keys.referrer(one, other), MARK);
      case 4:
        return of(keys.used(one, place), { at, ran: at });
      case 5:
        return of(keys.link(one, place), { checkedAt: at, ran: at });
      default:
        return of(keys.manifest(one), { children: [other] });
    }
  });

async function everythingOf(records: Records, each: Digest): Promise<unknown> {
  const scans = [
    prefixes.parentsOf(each),
    prefixes.rootsOf(each),
    prefixes.pinsOn(each),
    prefixes.referrersOf(each),
    prefixes.usesOf(each),
    prefixes.linksOf(each),
    prefixes.pinsIn(each, PLACES[0]!),
  ] as Prefix<unknown>[];
  const found = await Promise.all(scans.map((prefix) => collect(records.scan(prefix))));
  const first = found.flat().map(([key]) => key)[0];
  const after = first === undefined ? [] : await collect(records.scan(prefixes.parentsOf(each), first));
  return [found, after, await records.get(keys.manifest(each))];
}

describe('what was read ahead', () => {
  it('answers whatever is asked as the index does, about its digests and about others', async () => {
    const some = fc.uniqueArray(fc.constantFrom(...DIGESTS), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 60 }), some, async (written, ahead) => {
        const store = new MemoryMetadataStore();
        await store.write(
          written.map(({ key, value }) => ({ type: 'put' as const, key, value: JSON.stringify(value) })),
        );
        const index = new StoredRecords(store).fresh;
        const read = await ReadAhead.open(index, ahead.sort());
        for (const each of DIGESTS) assert.deepEqual(await everythingOf(read, each), await everythingOf(index, each));
      }),
      { numRuns: 100, seed: Number(process.env['FC_SEED'] ?? 4711) },
    );
  });
});
