import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResolvedTags } from '../../src/cache/resolved-tags.js';
import { digestOf } from '../../src/oci/digest.js';
import { parseTag } from '../../src/oci/reference.js';

const repository = { upstream: 'docker.io', name: 'library/x' };
const [one, two] = [digestOf(Buffer.from('1')), digestOf(Buffer.from('2'))];
const [latest, v1] = [parseTag('latest'), parseTag('v1')];
const record = (digest: typeof one) => ({ digest, mediaType: 'm', size: 1, fetchedAt: 1, checkedAt: 1 });

describe('tags resolved by HEAD', () => {
  it('wait for their manifest, several for one', () => {
    const tags = new ResolvedTags();
    tags.set(repository, latest, record(one));
    tags.set(repository, v1, record(one));
    assert.deepEqual(tags.awaiting(repository, one), [latest, v1]);
    assert.deepEqual(tags.awaiting({ ...repository, name: 'other' }, one), []);
  });
  it('wait for the newest manifest only', () => {
    const tags = new ResolvedTags();
    tags.set(repository, latest, record(one));
    tags.set(repository, latest, record(two));
    assert.deepEqual(tags.awaiting(repository, one), []);
    assert.deepEqual(tags.awaiting(repository, two), [latest]);
  });
  it('wait no more once they are committed', () => {
    const tags = new ResolvedTags();
    tags.set(repository, latest, record(one));
    tags.delete(repository, latest);
    assert.deepEqual(tags.awaiting(repository, one), []);
    assert.equal(tags.get(repository, latest), undefined);
  });
});
