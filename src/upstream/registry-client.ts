/**
 * One question to a registry, asked as often as it takes to get an answer that means something: with a login when it wants
 * one, along redirects, past an expired signed URL. Returns whatever status came in the end.
 */
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import { traced } from '../lib/tracing.js';
import { failureOf, requirePlain } from './answers.js';
import type { Authenticator, Grant } from './authenticator.js';
import type { Breaker } from './breaker.js';
import { HeldBack, kindOf } from './held-back.js';
import { asOf, rateLimitOf, type RateLimit } from './rate-limit.js';
import { readAll, type SmallAnswer, type SmallRequest } from './small-answer.js';
import type { Lane } from './request-tally.js';
import type { HttpRequest, HttpResponse, Transport } from './transport.js';

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD';
  readonly repository: string;
  /** After `/v2/<repository>/`, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly lane: Lane;
  readonly signal: AbortSignal;
}

export interface RegistryClientOptions {
  readonly upstream: string;
  readonly url: URL;
  readonly transport: Transport;
  readonly breaker: Breaker;
  readonly clock: Clock;
}

const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Without a login, with a kept one, with a renewed one, and one more for a registry that changes its mind. */
const MOST_LOGINS = 4;
const MOST_TOKEN_BYTES = 1024 * 1024;

interface Followed {
  readonly response: HttpResponse;
  /** How many redirects led here. */
  readonly hops: number;
}

export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #held: HeldBack;
  #rateLimit: RateLimit | undefined;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#held = new HeldBack(options.upstream, options.clock);
  }

  /** Until when it had us wait, in milliseconds since the epoch; undefined when it has not. */
  get heldBackUntil(): number | undefined {
    return this.#held.until;
  }

  /** As the last answer's headers told, as far as that still holds. */
  get rateLimit(): RateLimit | undefined {
    return this.#rateLimit && asOf(this.#rateLimit, this.#options.clock.now());
  }

  /** Asks with no login and follows nothing; for token endpoints and /v2/. Throws on 429 and 5xx. */
  async ask({ url, headers, form, signal }: SmallRequest): Promise<SmallAnswer> {
    const { upstream, clock } = this.#options;
    const question = form
      ? {
          method: 'POST' as const,
          headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams(form).toString(),
        }
      : { method: 'GET' as const, headers };
    const kind = kindOf({ method: question.method, url });
    this.#held.check(kind);
    const response = await this.#send({ ...question, url, lane: 'metadata', signal });
    this.#held.note(kind, response);
    if (response.status === 429 || response.status >= 500) {
      response.discard();
      throw failureOf(response, upstream, clock.now());
    }
    const { status } = response;
    const challenges = response.headers('www-authenticate');
    if (status !== 200) {
      response.discard();
      return { status, challenges, body: Buffer.alloc(0) };
    }
    return { status, challenges, body: await readAll(response, MOST_TOKEN_BYTES) };
  }

  /** The response must be read, discarded or destroyed. A 401 means that no login we have is any better. */
  async send(request: RegistryRequest, authenticator: Authenticator): Promise<HttpResponse> {
    const { repository, signal } = request;
    const kind = kindOf({ method: request.method, url: this.#urlOf(request) });
    this.#held.check(kind);
    let grant = await authenticator.grant(repository, signal);
    for (let login = 1; ; login++) {
      const { response, hops } = await this.#resolve(request, grant);
      // Not what some storage said on the registry's behalf: only the same question is held back.
      if (kindOf({ method: request.method, url: response.url }) === kind) this.#held.note(kind, response);
      const { status } = response;
      const challenges = response.headers('www-authenticate');
      if (hops > 0 || !isRefusal(status, grant, challenges)) {
        if (grant?.kind === 'credential' && status < 400) authenticator.accepted();
        return response;
      }
      const next =
        login < MOST_LOGINS
          ? await authenticator.after({ status, challenges }, grant, repository, signal).catch(giveUp(response))
          : undefined;
      if (next === undefined) {
        if (status !== 401 || !authenticator.credentialed || grant) return response;
        response.discard();
        throw authenticator.refused(response.url.host);
      }
      response.discard();
      grant = next;
    }
  }

  /** Follows redirects. A signed URL that has expired meanwhile (a 401 or 403 elsewhere) is asked for once more. */
  async #resolve(request: RegistryRequest, grant: Grant | undefined): Promise<Followed> {
    const first = await this.#follow(request, grant);
    const { response, hops } = first;
    if (hops === 0 || (response.status !== 401 && response.status !== 403)) return first;
    response.discard();
    return this.#follow(request, grant);
  }

  async #follow(request: RegistryRequest, grant: Grant | undefined): Promise<Followed> {
    const { upstream, clock } = this.#options;
    const start = this.#urlOf(request);
    const plain = request.headers ?? {};
    let headers = grant ? { ...plain, authorization: grant.header } : plain;
    let url = start;
    for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
      const { method, lane, signal } = request;
      const response = await this.#send({ method, url, headers, lane, signal });
      if (hops === 0) this.#rateLimit = rateLimitOf(response, clock.now()) ?? this.#rateLimit;
      if (!REDIRECTS.has(response.status)) {
        if (response.status < 300) requirePlainOrDestroy(response, upstream);
        return { response, hops };
      }
      response.discard();
      url = targetOf(response, start, upstream);
      // Once the request has left the registry nothing secret goes with it again, not even back home.
      if (url.origin !== start.origin) headers = plain;
    }
    throw new AppError('UPSTREAM_INVALID', `${upstream}: more than ${MOST_REDIRECTS} redirects`);
  }

  #send(request: HttpRequest): Promise<HttpResponse> {
    const { upstream, transport, breaker } = this.#options;
    const { method, url } = request;
    const ask = () =>
      traced(method, 'client', { method, upstream, host: url.hostname }, async (tell) => {
        const response = await transport.send(request);
        tell({ status: response.status });
        return response;
      });
    return breaker.run(ask);
  }

  #urlOf({ repository, path }: RegistryRequest): URL {
    const { url } = this.#options;
    return new URL(`${url.origin}${url.pathname.replace(/\/$/, '')}/v2/${repository}/${path}`);
  }
}

