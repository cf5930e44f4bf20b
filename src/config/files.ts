/** Checks on files that the configuration names, made when it is read, so that nothing fails on the first pull instead. */
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemCode } from '../lib/errors.js';

/** The absolute path of a file that can be read. Throws an Error that says what is wrong with it. */
export function readableFile(input: unknown): string {
  return inspect(input).path;
}

/**
 * The same for one that nobody else may read. Group access is accepted only where it is what gives us ours: Kubernetes
 * mounts secrets as root with the pod's group.
 */
export function secretFile(input: unknown): string {
  const { path, mode, uid, size } = inspect(input);
  const ours = uid === process.getuid?.();
  const tooOpen = ours ? 0o077 : 0o007;
  if ((mode & tooOpen) !== 0) {
    throw new Error(
      `${path} holds a secret but others may read it (mode ${(mode & 0o777).toString(8).padStart(4, '0')}); run chmod 600 on it`,
    );
  }
  if (size === 0) throw new Error(`${path} holds a secret but is empty`);
  return path;
}

function inspect(input: unknown): { path: string; mode: number; uid: number; size: number } {
  if (typeof input !== 'string' || input === '') throw new Error('expected the path of a file');
  const path = resolve(input);
  try {
    const { mode, uid, size } = statted(path);
    accessSync(path, constants.R_OK);
    return { path, mode, uid, size };
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new Error(`${path} ${code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`}`, { cause: error });
  }
}

function statted(path: string) {
  const stats = statSync(path);
  // Neither a directory nor a device; a pipe has no size and can be read once only.
  if (!stats.isFile()) throw new Error(`${path} is not a file`);
  return stats;
}
