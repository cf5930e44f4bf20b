/**
 * Asks a docker credential helper for a host's credential: `docker-credential-NAME get`, the host on its stdin, JSON on its
 * stdout. What it prints is never repeated anywhere, for it may be the secret.
 */
import { execFile, type ExecFileException } from 'node:child_process';
import { AppError } from '../../lib/errors.js';
import type { Credential } from './credential-source.js';

const MOST_OUTPUT = 64 * 1024;
/** What helpers print, on stdout, when they know nothing of the host. */
const UNKNOWN = 'credentials not found in native keychain';
/** The user name with which a helper says that the secret is an identity token. */
const IDENTITY = '<token>';

/** `name` must have been checked by the configuration's grammar: no separator, so PATH alone decides what runs. */
export async function askHelper(name: string, host: string, signal: AbortSignal): Promise<Credential> {
  const helper = `docker-credential-${name}`;
  const { Username: username, Secret: secret } = parse(await run(helper, host, signal));
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw unusable(helper, 'answered something that is no credential');
  }
  if (secret === '') throw unusable(helper, `has no credential for ${host}`);
  return username === IDENTITY ? { kind: 'refresh', token: secret } : { kind: 'password', username, password: secret };
}

const unusable = (helper: string, what: string) => new AppError('UPSTREAM_CREDENTIALS', `${helper} ${what}`);

function run(helper: string, host: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: ownEnvironment(), maxBuffer: MOST_OUTPUT, killSignal: 'SIGKILL', signal } as const;
    const child = execFile(helper, ['get'], options, (error, stdout) => {
      if (!error) resolve(stdout);
      else if (stdout.trim() === UNKNOWN) reject(unusable(helper, `has no credential for ${host}`));
      else reject(unusable(helper, complaint(error)));
    });
    // It may end without having read.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(host);
  });
}

/** Cistern's own configuration, which may hold other upstreams' passwords, is none of its business. */
const ownEnvironment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CISTERN_')));

function complaint({ code }: ExecFileException): string {
  if (code === 'ENOENT') return 'is not in the PATH';
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `printed more than ${MOST_OUTPUT} bytes`;
  return typeof code === 'number' ? `failed with exit code ${code}` : `failed (${code ?? 'killed'})`;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
