import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rangePicker, UnsatisfiableRange } from '../../src/registry/range.js';

const ETAG = '"sha256:x"';
const pick = (header: string | undefined, size = 2048, ifRange?: string) => rangePicker(header, ifRange, ETAG)(size);

describe('the Range header', () => {
  it('is absent: the whole blob', () => assert.equal(pick(undefined), undefined));
  it('names a part, a rest or a tail', () => {
    assert.deepEqual(pick('bytes=500-1499'), { start: 500, end: 1500, openEnded: false });
    assert.deepEqual(pick('bytes=500-'), { start: 500, end: 2048, openEnded: true });
    assert.deepEqual(pick('bytes=-500'), { start: 1548, end: 2048, openEnded: false });
  });
  it('is clamped to the blob', () =>
    assert.deepEqual(pick('bytes=2000-5000'), { start: 2000, end: 2048, openEnded: false }));
  it('is the whole blob for a tail that is longer', () =>
    assert.deepEqual(pick('bytes=-5000'), { start: 0, end: 2048, openEnded: false }));
  it('is refused, with the size, when it lies outside', () => {
    for (const header of ['bytes=5000-', 'bytes=2048-2048', 'bytes=-0', 'bytes=7-3']) {
      assert.throws(
        () => pick(header),
        (error) => error instanceof UnsatisfiableRange && error.size === 2048,
        header,
      );
    }
    assert.throws(() => pick('bytes=0-', 0), UnsatisfiableRange);
  });
  it('gets the whole blob for several ranges, never one part of them, be it the only one there is', () => {
    for (const header of ['bytes=0-1,5-6', 'bytes=0-1, 5000-6000', 'bytes=0-1,']) assert.equal(pick(header), undefined);
  });
  it('gets the whole blob when it is malformed or of another unit', () => {
    for (const header of ['bytes', 'bytes=a-b', 'lines=1-2']) assert.equal(pick(header), undefined, header);
  });
  it('counts only when If-Range names this blob', () => {
    assert.deepEqual(pick('bytes=0-9', 2048, ETAG), { start: 0, end: 10, openEnded: false });
    assert.equal(pick('bytes=0-9', 2048, '"sha256:y"'), undefined);
  });
});
