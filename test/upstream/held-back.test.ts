import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeldBack } from '../../src/upstream/held-back.js';
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
