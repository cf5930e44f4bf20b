/**
 * What LevelDB's failures mean. It tells damage from a disk that fails by codes of its own, but not everywhere, and says
 * why a write failed in prose alone.
 */
import { AppError, reasonsOf, systemCode } from '../lib/errors.js';

/** INDEX_CORRUPT or INDEX_FAILED. */
export function readFailure(error: unknown): AppError {
  if (isDamage(error)) return new AppError('INDEX_CORRUPT', 'the index is damaged', { cause: error });
  return new AppError('INDEX_FAILED', 'the index could not be read', { cause: error });
}

/** Tables are mapped into memory, and a read beyond the end of one that was cut is EINVAL to LevelDB, not corruption. */
export function isDamage(error: unknown): boolean {
  if (levelCode(error) === 'LEVEL_CORRUPTION') return true;
  return /\.(ldb|sst): Invalid argument\b/.test(reasonsOf(error as Error));
}

/** The most exact code that level gives: its own errors wrap LevelDB's as their cause. */
export const levelCode = (error: unknown): string | undefined =>
  systemCode((error as Error).cause) ?? systemCode(error);

export const isFullDisk = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '');
