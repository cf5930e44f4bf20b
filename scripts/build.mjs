/** Compiles src/ to dist/, and puts beside it the files of src/ that are served as they are. */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const ASSETS = 'admin/page/assets';

rmSync(join(root, 'dist'), { recursive: true, force: true });
const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'];
const { status, error } = spawnSync(process.execPath, compiler, { cwd: root, stdio: 'inherit' });
if (error) throw error;
if (status === 0) cpSync(join(root, 'src', ASSETS), join(root, 'dist', ASSETS), { recursive: true });
process.exit(status ?? 1);
