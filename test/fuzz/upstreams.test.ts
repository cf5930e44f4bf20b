/** What upstreams send: manifests, challenges, tokens, lists, links, rate limits. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { parseManifest, sniffManifest } from '../../src/oci/manifest.js';
import { OCI_IMAGE, OCI_INDEX } from '../../src/oci/media-types.js';
import { parseChallenges } from '../../src/upstream/challenge.js';
import { nextPage, referrersFrom, tagsFrom } from '../../src/upstream/listings.js';
import { rateLimitOf, retryAfterOf } from '../../src/upstream/rate-limit.js';
import { allowedRealm } from '../../src/upstream/realm.js';
import { tokenFrom } from '../../src/upstream/token.js';
import type { HttpResponse } from '../../src/upstream/transport.js';
import { fuzz, jsonOf, orRefused, pieces } from './fuzz.js';

const HEX = 'a'.repeat(64);
const DESCRIPTOR = `{"mediaType":"${OCI_IMAGE}","digest":"sha256:${HEX}","size":2}`;
const JSON_NASTY = [
  '',
  '{',
  'null',
  '[]',
  '{}',
  '"\\ud800"',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"a":1,"a":2}',
  '['.repeat(5000),
  '{"a":'.repeat(5000),
  '1e999',
  '\ufeff{}',
  '{"manifests":null}',
  '{"tags":[null,{},"../x"]}',
];
const unpolluted = () => assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);

const answering = (headers: Readonly<Record<string, string>>) =>
  ({ header: (name: string) => headers[name] }) as unknown as HttpResponse;

describe('upstreams', () => {
  const manifests = jsonOf(
    'schemaVersion',
    'mediaType',
    'config',
    'layers',
    'manifests',
    'digest',
    'size',
    'subject',
    'platform',
    'annotations',
    OCI_IMAGE,
    OCI_INDEX,
    'fsLayers',
  );
  fuzz(
    'a manifest is what its type says, with sound children, or refused',
    manifests,
    [
      ...JSON_NASTY,
      `{"schemaVersion":2,"config":${DESCRIPTOR},"layers":[${DESCRIPTOR}]}`,
      `{"schemaVersion":2,"manifests":[${DESCRIPTOR}],"layers":[]}`,
      `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[{"__proto__":${DESCRIPTOR}}]}`,
    ],
    (text) => {
      const bytes = Buffer.from(text);
      for (const type of [OCI_IMAGE, OCI_INDEX]) {
        const found = orRefused(() => parseManifest(bytes, type), 'UPSTREAM_INVALID');
        for (const child of found?.children ?? []) {
          assert.match(child.digest, /^sha(256|512):[0-9a-f]+$/);
          assert.ok(Number.isSafeInteger(child.size) && child.size >= 0);
        }
      }
      sniffManifest(bytes);
      unpolluted();
    },
  );

  const challenges = fc.array(
    pieces('Bearer', 'Basic', ' ', ',', '=', '"', '\\', 'realm', 'service', 'scope', 'https://x/y', 'abc=='),
    { maxLength: 3 },
  );
  fuzz(
    'a challenge is schemes with parameters, and its realm is ours or refused',
    challenges,
    [
      [],
      [''],
      ['Bearer'],
      ['Bearer realm="'],
      ['Bearer realm="\\'],
      [','.repeat(20_000)],
      ['a='.repeat(9000)],
      ['Bearer realm="https://user:pw@registry.example/"'],
      ['Bearer realm="https://registry.example@evil.example/"'],
      ['Bearer realm="https://registry.example.evil.example/"'],
      ['Bearer realm="HTTPS://REGISTRY.EXAMPLE:443/t#x"'],
      ['Bearer realm="//registry.example/t"'],
      ['Bearer realm="http://registry.example/t"'],
    ],
    (headers) => {
      const rules = { upstream: 'x', url: new URL('https://registry.example'), realms: ['auth.example'] };
      const found = parseChallenges(headers);
      assert.ok(found.length <= 32);
      for (const { scheme, parameters } of found) {
        assert.equal(scheme, scheme.toLowerCase());
        const realm = orRefused(() => allowedRealm(parameters.get('realm') ?? '', rules), 'UPSTREAM_FORBIDDEN_ADDRESS');
        if (!realm) continue;
        assert.ok(['registry.example', 'auth.example'].includes(realm.hostname));
        assert.deepEqual([realm.protocol, realm.username, realm.password], ['https:', '', '']);
      }
    },
  );

  fuzz(
    'a Link leads to a query of the same place, or nowhere',
    pieces(
      '<',
      '>',
      ';',
      'rel=',
      '"next"',
      'next',
      ',',
      '/v2/a/tags/list',
      '?n=1&last=b',
      'https://evil.example/',
      '..',
      '\\',
    ),
    [
      '<>; rel="next"',
      '<https://evil.example/?x=1>; rel=next',
      '<'.repeat(20_000),
      '<a>;'.repeat(5000),
      '<?a=1>; rel="prev", <?b=2>; rel="next"',
      '<javascript:x>; rel=next',
    ],
    (link) => {
      const query = nextPage([link], new URL('https://registry.example/v2/a/tags/list'));
      assert.ok(query === undefined || query === '' || query.startsWith('?'));
    },
  );

  fuzz(
    'a token may stand in a header and ends one day, or is refused',
    jsonOf('token', 'access_token', 'expires_in', 'issued_at', 'refresh_token'),
    [
      ...JSON_NASTY,
      '{"token":"a\\r\\nX: y"}',
      '{"token":"a","expires_in":1e999}',
      '{"token":"a","expires_in":-1}',
      '{"token":"a","expires_in":"60"}',
      '{"token":{},"access_token":"b"}',
      `{"token":"${'a'.repeat(70_000)}"}`,
    ],
    (text) => {
      const token = orRefused(() => tokenFrom(Buffer.from(text), 1000, 'x'), 'UPSTREAM_INVALID');
      if (!token) return;
      assert.match(token.value, /^[\x21-\x7e]+$/);
      assert.ok(token.until > 1000 && token.until <= 1000 + 24 * 3_600_000);
    },
  );

  fuzz(
    'lists are of tags and descriptors only, or refused',
    jsonOf('tags', 'name', 'manifests', 'digest', 'size', 'mediaType', 'artifactType', 'annotations', 'v1'),
    JSON_NASTY,
    (text) => {
      const body = Buffer.from(text);
      const tags = orRefused(() => tagsFrom(body, 'x'), 'UPSTREAM_INVALID') ?? [];
      for (const tag of tags) assert.match(tag, /^\w[\w.-]{0,127}$/);
      for (const { digest, size } of orRefused(() => referrersFrom(body, 'x'), 'UPSTREAM_INVALID') ?? []) {
        assert.match(digest, /^sha(256|512):[0-9a-f]+$/);
        assert.ok(Number.isSafeInteger(size) && size >= 0);
      }
      unpolluted();
    },
  );

  fuzz(
    'rate limits are numbers, and a wait ends within a week',
    pieces('100', ';', 'w=', '21600', '-1', '1e9', 'Thu, 01 Jan 2099 00:00:00 GMT', ' ', ','),
    [
      '',
      '9'.repeat(500),
      '-5',
      'NaN',
      '1e999',
      '100;w=',
      ';w=1;w=2',
      `100${';'.repeat(10_000)}`,
      'Invalid Date',
      '0x10',
    ],
    (text) => {
      const response = answering({
        'retry-after': text,
        'ratelimit-limit': text,
        'ratelimit-remaining': text,
        'docker-ratelimit-source': text,
      });
      const wait = retryAfterOf(response, 0);
      assert.ok(wait === undefined || (Number.isInteger(wait) && wait >= 0 && wait <= 7 * 24 * 3600));
      const found = rateLimitOf(response, 0);
      for (const number of [found?.limit ?? 0, found?.remaining ?? 0, found?.window ?? 0])
        assert.ok(Number.isSafeInteger(number) && number >= 0);
    },
  );
});
