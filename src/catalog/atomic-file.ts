/** A file that is either the old one or the new one, whole and on the disk, whatever happens while it is written. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export async function writeAtomically(path: string, chunks: AsyncIterable<string> | Iterable<string>): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      for await (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** What a process that was killed meanwhile has left. */
export const removeUnfinished = (path: string): Promise<void> => rm(temporaryOf(path), { force: true });

const temporaryOf = (path: string): string => `${path}.tmp`;

async function syncDirectory(path: string): Promise<void> {
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}
