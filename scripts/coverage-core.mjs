/**
 * Every branch of what must not lose or confuse anything is run by its own tests: the spool, the blob store, the index, the
 * flight and the collector. Fails below that, and names the file.
 */
import { spawnSync } from 'node:child_process';

const FILES = [
  'src/content/spool*.ts',
  'src/content/filesystem-blob-store.ts',
  'src/metadata/*.ts',
  'src/catalog/*.ts',
  'src/cache/flight.ts',
  'src/cache/collect/*.ts',
];
const TESTS = ['test/content', 'test/metadata', 'test/catalog', 'test/cache', 'test/cases'];

const options = ['--all=false', '--per-file', '--lines=0', '--branches=100', '--reporter=text'];
const include = FILES.flatMap((file) => ['--include', file]);
const command = ['c8', ...options, ...include, 'node', 'scripts/test.mjs', ...TESTS];
process.exit(spawnSync('npx', command, { stdio: 'inherit' }).status ?? 1);
