import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allowedRealm } from '../../src/upstream/realm.js';
import { failsWith } from './support.js';

const rules = {
  upstream: 'example.com',
  url: new URL('https://reg.example.com'),
  realms: ['auth.example.com', 'other.example.com:8443'],
};

describe('a token realm', () => {
  for (const realm of [
    'https://reg.example.com/token',
    'https://REG.example.com:443/token?x=y',
    'https://auth.example.com/token',
    'https://auth.example.com:9000/token',
    'https://other.example.com:8443/token',
    'https://reg.example.com:443:443/v2/token',
  ]) {
    it(`may be ${realm}`, () => assert.equal(allowedRealm(realm, rules).protocol, 'https:'));
  }

  for (const realm of [
    'http://reg.example.com/token',
    'https://reg.example.com:8443/token',
    'https://other.example.com/token',
    'https://evil.example.com/token',
    'https://auth.example.com.evil.net/token',
    'https://alice:pw@reg.example.com/token',
    'https://reg.example.com@evil.net/token',
    'https://reg.example.com:443:444/v2/token',
    '//reg.example.com/token',
    'javascript:alert(1)',
    '',
  ]) {
    it(`may not be "${realm}"`, () => {
      assert.throws(() => allowedRealm(realm, rules), failsWith('UPSTREAM_FORBIDDEN_ADDRESS', 'pw', 'token?'));
    });
  }
});
