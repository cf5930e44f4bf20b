import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AppError, isAppError } from '../../src/lib/errors.js';
import { route } from '../../src/registry/router.js';

describe('the router', () => {
  it('knows the ping, with and without a prefix', () => {
    for (const path of ['/v2/', '/v2', '/hub/v2/']) assert.deepEqual(route(path), { kind: 'ping' });
  });
  it('splits at the last endpoint, because a repository may be called like one', () => {
    assert.deepEqual(route('/v2/a/manifests/b/manifests/latest'), {
      kind: 'manifest',
      name: 'a/manifests/b',
      reference: 'latest',
      prefix: undefined,
    });
    assert.deepEqual(route('/v2/blobs/blobs/sha256:x'), {
      kind: 'blob',
      name: 'blobs',
      digest: 'sha256:x',
      prefix: undefined,
    });
  });
  it('knows tags, referrers and prefixes', () => {
    assert.deepEqual(route('/v2/a/b/tags/list'), { kind: 'tags', name: 'a/b', prefix: undefined });
    assert.deepEqual(route('/ghcr.io/v2/a/referrers/sha256:x'), {
      kind: 'referrers',
      name: 'a',
      digest: 'sha256:x',
      prefix: 'ghcr.io',
    });
  });
  it('takes a repository whose name begins with v2/ for what it is, not for a prefix', () => {
    for (const [path, expected] of [
      ['/v2/v2/app/manifests/v1', { kind: 'manifest', name: 'v2/app', reference: 'v1', prefix: undefined }],
      ['/v2/v2/app/blobs/sha256:x', { kind: 'blob', name: 'v2/app', digest: 'sha256:x', prefix: undefined }],
      ['/v2/v2/v2/tags/list', { kind: 'tags', name: 'v2/v2', prefix: undefined }],
      ['/hub/v2/v2/app/manifests/v1', { kind: 'manifest', name: 'v2/app', reference: 'v1', prefix: 'hub' }],
      ['/v2x/v2/app/manifests/v1', { kind: 'manifest', name: 'app', reference: 'v1', prefix: 'v2x' }],
    ] as const) {
      assert.deepEqual(route(path), expected, path);
    }
  });
  it('decodes once', () => {
    assert.equal(route('/v2/a/manifests/sha256%3Ax').kind, 'manifest');
    assert.deepEqual(route('/v2/a/manifests/%2531'), {
      kind: 'manifest',
      name: 'a',
      reference: '%31',
      prefix: undefined,
    });
  });
  it('refuses encoded slashes, backslashes, zeros, broken escapes and overlong paths', () => {
    for (const path of [
      '/v2/a%2fb/tags/list',
      '/v2/a%5Cb/tags/list',
      '/v2/a%00/tags/list',
      '/v2/%zz/tags/list',
      `/v2/${'a'.repeat(2000)}/tags/list`,
    ]) {
      assert.throws(
        () => route(path),
        (error) => isAppError(error, 'NAME_INVALID'),
        path,
      );
    }
  });
  it('says NAME_UNKNOWN of what is no endpoint', () => {
    for (const path of ['/', '/v1/x', '/v2/_catalog', '/v2/a/blobs/', '/v2/a/manifests/x/y', '/etc/passwd']) {
      assert.throws(
        () => route(path),
        (error) => isAppError(error, 'NAME_UNKNOWN'),
        path,
      );
    }
  });
  it('throws nothing but AppErrors, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        try {
          route(`/v2/${text}`);
        } catch (error) {
          assert.ok(error instanceof AppError);
        }
      }),
    );
  });
});
