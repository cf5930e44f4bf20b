import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAppError } from '../../src/lib/errors.js';
import { parseHtpasswd } from '../../src/registry/htpasswd.js';

const hash = (cost = '05') => `$2y$${cost}$${'a'.repeat(53)}`;

describe('an htpasswd file', () => {
  it('has users, comments and blank lines, written on any system', () => {
    const { hashes, costliest } = parseHtpasswd(`\uFEFF# people\r\n\r\nann:${hash()}\r\n b@x.y:${hash('12')} \n`, 'f');
    assert.deepEqual(
      [...hashes],
      [
        ['ann', hash()],
        ['b@x.y', hash('12')],
      ],
    );
    assert.equal(costliest, hash('12'), 'what an unknown user costs is what the slowest known one does');
  });

  for (const [what, text, says] of [
    ['MD5', 'eve:$apr1$canary$xyz', /f:2: expected a bcrypt hash, not MD5/],
    ['SHA-1', 'eve:{SHA}canary=', /f:2: .*SHA-1/],
    ['SHA-512', 'eve:$6$canary$x', /f:2: .*SHA-2/],
    ['plain text', 'eve:canary', /f:2: .*plain text/],
    ['a cut bcrypt hash', 'eve:$2y$05$canary', /f:2: expected a bcrypt hash/],
    ['a cost that takes minutes', `eve:${hash('31')}`, /f:2: expected a bcrypt cost from 4 to 14, not 31/],
    ['a cost that is too little', `eve:${hash('03')}`, /f:2: .*not 3/],
    ['no colon', 'canary', /f:2: expected user:hash/],
    ['no user', `:${hash()}`, /f:2: expected user:hash/],
    ['a user twice', `ann:${hash()}`, /f:2: this user is named further up/],
  ] as const) {
    it(`with ${what} is refused by line, without a word of it`, () => {
      assert.throws(
        () => parseHtpasswd(`ann:${hash()}\n${text}\n`, 'f'),
        (error) => isAppError(error, 'CONFIG_INVALID') && says.test(error.message) && !error.message.includes('canary'),
      );
    });
  }

  it('that names nobody is refused, with what to do', () => {
    for (const text of ['', '# nobody\n']) {
      assert.throws(
        () => parseHtpasswd(text, 'f'),
        (error) => isAppError(error, 'CONFIG_INVALID') && /htpasswd -nB/.test(error.message),
      );
    }
  });
});
