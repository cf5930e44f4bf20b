/** A data directory is only touched by a program that knows its layout. */
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkLayout } from '../../src/catalog/layout.js';
import { startTestDaemon } from '../support/daemon.js';
import { temporaryDirectory } from '../support/tmp.js';

const unknown = { code: 'LAYOUT_UNKNOWN' };

describe('the layout of a data directory', () => {
  it('is written down in a new one, and in one from before it was', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'blobs'));
    await checkLayout(dir);
    assert.equal(await readFile(join(dir, 'format'), 'utf8'), '1\n');
    await checkLayout(dir);
  });

  for (const text of ['2\n', '0\n', '', 'one\n']) {
    it(`is refused when it is ${JSON.stringify(text)}, and nothing is changed`, async (t) => {
      const dir = await temporaryDirectory(t);
      await writeFile(join(dir, 'format'), text);
      await assert.rejects(checkLayout(dir), unknown);
      assert.deepEqual(await readdir(dir), ['format']);
      assert.equal(await readFile(join(dir, 'format'), 'utf8'), text);
    });
  }

  it('may be missing where the disk is full, which says the same, but not for another reason', async (t) => {
    const dir = await temporaryDirectory(t);
    await symlink('/dev/full', join(dir, 'format.tmp'));
    await checkLayout(dir);
    assert.deepEqual(await readdir(dir), []);
    await assert.rejects(checkLayout(join(dir, 'nowhere')), { code: 'ENOENT' });
  });

  it('fails when it cannot be read', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'format'));
    await assert.rejects(checkLayout(dir), { code: 'EISDIR' });
  });

  it('keeps a daemon from starting on what a newer one wrote, until that is put right', async (t) => {
    const daemon = await startTestDaemon(t, { upstreams: [{ name: 'registry.test', url: 'http://127.0.0.1:9' }] });
    await daemon.stop();
    const format = join(daemon.dataDir, 'format');
    await writeFile(format, '2\n');
    const before = (await readdir(daemon.dataDir)).sort();
    await assert.rejects(daemon.start(), (error: Error) => {
      assert.ok(error.message.includes(`${daemon.dataDir} has layout 2`), error.message);
      assert.match(error.message, /another directory by dataDir or CISTERN_DATA_DIR$/);
      return true;
    });
    assert.deepEqual((await readdir(daemon.dataDir)).sort(), before);
    await writeFile(format, '1\n');
    await daemon.start();
  });
});
