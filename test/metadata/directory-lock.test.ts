import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isAppError } from '../../src/lib/errors.js';
import { DirectoryLock } from '../../src/metadata/directory-lock.js';
import { temporaryDirectory } from '../support/tmp.js';

describe('DirectoryLock', () => {
  it('lets one in at a time, and tells the other which directory is taken', async (t) => {
    const dir = await temporaryDirectory(t);
    const first = await DirectoryLock.open(join(dir, 'lock'), dir);
    await assert.rejects(
      DirectoryLock.open(join(dir, 'lock'), dir),
      (error) => isAppError(error, 'DIRECTORY_IN_USE') && error.message.includes(dir),
    );
    await first.close();
    await (await DirectoryLock.open(join(dir, 'lock'), dir)).close();
  });

  it('says so when a directory cannot be locked at all', async (t) => {
    const file = join(await temporaryDirectory(t), 'file');
    await writeFile(file, '');
    await assert.rejects(DirectoryLock.open(join(file, 'lock'), file), (error) => isAppError(error, 'INDEX_FAILED'));
  });

  it('is not kept out by what a power cut left', async (t) => {
    const dir = await temporaryDirectory(t);
    const lockDir = join(dir, 'lock');
    await (await DirectoryLock.open(lockDir, dir)).close();
    for (const name of await readdir(lockDir)) await writeFile(join(lockDir, name), 'torn');
    await (await DirectoryLock.open(lockDir, dir)).close();
  });
});
