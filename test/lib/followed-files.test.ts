import assert from 'node:assert/strict';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FollowedFiles } from '../../src/lib/followed-files.js';
import { createLog } from '../../src/lib/log.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryDirectory } from '../support/tmp.js';

async function follow(t: TestContext) {
  const dir = await temporaryDirectory(t);
  const paths = [join(dir, 'a'), join(dir, 'b')] as const;
  for (const path of paths) await writeFile(path, 'old');
  const lines: string[] = [];
  const { logger: log } = createLog({ level: 'info', format: 'json' }, { write: (line) => void lines.push(line) });
  const clock = new ManualClock();
  const read = async () => {
    const text = (await Promise.all(paths.map((path) => readFile(path, 'utf8')))).join('+');
    if (text.includes('bad')) throw new Error('these will not do');
    return text;
  };
  const files = await FollowedFiles.open({ paths, read, clock, log });
  t.after(() => files.close());
  return { paths, files, clock, lines };
}

describe('followed files', () => {
  it('are read again when one of them changes, also within the same size and time', async (t) => {
    const { paths, files } = await follow(t);
    await utimes(paths[1], 1, 1);
    await files.look();
    await writeFile(paths[1], 'new');
    await utimes(paths[1], 1, 1);
    await files.look();
    assert.equal(files.value, 'old+new');
  });

  it('are looked at every few seconds until they are closed', async (t) => {
    const { paths, files, clock } = await follow(t);
    const seen: string[] = [];
    files.onChange((value) => void seen.push(value));
    await writeFile(paths[0], 'newer');
    await clock.advance(2_000);
    await files.look();
    assert.deepEqual(seen, ['newer+old']);
    files.close();
    assert.equal(clock.waiting, 0);
  });

  it('keep the old value while they will not do, say so once, and are taken as soon as they will', async (t) => {
    const { paths, files, lines } = await follow(t);
    await writeFile(paths[0], 'bad');
    await files.look();
    await files.look();
    assert.equal(files.value, 'old+old');
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /"level":"error".*these will not do.*stays in force/);
    await writeFile(paths[0], 'good');
    await files.look();
    assert.equal(files.value, 'good+old');
  });

  it('keep the old value when whoever needs it will not have the new one', async (t) => {
    const { paths, files } = await follow(t);
    let willing = false;
    files.onChange(() => {
      if (!willing) throw new Error('no');
    });
    await writeFile(paths[0], 'new');
    await files.look();
    assert.equal(files.value, 'old+old');
    willing = true;
    await files.look();
    assert.equal(files.value, 'new+old');
  });

  it('must be good at first', async (t) => {
    const { logger: log } = createLog({ level: 'info', format: 'json' }, { write: () => undefined });
    const paths = [join(await temporaryDirectory(t), 'missing')];
    const read = () => Promise.resolve('');
    await assert.rejects(FollowedFiles.open({ paths, read, clock: new ManualClock(), log }), { code: 'ENOENT' });
  });
});
