import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FillBody } from '../../src/cache/fill-body.js';
import { AppError } from '../../src/lib/errors.js';
import { collectUntilFailure } from '../content/support.js';

const FULL = new AppError('STORE_FULL', 'the disk is full');

/** Gives the text in pieces, then fails, and tells whether it was returned. */
function source(text: string, failure?: Error) {
  const state = { returned: false };
  const chunks = (async function* (): AsyncGenerator<Buffer, undefined> {
    try {
      for (const piece of text.match(/.{1,3}/g) ?? []) yield await Promise.resolve(Buffer.from(piece));
      if (failure) throw failure;
    } finally {
      state.returned = true;
    }
  })();
  return { chunks, state };
}

/** A fill from offset 10 on. */
function fill(first: AsyncGenerator<Buffer, undefined>, past: AsyncGenerator<Buffer, undefined> = source('').chunks) {
  const seen = { whole: 0, past: [] as number[] };
  const rest = (from: number) => {
    seen.past.push(from);
    return past;
  };
  return { seen, body: new FillBody({ follower: first, from: 10, rest, onWhole: () => seen.whole++ }) };
}

describe('the body of a fill', () => {
  it('gives what the spool has, and tells once when that was all', async () => {
    const { seen, body } = fill(source('0123456789').chunks);
    const { got, failure } = await collectUntilFailure(body);
    assert.deepEqual([got.toString(), failure], ['0123456789', undefined]);
    await body.next();
    assert.deepEqual(seen, { whole: 1, past: [] });
  });

  it('goes on past the store, at the byte where the spool had no room for more', async () => {
    const { seen, body } = fill(source('01234', FULL).chunks, source('56789').chunks);
    const { got, failure } = await collectUntilFailure(body);
    assert.deepEqual([got.toString(), failure], ['0123456789', undefined]);
    assert.deepEqual(seen, { whole: 1, past: [15] });
  });

  it('fails with what else befalls the spool, or with what befalls it past the store', async () => {
    const broken = new AppError('UPSTREAM_INVALID', 'wrong bytes');
    const first = fill(source('01', broken).chunks);
    assert.equal((await collectUntilFailure(first.body)).failure, broken);
    assert.deepEqual(first.seen, { whole: 0, past: [] });
    const second = fill(source('01', FULL).chunks, source('23', FULL).chunks);
    assert.equal((await collectUntilFailure(second.body)).failure, FULL);
    assert.deepEqual(second.seen, { whole: 0, past: [12] });
  });

  it('ends what it is reading when its client leaves', async () => {
    for (const failure of [undefined, FULL]) {
      const [first, past] = [source('01234', failure), source('56789')];
      const { seen, body } = fill(first.chunks, past.chunks);
      let chunks = 0;
      for await (const chunk of body) if (chunk.length > 0 && ++chunks === (failure ? 3 : 1)) break;
      assert.deepEqual([first.state.returned, past.state.returned], [true, failure !== undefined]);
      assert.equal((await body.next()).done, true);
      assert.equal(seen.whole, 0);
    }
  });
});
