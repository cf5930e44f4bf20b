/**
 * Breaks the code, one line at a time, and expects that a test sees it: test/mutants/list.ts says which. In a copy of the
 * project, so that nothing is left broken. A mutant that no test sees fails the run.
 *
 *   npm run test:mutants             all of them, in some minutes
 *   npm run test:mutants -- spool    those whose file or description has this in it
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { MUTANTS } = await import('../test/mutants/list.ts');

const root = join(import.meta.dirname, '..');
const copy = mkdtempSync(join(tmpdir(), 'cistern-mutants-'));
const wanted = process.argv.slice(2);
const chosen = MUTANTS.filter(({ file, what }) => wanted.every((word) => `${file} ${what}`.includes(word)));
const say = (line) => process.stdout.write(`${line}\n`);
/** Tests that pass when nothing is broken. */
const sound = new Map();

let unseen = 0;
try {
  for (const part of ['src', 'test', 'scripts', 'proto', 'config', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const mutant of chosen) {
    const { what, file, from, to, test } = mutant;
    if (!sound.has(test)) sound.set(test, passes(test));
    const path = join(copy, 'src', file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      source.replace(from, () => to),
    );
    const seen = sound.get(test) && !passes(test);
    writeFileSync(path, source);
    if (!seen) unseen++;
    say(
      `${seen ? 'seen  ' : 'UNSEEN'}  ${file}: ${what} (${sound.get(test) ? test : `${test} fails when nothing is broken`})`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
say(`${chosen.length - unseen} of ${chosen.length} mutants were seen`);
process.exit(unseen > 0 || chosen.length === 0 ? 1 : 0);

/** A mutant may hang a test for ever: that is seen too. */
function passes(test) {
  const run = spawnSync(process.execPath, ['scripts/test.mjs', `test/${test}.test.ts`], {
    cwd: copy,
    env: { ...process.env, CISTERN_TEST_TIMEOUT: '120000' },
    timeout: 180_000,
  });
  return run.status === 0;
}
