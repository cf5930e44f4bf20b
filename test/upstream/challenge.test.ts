import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseChallenges } from '../../src/upstream/challenge.js';

const parse = (...headers: string[]) =>
  parseChallenges(headers).map(({ scheme, parameters }) => ({ scheme, ...Object.fromEntries(parameters) }));

const token = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
/** Any text without line breaks, which no header can hold. */
const text = fc.string({ unit: 'grapheme-ascii', maxLength: 30 });
const parameters = fc.uniqueArray(fc.tuple(token, text), { selector: ([name]) => name, maxLength: 5 });
const challenge = fc.record({ scheme: token, parameters }, { noNullPrototype: true });

describe('WWW-Authenticate', () => {
  for (const [headers, expected] of [
    [
      ['Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'],
      [
        {
          scheme: 'bearer',
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:a/b:pull,push',
        },
      ],
    ],
    [['BEARER Realm = "x" , Service=y'], [{ scheme: 'bearer', realm: 'x', service: 'y' }]],
    [
      ['Negotiate', 'Basic realm="a"'],
      [{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'a' }],
    ],
    [['Negotiate YWJj==, Basic realm="a, b"'], [{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'a, b' }]],
    [['Basic realm="say \\"hi\\""'], [{ scheme: 'basic', realm: 'say "hi"' }]],
    [['Bearer realm="a",realm="b"'], [{ scheme: 'bearer', realm: 'a' }]],
    [['Bearer realm="unterminated'], [{ scheme: 'bearer', realm: 'unterminated' }]],
    [['Bearer realm='], [{ scheme: 'bearer' }]],
    [['realm="no scheme"'], []],
    [
      ['Bearer __proto__="x"'],
      [
        Object.fromEntries([
          ['scheme', 'bearer'],
          ['__proto__', 'x'],
        ]),
      ],
    ],
    [['', ' , ,'], []],
  ] as const) {
    it(`reads ${JSON.stringify(headers)}`, () => assert.deepEqual(parse(...headers), expected));
  }

  it('reads back whatever is written by the grammar, in one header or in several', () => {
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 6 }), fc.boolean(), (challenges, together) => {
        const headers = challenges.map(
          ({ scheme, parameters: all }) =>
            `${scheme} ${all.map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`).join(', ')}`,
        );
        const read = parseChallenges(together ? [headers.join(', ')] : headers);
        assert.deepEqual(
          read.map(({ scheme, parameters: all }) => ({ scheme, parameters: [...all] })),
          challenges,
        );
      }),
    );
  });

  it('never throws, and is quick about any text', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('"', '\\', ',', ' ', '=', 'a', 'B', '\t', '~', 'é'),
      maxLength: 4000,
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), hostile)), (headers) => {
        for (const { scheme } of parseChallenges(headers)) assert.match(scheme, /^[^\s,="]+$/);
      }),
    );
    assert.ok(parseChallenges([`Bearer ${'a='.repeat(1_000_000)}`]).length <= 32);
    assert.ok(parseChallenges(Array.from({ length: 1000 }, () => 'Basic')).length <= 32);
  });
});
