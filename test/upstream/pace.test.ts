import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSteadily } from '../../src/upstream/pace.js';
import { ManualClock } from '../support/manual-clock.js';

const KiB = 1024;

/** A body whose chunks come `gap` ms apart, and what reading it with breaks of `rest` ms between chunks ends with. */
async function read(gap: number, size: number, count: number, { rest = 0, silence = 60_000 } = {}): Promise<string> {
  const clock = new ManualClock();
  const stalled = new AbortController();
  async function* source(): AsyncGenerator<Buffer> {
    for (let sent = 0; sent < count; sent++) {
      await clock.sleep(gap, stalled.signal);
      yield Buffer.alloc(size);
    }
  }
  const steady = readSteadily({
    source: source(),
    silence,
    clock,
    onStall: () => stalled.abort(new Error('stalled')),
    explain: (error) => error,
  });
  let over = false;
  const reading = (async () => {
    let bytes = 0;
    for await (const chunk of steady) {
      bytes += chunk.length;
      if (rest > 0) await clock.sleep(rest);
    }
    return String(bytes);
  })()
    .catch((error: unknown) => (error as Error).message)
    .finally(() => (over = true));
  while (!over) await clock.advance(500);
  assert.equal(clock.waiting, 0, 'nothing is left behind');
  return reading;
}

describe('the pace of a body', () => {
  it('is free above 1 KiB a second, for as long as it takes', async () => {
    assert.equal(await read(1000, 1100, 200), String(200 * 1100));
    assert.equal(await read(25_000, 64 * KiB, 10), String(640 * KiB));
  });

  it('ends the body when it is slower, however regular', async () => {
    assert.equal(await read(1000, 900, 200), 'stalled');
  });

  it('is judged again and again, not by a good beginning', async () => {
    const clock = new ManualClock();
    const stalled = new AbortController();
    async function* source(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(KiB * KiB);
      for (;;) {
        await clock.sleep(1000, stalled.signal);
        yield Buffer.alloc(10);
      }
    }
    const onStall = () => stalled.abort(new Error('stalled'));
    const steady = readSteadily({ source: source(), silence: 60_000, clock, onStall, explain: (error) => error });
    const reading = assert.rejects(async () => {
      for await (const chunk of steady) assert.ok(chunk.length > 0);
    }, /stalled/);
    for (let second = 0; second < 90; second++) await clock.advance(1000);
    await reading;
  });

  it('ends the body after one long silence', async () => {
    assert.equal(await read(6000, 64 * KiB, 5, { silence: 5000 }), 'stalled');
    assert.equal(await read(4000, 64 * KiB, 5, { silence: 5000 }), String(5 * 64 * KiB));
  });

  it('does not count the time that the consumer takes', async () => {
    assert.equal(await read(10, 100, 20, { rest: 60_000, silence: 5000 }), '2000');
  });
});
