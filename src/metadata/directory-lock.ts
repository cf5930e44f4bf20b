/**
 * One daemon for each data directory. Node.js has no file locks, LevelDB has: a second, empty database is opened first and
 * closed last, so that the directory is held also while the index itself is being reopened. The kernel lets go of the
 * lock when the process dies, so nothing is ever left behind.
 */
import { mkdir, rm } from 'node:fs/promises';
import { Level } from 'level';
import { AppError } from '../lib/errors.js';
import { levelCode } from './level-failures.js';

export class DirectoryLock {
  readonly #level: Level;

  private constructor(level: Level) {
    this.#level = level;
  }

  /** Throws AppError DIRECTORY_IN_USE, naming `directory`, when another process (or this one) holds `lockDir`. */
  static async open(lockDir: string, directory: string): Promise<DirectoryLock> {
    try {
      return new DirectoryLock(await lock(lockDir));
    } catch (error) {
      if (isLocked(error)) {
        throw new AppError(
          'DIRECTORY_IN_USE',
          `${directory} is in use by another cistern; each needs its own dataDir`,
          {
            cause: error,
          },
        );
      }
      throw new AppError('INDEX_FAILED', `${directory} could not be locked`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

const isLocked = (error: unknown): boolean => levelCode(error) === 'LEVEL_LOCKED';

async function lock(dir: string): Promise<Level> {
  try {
    return await opened(dir);
  } catch (error) {
    if (isLocked(error)) throw error;
    // Nothing is kept in it, so one that a power cut left unreadable is made again. Nobody holds it: that is asked first.
    await rm(dir, { recursive: true, force: true });
    return opened(dir);
  }
}

async function opened(dir: string): Promise<Level> {
  await mkdir(dir, { recursive: true });
  const level = new Level(dir);
  await level.open();
  return level;
}
