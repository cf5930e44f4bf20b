/** Names that clients, configurations and archives give: references, digests, tags, patterns, paths of the API. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import picomatch from 'picomatch';
import { formatImagePattern, parseImagePattern } from '../../src/oci/image-pattern.js';
import { parseDigest } from '../../src/oci/digest.js';
import { formatImageReference, parseImageReference, parseTagOrDigest } from '../../src/oci/reference.js';
import { nameRepository } from '../../src/registry/naming.js';
import { rangePicker } from '../../src/registry/range.js';
import { route } from '../../src/registry/router.js';
import { fuzz, orRefused, pieces } from './fuzz.js';

const HEX = 'a'.repeat(64);
const NASTY = [
  '',
  '/',
  '..',
  '../../etc/passwd',
  'a/../b',
  'docker.io/library/nginx:1@sha256:' + HEX,
  `a@sha256:${HEX}@sha256:${HEX}`,
  'a:b:c',
  ':tag',
  'localhost:5000/a',
  '[::1]:5000/a',
  'A/b',
  'a\n',
  'a\0b',
  '%2e%2e/%2f',
  'a__b---c..d',
  'a'.repeat(5000),
  'a/'.repeat(2000),
  `${'a.'.repeat(2000)}!`,
  '__proto__',
  'constructor/prototype:toString',
  '\u202e\ufeffa',
];
const names = pieces(
  'a',
  'b0',
  '/',
  ':',
  '@',
  '.',
  '..',
  '_',
  '__',
  '-',
  '--',
  'docker.io',
  'localhost',
  ':5000',
  'A',
  '%2f',
  '\n',
  `sha256:${HEX}`,
  `sha512:${HEX}${HEX}`,
  'library',
  '*',
  '{a,b}',
  '[',
  ']',
  '?',
);

describe('names', () => {
  fuzz('an image reference reads back, or is refused', names, NASTY, (text) => {
    const found = orRefused(() => parseImageReference(text), 'NAME_INVALID', 'TAG_INVALID', 'DIGEST_INVALID');
    if (found) assert.deepEqual(parseImageReference(formatImageReference(found)), found);
  });

  fuzz(
    'a digest is itself, and never a path',
    pieces('sha256:', 'sha512:', 'md5:', HEX, 'A', '/', '..', '\n'),
    [...NASTY, `sha256:${HEX}`, `sha256:${HEX}\n`, `SHA256:${HEX}`],
    (text) => {
      const digest = orRefused(() => parseDigest(text), 'DIGEST_INVALID');
      if (digest !== undefined) {
        assert.equal(digest, text);
        assert.match(digest, /^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/);
      }
      const reference = orRefused(() => parseTagOrDigest(text), 'DIGEST_INVALID', 'TAG_INVALID');
      if (reference !== undefined) assert.ok(!/[/\\%\s]|^\./.test(reference));
    },
  );

  fuzz(
    'an image pattern reads back and can be matched, or is refused',
    names,
    [...NASTY, 'a:{', 'a:[', 'a:{a,{b,c}}', `a:${'*'.repeat(200)}`, 'a:!(x)', 'a:[!-~]'],
    (text) => {
      const found = orRefused(() => parseImagePattern(text), 'NAME_INVALID', 'TAG_INVALID', 'DIGEST_INVALID');
      if (!found) return;
      assert.deepEqual(parseImagePattern(formatImagePattern(found)), found);
      // As `cache/prefetch/tag-patterns.ts` does, which bounds the stars.
      if ('tags' in found && found.tags.split('*').length <= 6)
        assert.equal(typeof picomatch(found.tags, { dot: true, nonegate: true, posix: true })('1.2.3-rc'), 'boolean');
    },
  );

  const upstreams = {
    names: new Map([
      ['docker.io', 'docker.io'],
      ['hub', 'docker.io'],
    ]),
    default: 'docker.io',
  };
  fuzz(
    'a path of the API is a route to a configured upstream, or refused',
    pieces(
      '/v2/',
      '/',
      'a',
      'docker.io',
      'hub',
      'evil.example',
      'manifests/',
      'blobs/',
      'tags/list',
      'referrers/',
      '%2e',
      '%2f',
      '%25',
      '%',
      '..',
      `sha256:${HEX}`,
    ),
    [...NASTY, ...NASTY.map((name) => `/v2/${name}/manifests/x`)],
    (path) => {
      const found = orRefused(() => route(path), 'NAME_INVALID', 'NAME_UNKNOWN');
      if (!found || found.kind === 'ping') return;
      const request = { ns: undefined, prefix: found.prefix, path: found.name };
      const repository = orRefused(() => nameRepository(upstreams, request), 'NAME_INVALID', 'NAME_UNKNOWN');
      if (!repository) return;
      assert.equal(repository.upstream, 'docker.io');
      assert.match(repository.name, /^[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/);
    },
  );

  fuzz(
    'a Range is a part of the blob, the whole of it, or refused',
    pieces('bytes', '=', '-', ',', '0', '9', '1e3', '99999999999999999999', ' ', 'x'),
    [
      'bytes=0-',
      'bytes=-0',
      'bytes=-1',
      'bytes=5-2',
      'bytes=0-0,0-0',
      `bytes=${'0-0,'.repeat(4000)}`,
      'bytes=0-99999999999999999999999',
      'bytes=NaN-',
      'bytes=-',
    ],
    (header) => {
      for (const size of [1, 2048]) {
        const range = orRefused(() => rangePicker(header, undefined, '"x"')(size), 'RANGE_INVALID');
        if (range)
          assert.ok(
            Number.isSafeInteger(range.start) && range.start >= 0 && range.start < range.end && range.end <= size,
          );
      }
    },
  );
});
