/** Answers of upstreams that are small to send and large to take: each ends at a limit, and the next pull is served. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { REPOSITORY, startScene, type Scene } from '../cases/scene.js';
import type { Fault } from '../support/fake-reply.js';
import { errorCode, get } from '../support/http.js';
import { content, OCI_INDEX, OCI_MANIFEST } from '../support/images.js';
import { suiteScope } from '../support/tmp.js';

const MiB = 1024 * 1024;
const digest = (i: number) => `sha256:${i.toString(16).padStart(64, '0')}`;
const descriptors = (count: number, mediaType: string) =>
  Array.from({ length: count }, (_, i) => ({ mediaType, digest: digest(i), size: 2 }));
const index = (manifests: unknown) => JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
const manifest = (more: object) =>
  JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: descriptors(1, 'a/b')[0], layers: [], ...more });

const MANIFESTS: readonly (readonly [name: string, fault: Fault])[] = [
  ['of more than 4 MiB', { body: manifest({ annotations: { a: 'x'.repeat(4 * MiB) } }) }],
  ['that says it is small and is not', { body: Buffer.alloc(5 * MiB, ' '), length: 'none' }],
  ['nested 100,000 deep', { body: '['.repeat(100_000) + ']'.repeat(100_000) }],
  [
    'with annotations nested 10,000 deep',
    { body: manifest({ annotations: '{"a":'.repeat(5) }).replace('"{', '{'.repeat(10_000)) },
  ],
  ['with 10,001 children', { body: index(descriptors(10_001, OCI_MANIFEST)) }],
  ['with 10,001 layers', { body: manifest({ layers: descriptors(10_001, 'a/b') }) }],
  ['compressed a thousandfold', { body: gzipSync(Buffer.alloc(64 * MiB)), headers: { 'content-encoding': 'gzip' } }],
  ['compressed twice', { body: gzipSync(gzipSync(Buffer.alloc(MiB))), headers: { 'content-encoding': 'gzip, gzip' } }],
  [
    'with a layer of a negative size',
    { body: manifest({ layers: [{ mediaType: 'a/b', digest: digest(1), size: -1 }] }) },
  ],
  [
    'with a layer larger than any number',
    { body: manifest({ layers: [{ mediaType: 'a/b', digest: digest(1), size: 1e300 }] }) },
  ],
];

/** Type confusion: one body, two readings (CVE-2021-41190). */
const CONFUSED: readonly (readonly [name: string, fault: Fault])[] = [
  ['an index that is sent as a manifest', { body: index([]), headers: { 'content-type': OCI_MANIFEST } }],
  ['a manifest that is sent as an index', { body: manifest({}), headers: { 'content-type': OCI_INDEX } }],
  ['both at once', { body: manifest({ manifests: [] }) }],
  ['both at once, without a type', { body: manifest({ mediaType: undefined, manifests: [] }) }],
  [
    'an index with a config',
    {
      body: JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], config: descriptors(1, 'a/b')[0] }),
      headers: { 'content-type': OCI_INDEX },
    },
  ],
  ['a web page', { html: true }],
];

describe('a manifest', () => {
  let scene: Scene;
  let tags = 1;
  const scope = suiteScope();
  before(async () => {
    scene = await startScene(scope, { upstream: { negativeTtl: '0s', tagTtl: '0s' } });
  });

  for (const [name, fault] of [...MANIFESTS, ...CONFUSED]) {
    it(`${name} is 502, is not stored, and harms nobody`, async () => {
      const { registry, daemon, image } = scene;
      // A tag that was never good: of a known one the last good manifest would be served.
      const tag = `v${++tags}`;
      registry.tag(REPOSITORY, tag, image);
      const mend = registry.fail({ kind: 'manifest', method: 'GET' }, fault);
      const noHead = registry.fail({ kind: 'manifest', method: 'HEAD' }, { status: 405 });
      const answer = await daemon.manifest(REPOSITORY, tag);
      assert.equal(answer.status, 502, answer.body.toString().slice(0, 300));
      assert.equal(errorCode(answer), 'UNAVAILABLE');
      assert.ok(answer.body.length < 1000);
      if (typeof fault.body === 'string') {
        const bad = content(Buffer.from(fault.body), OCI_MANIFEST).digest;
        assert.equal(daemon.logged('"msg":"stored"', bad).length, 0);
      }
      mend();
      noHead();
      assert.equal((await daemon.manifest(REPOSITORY, tag)).status, 200);
    });
  }
});

describe('a list', () => {
  it('of tags larger than any, or without end, is given up', async (t) => {
    const { registry, daemon } = await startScene(t);
    const url = `${daemon.url}/v2/${REPOSITORY}/tags/list?ns=docker.io`;
    const huge = JSON.stringify({ tags: ['a'.repeat(17 * MiB)] });
    const mend = registry.fail({ kind: 'tags' }, { body: huge });
    assert.equal((await get(url)).status, 502);
    mend();
    assert.equal((await get(`${url}&n=999999999999`)).status, 200);
    for (const n of ['1e12', '-1', '0x10', '1'.repeat(30), 'NaN', ' 1'])
      assert.equal((await get(`${url}&n=${encodeURIComponent(n)}`)).status, 400, n);
  });

  it('of referrers with a next page for ever ends', async (t) => {
    const { registry, daemon, image } = await startScene(t);
    registry.fail(
      { kind: 'referrers' },
      { headers: { link: `</v2/${REPOSITORY}/referrers/${image.digest}?page=2>; rel="next"` } },
    );
    const answer = await get(`${daemon.url}/v2/${REPOSITORY}/referrers/${image.digest}?ns=docker.io`);
    assert.equal(answer.status, 502, 'no part of a list, which could lack the signature that is looked for');
    assert.ok(registry.count({ kind: 'referrers' }) <= 100, String(registry.count({ kind: 'referrers' })));
  });
});

describe('a token', () => {
  it('of a megabyte and more is not taken', async (t) => {
    const auth = { type: 'bearer' } as const;
    const { registry, daemon } = await startScene(t, { registry: { auth } });
    registry.fail({ kind: 'token' }, { body: JSON.stringify({ token: 'x'.repeat(2 * MiB) }) });
    assert.equal((await daemon.manifest(REPOSITORY, 'v1')).status, 502);
  });
});
