/**
 * The version of a data directory's layout, in its file `format`. It rises with every change that an older program would
 * read wrongly: to where blobs lie, or to what `snapshot` and `statistics` say. (The index has a number of its own: one of
 * another number is made anew from those.) A directory from before there was such a file is of version 1.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, systemCode } from '../lib/errors.js';
import { writeAtomically } from './atomic-file.js';

const LAYOUT = 1;

/** To be called before anything in it is read. Throws AppError LAYOUT_UNKNOWN, and has changed nothing then. */
export async function checkLayout(dataDir: string): Promise<void> {
  const file = join(dataDir, 'format');
  const found = await readVersion(file);
  if (found === undefined) {
    // Absence says the same, so a full disk is no reason not to start.
    await writeAtomically(file, [`${LAYOUT}\n`]).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOSPC') throw error;
    });
  } else if (found !== LAYOUT) {
    throw new AppError(
      'LAYOUT_UNKNOWN',
      `${dataDir} has layout ${found}, and this version of cistern knows ${LAYOUT} only; ` +
        'run the version that wrote it, or name another directory by dataDir or CISTERN_DATA_DIR',
    );
  }
}

async function readVersion(file: string): Promise<number | string | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    return /^\d{1,9}$/.test(text) ? Number(text) : JSON.stringify(text.slice(0, 20));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
