/**
 * Runs the tests: all that need nothing but Node, or only the files and folders named as arguments.
 * End-to-end tests and fault injection need other programs, so they run only when named: `npm run test:e2e`,
 * `npm run test:faults`, `npm run test:deploy`.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..');
const NEEDS_MORE_THAN_NODE = ['test/deploy/', 'test/e2e/', 'test/faults/'];

const named = process.argv.slice(2);
const missing = named.filter((path) => !existsSync(path));
if (missing.length > 0) fail(`no such file or folder: ${missing.join(', ')}`);

const files =
  named.length > 0
    ? named.flatMap((path) => (statSync(path).isDirectory() ? testsIn(path) : [path]))
    : testsIn(join(root, 'test')).filter(
        (file) => !NEEDS_MORE_THAN_NODE.some((folder) => relative(root, file).startsWith(folder)),
      );
if (files.length === 0) fail('no test files found');

const reporter = pathToFileURL(join(import.meta.dirname, 'test-reporter.mjs')).href;
// Node 20 takes no patterns, so the files are listed; the limit is for a file that hangs, not for a slow machine, and
// long runs of the fault lab lift it.
const runner = spawn(
  process.execPath,
  [
    '--import',
    'tsx',
    '--test',
    `--test-timeout=${process.env.CISTERN_TEST_TIMEOUT ?? 600_000}`,
    `--test-reporter=${reporter}`,
    '--test-reporter-destination=stdout',
    ...files.sort(),
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? '16' } },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => runner.kill(signal));
runner.on('exit', (code) => process.exit(code ?? 1));

function testsIn(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
}

function fail(message) {
  process.stderr.write(`test: ${message}\n`);
  process.exit(2);
}
