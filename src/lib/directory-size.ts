/** How many bytes the files of a directory have. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from './clock.js';

/** Of the files that lie in it directly. What goes while it is looked at counts nothing. */
export async function directorySize(dir: string): Promise<number> {
  const names = await readdir(dir);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(dir, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The same for those who ask often of a directory with many files: it is looked at again only after `ms`. */
export function rememberedSize(dir: string, clock: Clock, ms: number): () => Promise<number> {
  let known: { readonly at: number; readonly bytes: Promise<number> } | undefined;
  return () => {
    const now = clock.monotonic();
    if (!known || now - known.at >= ms) known = { at: now, bytes: directorySize(dir) };
    return known.bytes;
  };
}
