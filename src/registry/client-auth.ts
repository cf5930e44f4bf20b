/**
 * Who may pull when `registry.auth` is on, and who logs in to the status page: HTTP Basic against an htpasswd file. A
 * credential that was right is remembered (as a keyed hash) for five minutes, unless the file changes; one that is being
 * checked is checked once for all who send it. Who keeps failing has to wait: first the one user at the one address, later
 * the address; nobody else does.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import { KeyedMutex, SingleFlight } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import { FollowedFiles } from '../lib/followed-files.js';
import type { Logger } from '../lib/log.js';
import { parseHtpasswd, type Users } from './htpasswd.js';
import { PasswordChecks } from './password-checks.js';

const REMEMBERED_MS = 5 * 60_000;
const REMEMBERED = 10_000;
const FAILURE_MEMORY_MS = 60_000;
const FAILURES_REMEMBERED = 20_000;
const FAILURES_OF_USER = 5;
const FAILURES_OF_ADDRESS = 50;

interface Failures {
  readonly count: number;
  readonly until: number;
}

export class ClientAuth {
  readonly #files: FollowedFiles<Users>;
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  /** Until when, by keyed credential. */
  readonly #verified = new LRUCache<string, number>({ max: REMEMBERED });
  readonly #failures = new LRUCache<string, Failures>({ max: FAILURES_REMEMBERED });
  readonly #turns = new KeyedMutex();
  readonly #running = new SingleFlight<boolean>();
  readonly #checks = new PasswordChecks();
  #failed = 0;

  private constructor(files: FollowedFiles<Users>, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
    files.onChange(() => this.#verified.clear());
  }

  /** Throws CONFIG_INVALID when the file has a line that will not do, or no user. */
  static async open(htpasswdFile: string, clock: Clock, log: Logger): Promise<ClientAuth> {
    const read = async () => parseHtpasswd(await readFile(htpasswdFile, 'utf8'), htpasswdFile);
    return new ClientAuth(await FollowedFiles.open({ paths: [htpasswdFile], read, clock, log }), clock);
  }

  /** Logins with a wrong user or password, since the start. */
  get failedLogins(): number {
    return this.#failed;
  }

  /** Looks at the file now. */
  reread(): Promise<void> {
    return this.#files.look();
  }

  async close(): Promise<void> {
    this.#files.close();
    await this.#checks.close();
  }

  /** Who it is. Throws UNAUTHORIZED; TOO_MANY_FAILURES for who has to wait; OVERLOADED. */
  async check(authorization: string | undefined, address: string): Promise<string> {
    const credentials = basicCredentials(authorization);
    if (!credentials) throw new AppError('UNAUTHORIZED', 'log in to this mirror first');
    const { user, password } = credentials;
    const key = createHmac('sha256', this.#key).update(`${user}\0${password}`).digest('base64');
    if (this.#isVerified(key)) return user;
    const from = networkOf(address);
    // One at a time, so that a thousand guesses sent at once are not all under way before the first has failed.
    return this.#turns.run(from, async () => {
      if (this.#isVerified(key)) return user;
      this.#requirePatience(`${from} ${user}`, FAILURES_OF_USER);
      this.#requirePatience(from, FAILURES_OF_ADDRESS);
      if (await this.#isRight(credentials, key)) {
        this.#failures.delete(`${from} ${user}`);
        return user;
      }
      this.#failed++;
      for (const whose of [`${from} ${user}`, from]) this.#countFailure(whose);
      throw new AppError('UNAUTHORIZED', 'wrong user or password');
    });
  }

  #isVerified(key: string): boolean {
    return this.#clock.monotonic() < (this.#verified.get(key) ?? 0);
  }

  async #isRight({ user, password }: Credentials, key: string): Promise<boolean> {
    const users = this.#files.value;
    const hash = users.hashes.get(user);
    const against = hash ?? users.costliest;
    const right = await this.#running.run(`${key} ${against}`, () => this.#checks.compare(password, against));
    if (!right || hash === undefined) return false;
    // What was found in a file that has changed meanwhile counts for this request only.
    if (users === this.#files.value) this.#verified.set(key, this.#clock.monotonic() + REMEMBERED_MS);
    return true;
  }

  #requirePatience(whose: string, allowed: number): void {
    const failures = this.#failures.get(whose);
    const left = (failures?.until ?? 0) - this.#clock.monotonic();
    if (!failures || failures.count < allowed || left <= 0) return;
    throw new AppError('TOO_MANY_FAILURES', 'too many failed logins; wait a minute', {
      retryAfter: Math.ceil(left / 1000),
    });
  }

  #countFailure(whose: string): void {
    const now = this.#clock.monotonic();
    const before = this.#failures.get(whose);
    const count = before && now < before.until ? before.count + 1 : 1;
    this.#failures.set(whose, { count, until: now + FAILURE_MEMORY_MS });
  }
}

/** An IPv6 network of 64 bits belongs to one customer, who could otherwise take another address for each guess. */
function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const ip = ipaddr.process(address);
  return ip instanceof ipaddr.IPv6 ? ip.parts.slice(0, 4).join(':') : ip.toString();
}

interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** RFC 7617. */
export function basicCredentials(authorization: string | undefined): Credentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
