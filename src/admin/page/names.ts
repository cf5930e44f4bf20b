/**
 * Who is told the names of repositories, which may be secret. Somebody at this very machine is: the listener is on loopback,
 * the address that was asked for is one of this machine (a hostile web page that makes its own name point here asks for that
 * name), and no proxy has passed the request on. Anybody else logs in with HTTP Basic, by `admin.auth`, or where that is not
 * given as they would to pull; where there is no such login, nobody else is told.
 */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import { ERRORS, toAppError } from '../../lib/errors.js';
import type { Reply } from '../reply.js';
import type { Status } from './status.js';

export interface NamesOptions {
  /** Whether the listener is on loopback. */
  readonly local: boolean;
  /** Throws UNAUTHORIZED, TOO_MANY_FAILURES, OVERLOADED. Undefined when there is no login. */
  readonly check: ((authorization: string | undefined, address: string) => Promise<unknown>) | undefined;
}

type Asked = Pick<IncomingMessage, 'headers' | 'socket'>;

const PASSED_ON = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

export class Names {
  readonly #options: NamesOptions;

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  async of(request: Asked): Promise<Status['names']> {
    const { local, check } = this.#options;
    if (local && isFromHere(request)) return 'shown';
    if (!check) return 'never';
    if (request.headers.authorization === undefined) return 'after login';
    return this.#check(request).then(
      () => 'shown',
      () => 'after login',
    );
  }

  /** Challenges until the login is right, then leads to the page: a browser sends the same to all pages here. */
  async login(request: Asked): Promise<Reply | undefined> {
    if (!this.#options.check) return undefined;
    try {
      await this.#check(request);
      return { status: 303, type: 'text/plain; charset=utf-8', body: 'logged in\n', headers: { Location: './' } };
    } catch (thrown) {
      const error = toAppError(thrown);
      const { http } = ERRORS[error.code];
      return {
        status: http,
        type: 'text/plain; charset=utf-8',
        body: `${error.message}\n`,
        headers: {
          ...(http === 401 && { 'WWW-Authenticate': 'Basic realm="Cistern", charset="UTF-8"' }),
          ...(error.retryAfter !== undefined && { 'Retry-After': String(error.retryAfter) }),
        },
      };
    }
  }

  async #check({ headers, socket }: Asked): Promise<void> {
    await this.#options.check?.(headers.authorization, socket.remoteAddress ?? '');
  }
}

function isFromHere({ headers }: Asked): boolean {
  if (PASSED_ON.some((name) => headers[name] !== undefined)) return false;
  const url = `http://${headers.host ?? ''}`;
  if (!URL.canParse(url)) return false;
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback');
}
