/**
 * Who may pull, when `registry.auth` is on: HTTP Basic against an htpasswd file of bcrypt hashes. A bcrypt comparison
 * costs about 80 ms of the only thread, so a credential that was right is remembered (as a keyed hash) for five
 * minutes, comparisons run one at a time, and an address that keeps failing has to wait.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import bcrypt from 'bcryptjs';
import { LRUCache } from 'lru-cache';
import { Mutex } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';

const REMEMBERED_MS = 5 * 60_000;
const FAILURES_ALLOWED = 5;
const FAILURE_MEMORY_MS = 60_000;

/** Compared against when the user is unknown, so that the time taken does not tell. */
const NOBODY = '$2b$10$C6UzMDM.H6dfI/f/IKcEeO7ZrHqfS5J4c9GGg5bX8uT2u6qK3nT1W';

export class ClientAuth {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  readonly #verified = new LRUCache<string, { readonly until: number; readonly version: string }>({ max: 10_000 });
  readonly #failures = new LRUCache<string, { readonly count: number; readonly until: number }>({ max: 10_000 });
  readonly #comparing = new Mutex();
  #users = new Map<string, string>();
  #version = '';

  private constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Throws CONFIG_INVALID when the file has no usable line. */
  static async open({
    htpasswdFile,
    clock,
  }: {
    readonly htpasswdFile: string;
    readonly clock: Clock;
  }): Promise<ClientAuth> {
    const auth = new ClientAuth(htpasswdFile, clock);
    await auth.#load();
    if (auth.#users.size === 0) {
      throw new AppError(
        'CONFIG_INVALID',
        `${htpasswdFile} names no user; make one with: htpasswd -nB USER >> ${htpasswdFile}`,
      );
    }
    return auth;
  }

  /** Throws UNAUTHORIZED, or TOO_MANY_FAILURES for an address that has to wait. */
  async check(authorization: string | undefined, address: string): Promise<void> {
    const credentials = basicCredentials(authorization);
    if (!credentials) throw new AppError('UNAUTHORIZED', 'log in to this mirror first');
    const now = this.#clock.now();
    await this.#load();
    const known = this.#verified.get(this.#keyed(credentials));
    if (known && known.version === this.#version && now < known.until) return;

    const failures = this.#failures.get(address);
    if (failures && failures.count >= FAILURES_ALLOWED && now < failures.until) {
      const retryAfter = Math.ceil((failures.until - now) / 1000);
      throw new AppError('TOO_MANY_FAILURES', 'too many failed logins; wait a minute', { retryAfter });
    }
    const hash = this.#users.get(credentials.user) ?? NOBODY;
    const right = await this.#comparing.run(() => bcrypt.compare(credentials.password, hash));
    if (right && hash !== NOBODY) {
      this.#verified.set(this.#keyed(credentials), { until: now + REMEMBERED_MS, version: this.#version });
      this.#failures.delete(address);
      return;
    }
    const count = failures && now < failures.until ? failures.count + 1 : 1;
    this.#failures.set(address, { count, until: now + FAILURE_MEMORY_MS });
    throw new AppError('UNAUTHORIZED', 'wrong user or password');
  }

  #keyed({ user, password }: Credentials): string {
    return createHmac('sha256', this.#key).update(`${user}\0${password}`).digest('base64');
  }

  /** Again whenever the file has changed. One that cannot be read keeps the users known so far. */
  async #load(): Promise<void> {
    const found = await stat(this.#file).catch(() => undefined);
    const version = found ? `${found.mtimeMs} ${found.size}` : this.#version;
    if (version === this.#version) return;
    const users = new Map<string, string>();
    for (const line of (await readFile(this.#file, 'utf8')).split('\n')) {
      const match = /^([^:#\s][^:]*):(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})\s*$/.exec(line);
      if (match?.[1] !== undefined && match[2] !== undefined) users.set(match[1], match[2]);
    }
    this.#users = users;
    this.#version = version;
  }
}

interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** RFC 7617. */
function basicCredentials(authorization: string | undefined): Credentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
