import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { Turns } from '../../src/registry/turns.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Asks so many times for so many bytes, and tells after each turn of the event loop who may go. */
function ask(turns: Turns, times: number, bytes: number) {
  const gone: number[] = [];
  for (let n = 0; n < times; n++) {
    const turn = turns.take(bytes);
    if (turn) void turn.then(() => gone.push(n));
    else gone.push(n);
  }
  return { gone, next: () => nextTurn() };
}

describe('the turns of the event loop', () => {
  it('let 32 MiB leave in each, in the order they were asked for', async () => {
    const { gone, next } = ask(new Turns(), 10, 8 * MiB);
    assert.deepEqual(gone, [0, 1, 2, 3]);
    await next();
    assert.deepEqual(gone, [0, 1, 2, 3, 4, 5, 6, 7]);
    await next();
    assert.deepEqual(gone, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('count what is little as 16 KiB', async () => {
    const { gone, next } = ask(new Turns(), 3000, 1);
    assert.equal(gone.length, 2048);
    await next();
    assert.equal(gone.length, 3000);
  });

  it('let go what is larger than any turn has room for', async () => {
    const { gone, next } = ask(new Turns(), 2, 100 * MiB);
    assert.deepEqual(gone, [0]);
    await next();
    assert.deepEqual(gone, [0, 1]);
  });

  it('are whole again when nobody waits', async () => {
    const turns = new Turns();
    ask(turns, 4, 8 * MiB);
    await nextTurn();
    assert.deepEqual(ask(turns, 5, 8 * MiB).gone, [0, 1, 2, 3]);
  });
});
