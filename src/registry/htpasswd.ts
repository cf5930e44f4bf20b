/**
 * Reads an htpasswd file: `user:hash` lines, comments and blank lines. Hashes are bcrypt and nothing else: MD5 and SHA-1 are
 * guessed too fast, and a plain password is worse. A line that will not do is an error that names it and quotes nothing.
 */
import { AppError } from '../lib/errors.js';

export interface Users {
  readonly hashes: ReadonlyMap<string, string>;
  /** What an unknown user's password is compared with, so that the time it takes does not tell. */
  readonly costliest: string;
}

/** Each step doubles the time; what is above this takes seconds, and holds up everybody else's login. */
const MOST_COST = 14;

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** Throws CONFIG_INVALID that names file and line. */
export function parseHtpasswd(text: string, file: string): Users {
  const hashes = new Map<string, string>();
  let costliest: { readonly cost: number; readonly hash: string } | undefined;
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const refuse = (why: string) =>
      new AppError('CONFIG_INVALID', `${file}:${index + 1}: ${why}; make one with: htpasswd -nB USER`);
    const colon = line.indexOf(':');
    const [user, hash] = [line.slice(0, colon), line.slice(colon + 1)];
    if (colon < 1) throw refuse('expected user:hash');
    const cost = Number(BCRYPT.exec(hash)?.[1]);
    if (Number.isNaN(cost)) throw refuse(`expected a bcrypt hash, not ${kindOf(hash)}`);
    if (cost < 4 || cost > MOST_COST) throw refuse(`expected a bcrypt cost from 4 to ${MOST_COST}, not ${cost}`);
    if (hashes.has(user)) throw refuse('this user is named further up');
    hashes.set(user, hash);
    if (!costliest || cost > costliest.cost) costliest = { cost, hash };
  }
  if (!costliest)
    throw new AppError('CONFIG_INVALID', `${file} names no user; make one with: htpasswd -nB USER >> ${file}`);
  return { hashes, costliest: costliest.hash };
}

function kindOf(hash: string): string {
  if (hash.startsWith('$apr1$') || hash.startsWith('$1$')) return 'MD5';
  if (hash.startsWith('{SHA}')) return 'SHA-1';
  if (/^\$[56]\$/.test(hash)) return 'SHA-2 crypt';
  if (hash.startsWith('$2')) return 'something like it';
  return 'crypt or plain text';
}