/** 400 is how ECR Public calls an expired token, 403 how ECR calls an expired password; neither says so by a challenge. */
function isRefusal(status: number, grant: Grant | undefined, challenges: readonly string[]): boolean {
  if (status === 401) return true;
  if (!grant || grant.fresh || challenges.length > 0) return false;
  return (status === 400 && grant.kind === 'token') || (status === 403 && grant.kind === 'credential');
}

function targetOf(response: HttpResponse, start: URL, upstream: string): URL {
  const location = response.header('location') ?? '';
  const refuse = (code: 'UPSTREAM_INVALID' | 'UPSTREAM_FORBIDDEN_ADDRESS', what: string) =>
    new AppError(code, `${upstream}: ${response.url.host} redirects ${what}`);
  if (location === '' || !URL.canParse(location, response.url.href)) throw refuse('UPSTREAM_INVALID', 'to nowhere');
  const target = new URL(location, response.url);
  if (target.username !== '' || target.password !== '') {
    throw refuse('UPSTREAM_FORBIDDEN_ADDRESS', 'to a URL with a user name in it');
  }
  if (target.protocol !== 'https:' && !(target.protocol === 'http:' && start.protocol === 'http:')) {
    throw refuse('UPSTREAM_FORBIDDEN_ADDRESS', 'away from https');
  }
  target.hash = '';
  return target;
}

function requirePlainOrDestroy(response: HttpResponse, upstream: string): void {
  try {
    requirePlain(response, upstream);
  } catch (error) {
    response.destroy();
    throw error;
  }
}

const giveUp =
  (response: HttpResponse) =>
  (error: unknown): never => {
    response.discard();
    throw error;
  };
