import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Slots, type Slot } from '../../src/upstream/slots.js';
import type { Priority } from '../../src/upstream/upstream.js';
import { ManualClock } from '../support/manual-clock.js';
import { failsWith } from './support.js';

const never = new AbortController().signal;
const as = (priority: Priority) => () => priority;

function slots(limit: number) {
  const clock = new ManualClock();
  const subject = new Slots({ upstream: 'example.com', limit, clock });
  const order: string[] = [];
  const held = new Map<string, Slot>();
  const take = (name: string, priority: () => Priority) =>
    subject.acquire(priority, never).then((slot) => {
      order.push(name);
      held.set(name, slot);
    });
  const settled = () => clock.advance(0);
  return { clock, subject, order, held, take, settled };
}

describe('slots', () => {
  it('serve live before prefetch before idle, and each class in order of arrival', async () => {
    const { order, held, take, settled } = slots(1);
    const names = ['p1', 'i1', 'l1', 'p2', 'l2'];
    await take('first', as('prefetch'));
    for (const name of names) void take(name, as(name[0] === 'l' ? 'live' : name[0] === 'p' ? 'prefetch' : 'idle'));
    for (let freed = 0; freed <= names.length; freed++) {
      await settled();
      held.get(order.at(-1)!)!.release();
    }
    assert.deepEqual(order, ['first', 'l1', 'l2', 'p1', 'p2', 'i1']);
  });

  it('ask again for the class whenever one falls free', async () => {
    const { order, held, take, settled } = slots(1);
    let joined: Priority = 'idle';
    await take('first', as('live'));
    void take('prefetch', as('prefetch'));
    void take('joined', () => joined);
    joined = 'live';
    held.get('first')!.release();
    await settled();
    assert.deepEqual(order, ['first', 'joined']);
  });

  it('take as many back from idle holders as live ones wait, and no more', async () => {
    const { held, take, settled } = slots(3);
    for (const name of ['a', 'b', 'c']) await take(name, as('idle'));
    void take('prefetch', as('prefetch'));
    await settled();
    const takenBack = () => ['a', 'b', 'c'].filter((name) => held.get(name)!.signal.aborted);
    assert.deepEqual(takenBack(), [], 'prefetch takes nothing back');
    void take('live', as('live'));
    await settled();
    assert.deepEqual(takenBack(), ['a']);
    assert.equal((held.get('a')!.signal.reason as Error).message, 'yielded');
  });

  it('spare one only when it is free and nobody waits, and take it back before an idle fill’s', async () => {
    const { subject, held, take, settled } = slots(2);
    await take('idle', as('idle'));
    const spare = subject.spare();
    assert.ok(spare);
    assert.equal(subject.spare(), undefined, 'none is free');
    void take('prefetch', as('prefetch'));
    await settled();
    assert.equal(spare.signal.aborted, false, 'prefetch takes nothing back');
    void take('live', as('live'));
    await settled();
    assert.deepEqual([spare.signal.aborted, held.get('idle')!.signal.aborted], [true, false]);
    spare.release();
    await settled();
    assert.ok(held.has('live'));
    held.get('idle')!.release();
    held.get('live')!.release();
    await settled();
    assert.deepEqual([subject.active, subject.waiting], [1, 0]);
    const again = subject.spare();
    again?.release();
    again?.release();
    assert.equal(subject.active, 1);
  });

  it('notice a holder that becomes idle while a live one waits', async () => {
    const { clock, held, take } = slots(1);
    let priority: Priority = 'live';
    await take('first', () => priority);
    void take('live', as('live'));
    priority = 'idle';
    await clock.advance(1000);
    assert.equal(held.get('first')!.signal.aborted, true);
  });

  it('are waited for five minutes at most', async () => {
    const { clock, subject, take } = slots(1);
    await take('first', as('live'));
    const waiting = assert.rejects(subject.acquire(as('live'), never), failsWith('OVERLOADED'));
    await clock.advance(5 * 60_000 + 1000);
    await waiting;
    assert.equal(clock.waiting, 0, 'no timer without waiters');
  });

  it('are not given to who has left', async () => {
    const { subject, order, held, take, settled } = slots(1);
    await take('first', as('live'));
    const stop = new AbortController();
    const left = assert.rejects(subject.acquire(as('live'), stop.signal), /gone/);
    void take('second', as('prefetch'));
    stop.abort(new Error('gone'));
    await left;
    held.get('first')!.release();
    held.get('first')!.release();
    await settled();
    assert.deepEqual(order, ['first', 'second']);
  });
});
