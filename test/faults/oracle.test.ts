/** Who judges the lab's runs: a judge that lets everything pass would find nothing. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TAIL } from '../../src/content/spool.js';
import { FakeRegistry } from '../support/fake-registry.js';
import type { Answer } from '../support/http.js';
import { Library } from './lab/library.js';
import { isVerdict, Oracle } from './lab/oracle.js';
import { Random } from './lab/random.js';

const MiB = 1024 * 1024;

/** With one bit wrong at its start. */
function spoilt(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes);
  wrong[0]! ^= 1;
  return wrong;
}

describe('the judge of an answer', () => {
  let library: Library;
  let small: { readonly digest: string; readonly bytes: Buffer };
  let large: { readonly digest: string; readonly bytes: Buffer };

  before(async () => {
    library = Library.fill(await FakeRegistry.start({ after }), new Random(7), 40);
    const blobs = library.all.flatMap(({ images }) => images.flatMap(({ layers }) => layers));
    small = blobs.find(({ bytes }) => bytes.length > 1000 && bytes.length < MiB)!;
    large = blobs.find(({ bytes }) => bytes.length > MiB)!;
  });

  const answer = (body: Buffer, status: number, how: 'hit' | 'fwd=miss' | 'fwd=bypass' = 'hit'): Answer => ({
    status,
    headers: { 'cache-status': `cistern; ${how}` },
    body,
    complete: true,
  });

  it('finds a complete one that is wrong', () => {
    const oracle = new Oracle(library);
    oracle.judge(large.digest, answer(large.bytes, 200));
    assert.throws(() => oracle.judge(large.digest, answer(spoilt(large.bytes), 200, 'fwd=miss')), isVerdict);
  });

  it('finds a wrong range of what is stored, or of a small blob, wherever that comes from', () => {
    const oracle = new Oracle(library);
    const part = large.bytes.subarray(0, 100);
    oracle.judge(large.digest, answer(part, 206), { start: 0, end: 100 });
    assert.throws(() => oracle.judge(large.digest, answer(spoilt(part), 206), { start: 0, end: 100 }), isVerdict);
    for (const how of ['hit', 'fwd=miss', 'fwd=bypass'] as const) {
      const wrong = answer(spoilt(small.bytes.subarray(0, 100)), 206, how);
      assert.throws(() => oracle.judge(small.digest, wrong, { start: 0, end: 100 }), isVerdict);
    }
  });

  it('leaves a range of a large blob to the client while it is fetched, but for the end that is held back', () => {
    const oracle = new Oracle(library);
    const end = large.bytes.length - TAIL;
    const wrong = spoilt(large.bytes.subarray(end - 10, end));
    oracle.judge(large.digest, answer(wrong, 206, 'fwd=miss'), { start: end - 10, end });
    const late = spoilt(large.bytes.subarray(end - 10, end + 1));
    assert.throws(
      () => oracle.judge(large.digest, answer(late, 206, 'fwd=miss'), { start: end - 10, end: end + 1 }),
      isVerdict,
    );
  });
});
