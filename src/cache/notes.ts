/**
 * What a pull writes down in passing: that a tag was seen to move, that somebody asked, that upstream confirmed. No pull
 * fails because the index takes no writes: it has its answer already, and the next one learns the same again.
 */
import { isAppError, type AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';

/** Resolves to whether it is written, or cannot be. `what` is for the log. */
export async function note(log: Pick<Logger, 'warn'>, what: string, written: Promise<void>): Promise<boolean> {
  try {
    await written;
    return true;
  } catch (error) {
    if (!cannotBeWritten(error)) throw error;
    log.warn({ err: error }, `${what} was not written down`);
    return false;
  }
}

/** The disk or the index refuses, whatever it is that is to be written. */
export const cannotBeWritten = (error: unknown): error is AppError =>
  isAppError(error, 'STORE_FULL', 'STORE_FAILED', 'INDEX_FAILED', 'INDEX_CORRUPT');
