import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tagsThatFit } from '../../../src/cache/prefetch/tag-patterns.js';
import { isAppError } from '../../../src/lib/errors.js';
import type { Page } from '../../../src/upstream/upstream.js';

const all = ['1', '1.2', '1.2-slim', '2', '22', '22.1', `sha256-${'a'.repeat(64)}.sig`, 'v22'];

/** Two at a time, whatever is asked. */
function list({ last }: Page) {
  const from = last === undefined ? 0 : all.indexOf(last) + 1;
  return Promise.resolve({ tags: all.slice(from, from + 2), next: from + 2 < all.length ? all[from + 1] : undefined });
}
const fit = (tags: string) => tagsThatFit({ upstream: 'up.test', repository: 'a', tags }, list);

describe('a pattern of tags', () => {
  it('finds its tags over all pages', async () => {
    assert.deepEqual(await fit('22*'), ['22', '22.1']);
    assert.deepEqual(await fit('1.?'), ['1.2']);
    assert.deepEqual(await fit('{1,v2}*'), ['1', '1.2', '1.2-slim', 'v22']);
    assert.deepEqual(await fit('[12]'), ['1', '2']);
    assert.deepEqual(await fit('[!1]'), ['2']);
  });

  it('means no signature unless it says so', async () => {
    assert.equal((await fit('*')).length, all.length - 1);
    assert.equal((await fit(`sha256-${'a'.repeat(64)}.*`)).length, 1);
  });

  it('is refused when it fits nothing, or could take for ever', async () => {
    await assert.rejects(fit('3*'), (error) => isAppError(error, 'MANIFEST_UNKNOWN'));
    await assert.rejects(fit('*a*a*a*a*a*'), (error) => isAppError(error, 'TAG_INVALID'));
  });

  it('comes to an end with a registry that repeats itself', async () => {
    const repeating = () => Promise.resolve({ tags: ['22'], next: '22' });
    const found = await tagsThatFit({ upstream: 'up.test', repository: 'a', tags: '*' }, repeating);
    assert.ok(new Set(found).size === 1);
  });
});
