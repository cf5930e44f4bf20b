import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration, parseSize } from '../../src/config/quantities.js';

describe('parseSize', () => {
  for (const [text, bytes] of [
    ['10GiB', 10 * 2 ** 30],
    ['512MB', 512_000_000],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['1 KiB', 1024],
    ['0', 0],
    [0, 0],
    [4096, 4096],
    ['7B', 7],
    ['2kB', 2000],
  ] as const) {
    it(`takes ${text} for ${bytes} bytes`, () => assert.equal(parseSize(text), bytes));
  }

  for (const bad of [
    '',
    'GiB',
    '10gib',
    '10 G',
    '10Gb',
    '-1',
    -1,
    '1e9',
    '1,5GiB',
    '0x10',
    '9999PiB',
    '١GiB',
    null,
    {},
    true,
  ]) {
    it(`rejects ${JSON.stringify(bad)}`, () =>
      assert.throws(() => parseSize(bad), /is no size; expected one such as 10GiB/));
  }
});

describe('parseDuration', () => {
  for (const [text, ms] of [
    ['90s', 90_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['250ms', 250],
    ['1m1ms', 60_001],
    ['0s', 0],
    ['0', 0],
    [0, 0],
  ] as const) {
    it(`takes ${text} for ${ms} ms`, () => assert.equal(parseDuration(text), ms));
  }

  for (const bad of ['', '90', 90, 's', '30m1h', '1h1h', '1.5h', '-1s', '1 h', '1H', '5min', null, []]) {
    it(`rejects ${JSON.stringify(bad)}`, () =>
      assert.throws(() => parseDuration(bad), /is no duration; expected one such as 90s/));
  }

  it('reads back every duration that was printed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e13 }), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)),
    );
    assert.equal(formatDuration(5_400_000), '1h30m');
    assert.equal(formatDuration(0), '0s');
  });
});
