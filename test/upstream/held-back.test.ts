import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeldBack, kindOf } from '../../src/upstream/held-back.js';
import type { HttpResponse } from '../../src/upstream/transport.js';
import { ManualClock } from '../support/manual-clock.js';
import { failsWith } from './support.js';

/** As far as holding back is concerned. */
const tooMany = (headers: Readonly<Record<string, string>>) =>
  ({ status: 429, header: (name: string) => headers[name] }) as unknown as HttpResponse;

describe('what upstream has us wait for', () => {
  it('is not cut short by a later 429 that names a nearer time or none', async () => {
    const clock = new ManualClock(Date.now());
    const held = new HeldBack('up.test', clock);
    const until = clock.now() + 600_000;
    held.note('GET manifests', tooMany({ 'retry-after': '600' }));
    held.note('GET manifests', tooMany({}));
    held.note('GET manifests', tooMany({ 'retry-after': '5' }));
    assert.equal(held.until, until);
    await clock.advance(590_000);
    assert.throws(() => held.check('GET manifests'), failsWith('UPSTREAM_RATE_LIMITED'));
    held.note('GET manifests', tooMany({ 'retry-after': '60' }));
    assert.equal(held.until, until + 50_000, 'a later time counts');
  });
});

describe('the kind of a request', () => {
  const kind = (url: string) => kindOf({ method: 'GET', url: new URL(url) });

  it('is what is asked for at a registry, wherever its API is', () => {
    assert.equal(kind('https://ghcr.io/v2/a/b/blobs/sha256:00'), 'GET blobs');
    assert.equal(kind('https://nexus.example/repository/docker/v2/a/manifests/latest'), 'GET manifests');
    assert.equal(kind('https://ghcr.io/v2/a/tags/list?n=5'), 'GET tags');
  });

  it('is the address at a storage, though its paths look like a registry’s', () => {
    const stored = 'https://pkg-containers.githubusercontent.com/ghcr1/blobs/sha256:00';
    assert.equal(kind(`${stored}?sig=secret`), `GET ${stored}`);
  });
});
