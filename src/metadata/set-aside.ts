/** A damaged index is kept for a person to look at; the one before it is not, or a failing disk would fill up with them. */
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Renames `path` to `<path>.bad-<time>` and resolves to that name. */
export async function setAside(path: string, at: number): Promise<string> {
  const target = `${path}.bad-${new Date(at).toISOString().replaceAll(/[-:.]/g, '')}`;
  const dir = dirname(path);
  for (const name of await readdir(dir)) {
    if (name.startsWith(`${basename(path)}.bad-`)) await rm(join(dir, name), { recursive: true, force: true });
  }
  await rename(path, target);
  return target;
}
