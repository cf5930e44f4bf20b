/** Why the daemon did not start, in the words of somebody who can mend it. */
import { isAppError, systemCode } from '../lib/errors.js';
import { SETUP_ERRORS } from './output.js';

/**
 * A line (or one for each problem of the configuration) for what the user's set-up makes impossible; undefined for
 * everything else, which is a bug or a fault and wants its stack. Looks through causes, because layers wrap them.
 */
export function startupProblem(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    if (isAppError(cause, ...SETUP_ERRORS)) return cause.message;
    const line = systemProblem(cause);
    if (line !== undefined) return line;
  }
  return undefined;
}

function systemProblem(error: Error): string | undefined {
  const code = systemCode(error);
  if (code === undefined) return undefined;
  const listening = field(error, 'syscall') === 'listen' || field(error, 'syscall') === 'bind';
  const path = field(error, 'path');
  const address = addressOf(error);
  if (code === 'EADDRINUSE') return `${address} is in use by another process; stop it, or change the listen address`;
  if (code === 'EADDRNOTAVAIL') return `${address} is no address of this machine; change the listen address`;
  if (listening && (code === 'EACCES' || code === 'EPERM')) return `listening on ${address} is not permitted (${code})`;
  if (listening) return `cannot listen on ${address} (${code})`;
  if (code === 'EACCES' || code === 'EPERM')
    return `${path ?? 'a file'} cannot be written by user ${process.getuid?.() ?? '?'} (${code})`;
  if (code === 'EROFS') return `${path ?? 'a file'} is on a read-only file system (${code})`;
  if (code === 'ENOTDIR' || code === 'EEXIST') return `${path ?? 'a file'} is in the way of a directory (${code})`;
  return undefined;
}

function addressOf(error: Error): string {
  const host = field(error, 'address') ?? 'the address';
  const port = field(error, 'port');
  if (port === undefined || port === '-1') return host;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function field(error: Error, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
