/** The list of mutants must fit the code it breaks, and the document must have all of it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agreesWithDocument } from '../support/documents.js';
import { MUTANTS } from './list.js';

const ROOT = join(import.meta.dirname, '../..');

describe('the mutants', () => {
  it('each break what stands once in its file, and name a test that is there', () => {
    for (const { what, file, from, to, test } of MUTANTS) {
      const parts = readFileSync(join(ROOT, 'src', file), 'utf8').split(from);
      assert.equal(parts.length, 2, `${what}: "${from}" stands ${parts.length - 1} times in ${file}`);
      assert.notEqual(from, to, what);
      assert.ok(existsSync(join(ROOT, 'test', `${test}.test.ts`)), `${what}: no test ${test}`);
    }
  });

  it('are in docs/reliability.md', () => {
    agreesWithDocument('docs/reliability.md', 'mutants', () =>
      [
        '| Promise | What is broken | In src/ | Seen by |',
        '|---|---|---|---|',
        ...MUTANTS.map(({ promise, what, file, test }) => `| ${promise} | ${what} | \`${file}\` | \`${test}\` |`),
      ].join('\n'),
    );
  });
});
