import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAppError, type ErrorCode } from '../../src/lib/errors.js';
import { nameRepository, type NamedRequest } from '../../src/registry/naming.js';

const names = {
  names: new Map([
    ['docker.io', 'docker.io'],
    ['hub', 'docker.io'],
    ['ghcr.io', 'ghcr.io'],
    ['myregistry.com:5000', 'myregistry.com:5000'],
  ]),
  default: 'docker.io',
};

const named = (
  request: Partial<NamedRequest> & { path: string },
  of: { names: Map<string, string>; default: string | undefined } = names,
) => {
  const { upstream, name } = nameRepository(of, { ns: undefined, prefix: undefined, ...request });
  return `${upstream} ${name}`;
};
const fails = (
  code: ErrorCode,
  request: Partial<NamedRequest> & { path: string },
  of?: { names: Map<string, string>; default: string | undefined },
) =>
  assert.throws(
    () => named(request, of),
    (error) => isAppError(error, code),
  );

describe('the upstream that a request means', () => {
  it('is the one in ns', () => assert.equal(named({ ns: 'ghcr.io', path: 'a/b' }), 'ghcr.io a/b'));
  it('is the first part of the path', () => assert.equal(named({ path: 'ghcr.io/a/b' }), 'ghcr.io a/b'));
  it('may be named by an alias', () => assert.equal(named({ path: 'hub/a/b' }), 'docker.io a/b'));
  it('may have a port', () => assert.equal(named({ path: 'myregistry.com:5000/a' }), 'myregistry.com:5000 a'));
  it('is the path prefix', () => assert.equal(named({ prefix: 'ghcr.io', path: 'a/b' }), 'ghcr.io a/b'));
  it('is the default when nothing is named', () => assert.equal(named({ path: 'a/b' }), 'docker.io a/b'));
  it('is not doubled when ns and path both name it', () => {
    assert.equal(named({ ns: 'docker.io', path: 'docker.io/library/x' }), 'docker.io library/x');
    assert.equal(named({ ns: 'index.docker.io', path: 'docker.io/library/x' }), 'docker.io library/x');
  });
  it('is Docker Hub by any of its host names', () => {
    for (const ns of ['docker.io', 'index.docker.io', 'registry-1.docker.io'])
      assert.equal(named({ ns, path: 'nginx' }), 'docker.io library/nginx');
  });
  it('prefers ns to the path prefix', () =>
    assert.equal(named({ ns: 'ghcr.io', prefix: 'hub', path: 'a/b' }), 'ghcr.io a/b'));
  it('gives one-part names library/ under Docker Hub only', () => {
    assert.equal(named({ path: 'nginx' }), 'docker.io library/nginx');
    assert.equal(named({ path: 'ghcr.io/nginx' }), 'ghcr.io nginx');
  });
  it('takes a repository that is called like an upstream for a repository', () =>
    assert.equal(named({ path: 'hub' }), 'docker.io library/hub'));
});

describe('a request that means no upstream', () => {
  it('is NAME_UNKNOWN when ns is not configured', () => fails('NAME_UNKNOWN', { ns: 'evil.example', path: 'a/b' }));
  it('is NAME_UNKNOWN when the first part is a host that is not configured', () => {
    for (const host of ['evil.example', 'evil:5000', 'localhost']) fails('NAME_UNKNOWN', { path: `${host}/a` });
  });
  it('is NAME_UNKNOWN when the prefix is not configured', () =>
    fails('NAME_UNKNOWN', { prefix: 'nobody', path: 'a/b' }));
  it('is NAME_UNKNOWN when there is no default', () =>
    fails('NAME_UNKNOWN', { path: 'a/b' }, { ...names, default: undefined }));
  it('is NAME_INVALID when what remains is no repository name', () => {
    for (const path of ['UPPER/case', 'a//b', '../etc', 'ghcr.io/a/../b']) fails('NAME_INVALID', { path });
  });
});
