import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Epoch } from '../../src/catalog/epoch.js';
import { isAppError } from '../../src/lib/errors.js';
import { MemoryMetadataStore } from '../support/memory-metadata-store.js';
import { temporaryDirectory } from '../support/tmp.js';

describe('Epoch', () => {
  it('takes a marker that is no number for none: it proves nothing against an index', async (t) => {
    const file = join(await temporaryDirectory(t), 'epoch');
    const store = new MemoryMetadataStore();
    await (await Epoch.open(file)).raise(store);
    await writeFile(file, 'garbage');
    await (await Epoch.open(file)).check(store);
  });

  it('takes an index that is behind its marker, or has no epoch, for another one', async (t) => {
    const file = join(await temporaryDirectory(t), 'epoch');
    const store = new MemoryMetadataStore();
    const epoch = await Epoch.open(file);
    await assert.rejects(epoch.check(store), (error) => isAppError(error, 'INDEX_CORRUPT'));
    await epoch.raise(store);
    await writeFile(file, '2\n');
    const ahead = await Epoch.open(file);
    await assert.rejects(ahead.check(store), (error) => isAppError(error, 'INDEX_CORRUPT'));
  });

  it('does not begin with a marker that cannot be read', async (t) => {
    const file = join(await temporaryDirectory(t), 'epoch');
    await mkdir(file);
    await assert.rejects(Epoch.open(file), (error) => isAppError(error, 'INDEX_FAILED'));
  });
});
