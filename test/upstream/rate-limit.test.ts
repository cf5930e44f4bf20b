import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asOf, rateLimitOf, retryAfterOf } from '../../src/upstream/rate-limit.js';
import type { HttpResponse } from '../../src/upstream/transport.js';

const NOW = Date.parse('2026-01-31T12:00:00Z');
const IN_A_MINUTE = NOW + 60_000;

/** As far as rate limits are concerned. */
const response = (headers: Readonly<Record<string, string>>, status = 200) =>
  ({ status, header: (name: string) => headers[name] }) as unknown as HttpResponse;

describe('Retry-After', () => {
  for (const [form, headers] of [
    ['seconds', { 'retry-after': ' 60 ' }],
    ['an HTTP date', { 'retry-after': new Date(IN_A_MINUTE).toUTCString() }],
    ['seconds since the epoch', { 'retry-after': String(IN_A_MINUTE / 1000) }],
    ['seconds since the epoch, as Docker Hub has it', { 'x-retry-after': String(IN_A_MINUTE / 1000) }],
  ] as const) {
    it(`is read as ${form}`, () => assert.equal(retryAfterOf(response(headers), NOW), 60));
  }

  it('is the reset of the limit where a 429 says nothing else', () => {
    const headers = { 'ratelimit-limit': '10', 'ratelimit-reset': '42' };
    assert.equal(retryAfterOf(response(headers, 429), NOW), 42);
    assert.equal(retryAfterOf(response(headers, 503), NOW), undefined);
  });

  it('is never negative nor longer than a week', () => {
    assert.equal(retryAfterOf(response({ 'retry-after': new Date(NOW - 5000).toUTCString() }), NOW), 0);
    assert.equal(retryAfterOf(response({ 'retry-after': '99999999' }), NOW), 7 * 24 * 3600);
  });

  for (const nonsense of ['', 'soon', '1e3', '9'.repeat(400)]) {
    it(`says nothing as ${JSON.stringify(nonsense.slice(0, 10))}`, () =>
      assert.equal(retryAfterOf(response({ 'retry-after': nonsense }), NOW), undefined));
  }
});

describe('a rate limit', () => {
  const epoch = String(IN_A_MINUTE / 1000);
  for (const [form, headers, expected] of [
    [
      'Docker Hub',
      {
        'ratelimit-limit': '100;w=21600',
        'ratelimit-remaining': '76;w=21600',
        'docker-ratelimit-source': '192.0.2.1',
      },
      { limit: 100, remaining: 76, window: 21600, source: '192.0.2.1' },
    ],
    [
      'GitLab',
      {
        'ratelimit-limit': '500',
        'ratelimit-observed': '3',
        'ratelimit-remaining': '497',
        'ratelimit-reset': epoch,
        'ratelimit-resettime': new Date(IN_A_MINUTE).toUTCString(),
      },
      { limit: 500, remaining: 497, resetsAt: IN_A_MINUTE },
    ],
    [
      'GitHub',
      { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': epoch },
      { limit: 5000, remaining: 4999, resetsAt: IN_A_MINUTE },
    ],
    [
      'the draft up to its third version',
      { 'ratelimit-limit': '100, 100;w=60, 1000;w=3600', 'ratelimit-remaining': '5', 'ratelimit-reset': '60' },
      { limit: 100, remaining: 5, window: 60, resetsAt: IN_A_MINUTE },
    ],
    [
      'the draft from its sixth version on',
      { ratelimit: 'limit=100, remaining=5, reset=60', 'ratelimit-policy': '100;w=60' },
      { limit: 100, remaining: 5, window: 60, resetsAt: IN_A_MINUTE },
    ],
    [
      'the draft from its eighth version on',
      { ratelimit: '"default";r=5;t=60', 'ratelimit-policy': '"default";q=100;w=60' },
      { limit: 100, remaining: 5, window: 60, resetsAt: IN_A_MINUTE },
    ],
    [
      'a moment in milliseconds',
      { 'x-ratelimit-limit': '10', 'x-ratelimit-reset': String(IN_A_MINUTE) },
      { limit: 10, resetsAt: IN_A_MINUTE },
    ],
  ] as const) {
    it(`is read as ${form} tells it`, () => {
      const nothing = { remaining: undefined, window: undefined, resetsAt: undefined, source: undefined };
      assert.deepEqual(rateLimitOf(response(headers), NOW), { ...nothing, seenAt: NOW, ...expected });
    });
  }

  for (const headers of [
    {},
    { 'ratelimit-limit': 'unlimited' },
    { 'ratelimit-limit': '-5' },
    { 'ratelimit-limit': '9'.repeat(40) },
    { ratelimit: 'rate=5' },
    { 'ratelimit-remaining': '5' },
  ]) {
    it(`is none as ${JSON.stringify(headers).slice(0, 40)}`, () =>
      assert.equal(rateLimitOf(response(headers), NOW), undefined));
  }

  for (const [name, limit, end] of [
    ['it resets', { limit: 10, remaining: 3, seenAt: NOW, resetsAt: IN_A_MINUTE, window: 1 }, IN_A_MINUTE],
    ['its window has passed', { limit: 10, remaining: 3, seenAt: NOW, window: 60 }, IN_A_MINUTE],
    ['something newer is told, if it says no end', { limit: 10, remaining: 3, seenAt: NOW }, Infinity],
  ] as const) {
    it(`tells what is left until ${name}`, () => {
      assert.deepEqual(asOf(limit, NOW + 59_000), limit);
      const { remaining, resetsAt, ...rest } = asOf(limit, end === Infinity ? NOW * 2 : end);
      assert.deepEqual([remaining, resetsAt], end === Infinity ? [3, undefined] : [undefined, undefined]);
      assert.deepEqual([rest.limit, rest.seenAt], [10, NOW]);
    });
  }
});
