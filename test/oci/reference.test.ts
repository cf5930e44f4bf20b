/** References are what people and clients type, so they are tested against the grammar and not against examples alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AppError, type ErrorCode } from '../../src/lib/errors.js';
import {
  formatImageReference,
  isHost,
  isTag,
  looksLikeHost,
  normaliseHost,
  normaliseRepository,
  parseImageReference,
  parseRepositoryName,
  parseTag,
  parseTagOrDigest,
} from '../../src/oci/reference.js';

const HEX = 'a'.repeat(64);
const DIGEST = `sha256:${HEX}`;

const failsWith = (code: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === code;

const chars = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from(alphabet)), minLength, maxLength });
const LOWER = 'abcdefghijklmnopqrstuvwxyz0123456789';
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const word = chars(LOWER, 1, 8);
const separator = fc.oneof(fc.constantFrom('.', '_', '__'), chars('-', 1, 5));
const component = fc
  .tuple(word, fc.array(fc.tuple(separator, word), { maxLength: 3 }))
  .map(([first, rest]) => first + rest.flat().join(''));
const repositoryName = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const tag = fc
  .tuple(chars(`${LOWER}${UPPER}_`, 1, 1), chars(`${LOWER}${UPPER}_.-`, 0, 127))
  .map(([first, rest]) => first + rest);
const digest = fc.oneof(
  chars('0123456789abcdef', 64, 64).map((hex) => `sha256:${hex}`),
  chars('0123456789abcdef', 128, 128).map((hex) => `sha512:${hex}`),
);
const label = fc
  .tuple(word, fc.constantFrom('', '-', '--'), word)
  .map(([before, dashes, after]) => before + dashes + after);
const host = fc.oneof(
  fc.constantFrom('localhost', 'localhost:5000', 'ghcr.io', '127.0.0.1:5000', '[::1]:5000', 'docker.io'),
  fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.')),
  fc.tuple(label, fc.integer({ min: 1, max: 65535 })).map(([name, port]) => `${name}:${port}`),
);

describe('parseImageReference', () => {
  const full = (text: string) => formatImageReference(parseImageReference(text));

  for (const [text, expected] of [
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['grafana/grafana', 'docker.io/grafana/grafana:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['registry-1.docker.io/a/b', 'docker.io/a/b:latest'],
    ['ghcr.io/org/app', 'ghcr.io/org/app:latest'],
    ['ghcr.io/one', 'ghcr.io/one:latest'],
    ['GHCR.io/org/app', 'ghcr.io/org/app:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/a/b:c', 'localhost:5000/a/b:c'],
    ['[2001:db8::1]:5000/app', '[2001:db8::1]:5000/app:latest'],
    ['Host/app', 'Host/app:latest'],
    ['host/app', 'docker.io/host/app:latest'],
    ['a:5000/b', 'a:5000/b:latest'],
    [`nginx@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`],
    [`nginx:1@${DIGEST}`, `docker.io/library/nginx:1@${DIGEST}`],
    [`a@sha512:${'b'.repeat(128)}`, `docker.io/library/a@sha512:${'b'.repeat(128)}`],
    [`${HEX}:tag`, `docker.io/library/${HEX}:tag`],
  ] as const) {
    it(`takes ${text.slice(0, 60)} for ${expected.slice(0, 60)}`, () => assert.equal(full(text), expected));
  }

  for (const [text, code, why] of [
    ['', 'NAME_INVALID', 'nothing'],
    [HEX, 'NAME_INVALID', 'a bare image ID'],
    ['Nginx', 'NAME_INVALID', 'an upper-case name'],
    ['ghcr.io/Org/app', 'NAME_INVALID', 'an upper-case part after the host'],
    ['ghcr.io/', 'NAME_INVALID', 'a host alone'],
    ['/nginx', 'NAME_INVALID', 'a leading slash'],
    ['a//b', 'NAME_INVALID', 'an empty part'],
    ['https://ghcr.io/a', 'NAME_INVALID', 'a URL'],
    ['a/../b', 'NAME_INVALID', 'a path that climbs'],
    ['a___b', 'NAME_INVALID', 'three underscores'],
    ['-bad.io/a', 'NAME_INVALID', 'a host that begins with a dash'],
    ['nginx:', 'TAG_INVALID', 'an empty tag'],
    ['nginx:.hidden', 'TAG_INVALID', 'a tag that begins with a dot'],
    [`nginx:${'x'.repeat(129)}`, 'TAG_INVALID', 'a tag of 129 characters'],
    ['nginx@', 'DIGEST_INVALID', 'an empty digest'],
    ['nginx@sha256:abc', 'DIGEST_INVALID', 'a short digest'],
    [`nginx@md5:${'a'.repeat(32)}`, 'DIGEST_INVALID', 'an unknown algorithm'],
    [`nginx@${DIGEST.toUpperCase()}`, 'DIGEST_INVALID', 'an upper-case digest'],
    [`ghcr.io/${'x'.repeat(250)}`, 'NAME_INVALID', 'host and name of more than 255 characters'],
  ] as const) {
    it(`rejects ${why}`, () => assert.throws(() => parseImageReference(text), failsWith(code)));
  }

  it('reads back what formatImageReference wrote, for any host, name, tag and digest', () => {
    fc.assert(
      fc.property(
        host,
        repositoryName,
        fc.option(tag, { nil: undefined }),
        fc.option(digest, { nil: undefined }),
        (h, n, t, d) => {
          const upstream = normaliseHost(h);
          const repository = normaliseRepository(upstream, n);
          fc.pre(upstream.length + 1 + repository.length <= 255);
          const text = `${h}/${n}${t === undefined ? '' : `:${t}`}${d === undefined ? '' : `@${d}`}`;
          const parsed = parseImageReference(text);
          assert.equal(parsed.upstream, upstream);
          assert.equal(parsed.repository, repository);
          assert.equal(parsed.tag, t ?? (d === undefined ? 'latest' : undefined));
          assert.equal(parsed.digest, d);
          assert.deepEqual(parseImageReference(formatImageReference(parsed)), parsed);
        },
      ),
    );
  });

  it('gives a normal form or an AppError for any text, and quotes little of it', () => {
    const mutated = fc
      .tuple(host, repositoryName, tag, digest, fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }))
      .map(([h, n, t, d, at, noise]) => {
        const text = `${h}/${n}:${t}@${d}`;
        const i = at % text.length;
        return text.slice(0, i) + noise + text.slice(i + 1);
      });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), mutated), (text) => {
        try {
          const parsed = parseImageReference(text);
          assert.deepEqual(parseImageReference(formatImageReference(parsed)), parsed);
        } catch (error) {
          assert.ok(error instanceof AppError, String(error));
          assert.ok(error.message.length < 1000);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('is not slowed down by names made to confuse a grammar', () => {
    for (const text of [
      'a-'.repeat(50_000),
      `${'-'.repeat(99_999)}/`,
      `${'a.'.repeat(50_000)}:1/x`,
      'a/'.repeat(50_000),
    ]) {
      assert.throws(() => parseImageReference(text), AppError);
      assert.throws(() => parseImageReference(text.slice(0, 254)), AppError);
    }
  });
});

describe('parseRepositoryName', () => {
  it('takes every name that the grammar can make, up to 255 characters', () => {
    fc.assert(
      fc.property(repositoryName, (name) => {
        if (name.length <= 255) assert.equal(parseRepositoryName(name), name);
        else assert.throws(() => parseRepositoryName(name), failsWith('NAME_INVALID'));
      }),
    );
  });

  it('agrees with a reading of the grammar by hand on mutated names', () => {
    const valid = (name: string): boolean =>
      name.split('/').every((part) => {
        if (part === '' || !Array.from(part).every((c) => `${LOWER}._-`.includes(c))) return false;
        const separators = part.split(/[a-z0-9]+/);
        // The first and the last are what stands before the first and after the last word.
        if (separators.at(0) !== '' || separators.at(-1) !== '') return false;
        return separators.slice(1, -1).every((s) => s === '.' || s === '_' || s === '__' || s === '-'.repeat(s.length));
      });
    const mutated = fc
      .tuple(repositoryName, fc.nat(), fc.constantFrom('/', '.', '_', '-', 'A', 'a', ' ', '\n', '\0', 'é', ':', ''))
      .map(([name, at, c]) => name.slice(0, at % (name.length + 1)) + c + name.slice((at % (name.length + 1)) + 1));
    fc.assert(
      fc.property(mutated, (name) => {
        fc.pre(name.length <= 255);
        if (valid(name)) assert.equal(parseRepositoryName(name), name);
        else assert.throws(() => parseRepositoryName(name), failsWith('NAME_INVALID'));
      }),
      { numRuns: 2000 },
    );
  });

  it('rejects a trailing line break, which a careless pattern lets through', () => {
    assert.throws(() => parseRepositoryName('library/nginx\n'), failsWith('NAME_INVALID'));
  });
});

describe('parseTag and parseTagOrDigest', () => {
  it('take every tag that the grammar can make', () => {
    fc.assert(
      fc.property(tag, (text) => {
        assert.ok(isTag(text));
        assert.equal(parseTagOrDigest(text), text);
      }),
    );
  });

  it('know 128 characters as the limit', () => {
    assert.equal(parseTag('x'.repeat(128)).length, 128);
    assert.throws(() => parseTag('x'.repeat(129)), failsWith('TAG_INVALID'));
  });

  it('answer 404 for a tag that cannot exist and 400 for what was meant as a digest', () => {
    assert.throws(() => parseTagOrDigest('.INVALID_MANIFEST_NAME'), failsWith('TAG_INVALID'));
    assert.throws(() => parseTagOrDigest('sha256:baddigeststring'), failsWith('DIGEST_INVALID'));
    assert.equal(parseTagOrDigest(DIGEST), DIGEST);
  });
});

describe('hosts', () => {
  it('have one name for Docker Hub', () => {
    for (const name of ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'Docker.IO']) {
      assert.equal(normaliseHost(name), 'docker.io');
    }
    assert.equal(normaliseHost('hub'), 'hub');
  });

  it('are told from the first part of a name by a dot, a colon, an upper-case letter or localhost', () => {
    for (const part of ['a.b', 'a:1', 'A', 'localhost']) assert.ok(looksLikeHost(part), part);
    for (const part of ['a', 'library', 'local-host', '']) assert.ok(!looksLikeHost(part), part);
  });

  it('have a grammar', () => {
    fc.assert(fc.property(host, (text) => assert.ok(isHost(text))));
    for (const text of [
      '',
      'a..b',
      'a:',
      'a:b',
      'a/b',
      'a@b',
      '-a.b',
      'a-.b',
      'a b',
      'a:123456',
      '[::1',
      'a.b\n',
      'a.b?',
    ]) {
      assert.ok(!isHost(text), text);
    }
  });

  it('get library/ for one-part names under docker.io only', () => {
    assert.equal(normaliseRepository('docker.io', 'nginx'), 'library/nginx');
    assert.equal(normaliseRepository('docker.io', 'a/b'), 'a/b');
    assert.equal(normaliseRepository('ghcr.io', 'nginx'), 'nginx');
  });
});
