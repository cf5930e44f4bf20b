/**
 * Makes a fresh clone runnable: installs the packages, then builds. `npm start` and `npm test` call it every time, so it
 * does only what is missing, and says what it does. The npm registry is needed only when packages are missing.
 *
 * npm leaves its own stamp in node_modules: a copy of the lock file with what it installed. Comparing that with
 * package-lock.json also notices `npm ci --omit=dev`, a branch with other packages, and an install that was cut short.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const say = (text) => process.stderr.write(`${text}\n`);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  say(`Cistern needs Node.js 20.19 or newer; this is ${process.version}.`);
  process.exit(2);
}

if (!isInstalled()) {
  say('Installing packages (once; needs the npm registry) …');
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
}
const sources = fingerprint();
if (read('dist/.built-from') !== sources) {
  say('Building …');
  run(process.execPath, ['scripts/build.mjs']);
  writeFileSync(join(root, 'dist/.built-from'), sources);
}

function isInstalled() {
  const installed = packages('node_modules/.package-lock.json');
  const wanted = packages('package-lock.json');
  if (!installed || !wanted) return false;
  const same = (path) =>
    installed[path]?.version === wanted[path]?.version && installed[path]?.integrity === wanted[path]?.integrity;
  return (
    Object.keys(installed).every(same) &&
    // Optional packages are for one platform each, so most of them are rightly absent.
    Object.keys(wanted).every((path) => same(path) || (wanted[path].optional && !installed[path]))
  );
}

function packages(lockFile) {
  const text = read(lockFile);
  if (text === undefined) return undefined;
  const { packages: entries } = JSON.parse(text);
  delete entries['']; // the project itself
  return entries;
}

/** What the build depends on, as one digest: unchanged sources are not compiled again. */
function fingerprint() {
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash('sha256');
  for (const file of [
    ...files,
    ...['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/build.mjs'].map((name) =>
      join(root, name),
    ),
  ]) {
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function read(path) {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  say(`Set-up failed: ${command} ${args.join(' ')} ${error ? error.message : `ended with ${status ?? 'a signal'}`}`);
  process.exit(1);
}
