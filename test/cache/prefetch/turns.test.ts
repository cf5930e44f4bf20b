import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../../src/cache/prefetch/turns.js';
import { deferred } from '../../../src/lib/async.js';

const never = new AbortController().signal;

describe('turns', () => {
  it('let owners take turns, however much one of them asks for', async () => {
    const turns = new Turns(1);
    const order: string[] = [];
    const gate = deferred<undefined>();
    const [a, b] = [{}, {}];
    const ask = (owner: object, name: string) =>
      turns.run(owner, () => (order.push(name), name === 'a0' ? gate.promise : Promise.resolve(undefined)), never);
    const all = [ask(a, 'a0'), ask(a, 'a1'), ask(a, 'a2'), ask(a, 'a3'), ask(b, 'b1'), ask(b, 'b2')];
    gate.resolve(undefined);
    await Promise.all(all);
    assert.deepEqual(order, ['a0', 'a1', 'b1', 'a2', 'b2', 'a3']);
  });

  it('never run more at once than they may, also when tasks fail or waiters leave', async () => {
    const turns = new Turns(2);
    let running = 0;
    let most = 0;
    const leaving = new AbortController();
    const task = async (i: number) => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      if (i % 3 === 0) throw new Error('failed');
    };
    const all = Array.from({ length: 30 }, (_, i) =>
      turns.run({}, () => task(i), i % 5 === 4 ? leaving.signal : never),
    );
    leaving.abort(new Error('left'));
    const results = await Promise.allSettled(all);
    const reasons = results.map((each) => (each.status === 'rejected' ? (each.reason as Error).message : 'done'));
    assert.equal(most, 2);
    assert.ok(reasons.every((reason, i) => reason === (i % 5 === 4 ? 'left' : i % 3 === 0 ? 'failed' : 'done')));
    // Nothing was lost: both are free again.
    await Promise.all([1, 2].map(() => turns.run({}, () => Promise.resolve(), never)));
  });

  it('refuse whoever has left before', async () => {
    await assert.rejects(
      new Turns(1).run({}, () => Promise.resolve(), AbortSignal.abort(new Error('left'))),
      /left/,
    );
  });
});
