import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DigestSet } from '../../../src/cache/collect/digest-set.js';
import { digestOf, parseDigest } from '../../../src/oci/digest.js';

describe('a set of digests', () => {
  it('has what was added and nothing else, however large it grows', () => {
    const set = new DigestSet();
    const digest = (number: number) => digestOf(Buffer.from(String(number)), number % 3 === 0 ? 'sha512' : 'sha256');
    for (let number = 0; number < 20_000; number += 2) {
      set.add(digest(number));
      set.add(digest(number));
    }
    assert.equal(set.size, 10_000);
    for (let number = 0; number < 20_000; number++) assert.equal(set.has(digest(number)), number % 2 === 0);
  });

  it('takes digests that begin with zeros', () => {
    const set = new DigestSet();
    const zeros = parseDigest(`sha256:${'0'.repeat(64)}`);
    assert.equal(set.has(zeros), false);
    set.add(zeros);
    assert.equal(set.has(zeros), true);
  });
});
