import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Jobs } from '../../src/catalog/jobs.js';
import type { JobRecord } from '../../src/catalog/records.js';
import { isAppError } from '../../src/lib/errors.js';
import { memoryCatalog } from '../support/catalogs.js';

const job = (id: string, createdAt: number, state: JobRecord['state'] = 'queued'): JobRecord => ({
  id,
  images: ['a:1'],
  platforms: [],
  allPlatforms: false,
  attestations: false,
  signatures: false,
  referrers: false,
  origin: 'request',
  state,
  createdAt,
  ...(state === 'succeeded' && { finishedAt: createdAt }),
});

describe('Jobs', () => {
  it('refuses a request id for something else, and names the job that has it', async (t) => {
    const { catalog } = await memoryCatalog(t);
    const jobs = new Jobs(catalog);
    await jobs.create({ ...job('j1', 1), requestId: 'mine' }, () => false);
    await assert.rejects(
      jobs.create({ ...job('j2', 2), requestId: 'mine' }, () => false),
      (error) => isAppError(error, 'REQUEST_ID_REUSED') && error.about === 'j1',
    );
    assert.equal((await jobs.get('j1'))?.id, 'j1');
    assert.equal(await jobs.get('j2'), undefined);
  });

  it('lists the newest first, and those of one moment in the order of their names', async (t) => {
    const { catalog } = await memoryCatalog(t);
    const jobs = new Jobs(catalog);
    for (const [id, at] of [
      ['a', 1],
      ['c', 2],
      ['b', 2],
      ['d', 1],
    ] as const)
      await jobs.create(job(id, at), () => false);
    const ids = (await jobs.list()).map(({ id }) => id);
    assert.deepEqual(ids, ['c', 'b', 'd', 'a']);
  });

  it('takes no more than a hundred that have not ended', async (t) => {
    const { catalog } = await memoryCatalog(t);
    const jobs = new Jobs(catalog);
    for (let n = 0; n < 100; n++) await jobs.create(job(`j${n}`, n), () => false);
    await assert.rejects(
      jobs.create(job('more', 100), () => false),
      (error) => isAppError(error, 'OVERLOADED'),
    );
  });

  it('keeps two hundred that have ended: the oldest goes with its images and its request id', async (t) => {
    const { catalog } = await memoryCatalog(t);
    const jobs = new Jobs(catalog);
    const image = { reference: 'a:1', platforms: [], state: 'succeeded', blobs: 0, bytesTotal: 0 } as const;
    const record = { ...image, bytesFetched: 0, bytesReused: 0 };
    // Whose end nobody wrote down went first of all.
    for (const id of ['x', 'y']) await jobs.create({ ...job(id, 500), state: 'failed' }, () => false);
    for (let n = 0; n <= 200; n++) {
      const each = { ...job(`j${n}`, n, 'succeeded'), ...(n === 0 && { requestId: 'first' }) };
      await jobs.create(each, () => false);
      if (n === 0) await jobs.save(each, [{ number: 0, record, blobs: [] }]);
    }
    const listed = await jobs.list();
    assert.deepEqual([listed.length, listed[0]?.id, listed.at(-1)?.id], [200, 'j200', 'j1']);
    assert.deepEqual(await jobs.images('j0'), []);
    assert.deepEqual(await jobs.blobs('j0'), []);
    assert.equal((await jobs.create({ ...job('again', 300), requestId: 'first' }, () => false)).id, 'again');
  });
});
