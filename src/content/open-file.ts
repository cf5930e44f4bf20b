/**
 * The few calls on the file system whose failure decides what may be promised: tests put their own in place to cause
 * short writes, full disks and failing fsyncs. Everything else calls node:fs directly.
 */
import { open, statfs } from 'node:fs/promises';
import { AppError, isDiskDamage, systemCode } from '../lib/errors.js';

export interface FileStat {
  readonly size: number;
  readonly ino: number;
  readonly mtimeMs: number;
}

/** The part of node's FileHandle that spools and stores need. */
export interface OpenFile {
  /** May write less than it was given. */
  writev(buffers: readonly Uint8Array[], position: number): Promise<{ readonly bytesWritten: number }>;
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  sync(): Promise<void>;
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  stat(): Promise<FileStat>;
  /** Waits for what is under way on the file. */
  close(): Promise<void>;
}

export interface FileSystem {
  open(path: string, flags: string): Promise<OpenFile>;
  /** Bytes that may still be written to the file system that holds `path`. */
  free(path: string): Promise<number>;
}

export const nodeFileSystem: FileSystem = {
  open: (path, flags) => open(path, flags, 0o600),
  free: async (path) => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

/** For what is read of a stored blob. */
export const readError = (error: unknown, doing: string): AppError =>
  isDiskDamage(error)
    ? new AppError('BLOB_CORRUPT', 'a stored blob cannot be read', { cause: error })
    : storageError(error, doing);

/** What a system error means to us: no space, no descriptors, or a store that failed. */
export function storageError(error: unknown, doing: string): AppError {
  if (error instanceof AppError) return error;
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('STORE_FULL', `no space left while ${doing}`, { cause: error });
  }
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new AppError('OVERLOADED', `too many open files while ${doing}`, { cause: error, retryAfter: 1 });
  }
  return new AppError('STORE_FAILED', `the storage failed while ${doing}`, { cause: error });
}

/** Makes new and renamed entries of a directory durable. */
export async function syncDirectory(fs: FileSystem, path: string): Promise<void> {
  const directory = await fs.open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
