/** What scripts/install puts where. The packages that npm would bring are those of this tree; the image's test has real ones. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { run } from '../e2e/support/processes.js';
import { suiteScope, temporaryDirectory } from '../support/tmp.js';

const SOURCES = [
  ...['dist', 'proto', 'docs', 'config', 'deploy', 'scripts', 'package.json', 'package-lock.json'],
  ...['LICENSE', 'README.md', 'CHANGELOG.md'],
];

/** `npm ci --prefix DIRECTORY …`: makes a package by itself, with the umask that it is given. */
const NPM = `#!/bin/sh
mkdir "$3/node_modules" "$3/node_modules/made"
echo '{}' >"$3/node_modules/made/package.json"
ln -s '${process.cwd()}'/node_modules/* "$3/node_modules/"
`;

const scope = suiteScope();

describe('what is installed', () => {
  let root: string;
  before(async () => {
    const dir = await temporaryDirectory(scope);
    root = join(dir, 'root');
    await mkdir(join(dir, 'bin'));
    await writeFile(join(dir, 'bin/npm'), NPM, { mode: 0o755 });
    const tree = join(dir, 'tree');
    await mkdir(tree);
    for (const name of SOURCES) await cp(name, join(tree, name), { recursive: true });
    // As a careful administrator's: nothing that was built or is made is for others.
    await run('chmod', ['-R', 'go=', tree]);
    const env = { DESTDIR: root, PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}` };
    await run('sh', ['-c', 'umask 077; exec "$1"', 'sh', join(tree, 'scripts/install')], env);
  });

  it('can be read and run by everybody, and written by its owner alone, whatever the umask', async () => {
    const paths = await readdir(root, { recursive: true });
    assert.ok(paths.length > 200, `${paths.length}`);
    for (const name of ['usr/lib/cistern/dist/main.js', 'usr/lib/cistern/node_modules/made/package.json'])
      assert.ok(paths.includes(name), name);
    const bad: string[] = [];
    for (const name of paths) {
      const path = join(root, name);
      // Where a link leads is not what was installed, but for the program's.
      if (/node_modules\/[^/]+/.test(name) && !name.includes('node_modules/made')) continue;
      const { mode } = await stat(path);
      const executable =
        (mode & 0o170000) === 0o040000 || name.endsWith('dist/main.js') || name.endsWith('bin/cistern');
      if ((mode & 0o777) !== (executable ? 0o755 : 0o644)) bad.push(`${name} ${(mode & 0o777).toString(8)}`);
    }
    assert.deepEqual(bad, []);
    assert.match(await run(join(root, 'usr/bin/cistern'), ['--version']), /^\d/);
  });

  it('has the documents where Debian looks for them', async () => {
    const doc = join(root, 'usr/share/doc/cistern');
    assert.deepEqual((await readdir(doc)).sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'docs']);
    assert.deepEqual((await readdir(join(doc, 'docs'))).sort(), (await readdir('docs')).sort());
  });
});
