/**
 * Logs in to an upstream the way it asks for: not at all, by Basic, or by a Bearer token from the realm it names (docker
 * "Token Authentication Specification"). Tokens are kept for as long as they live and fetched once for all who wait. Our
 * credential goes to the upstream's own host and to the realms it was configured with. If it is refused, that is AppError
 * UPSTREAM_CREDENTIALS, and never a reason to ask anonymously instead; the next request tries again.
 */
import { LRUCache } from 'lru-cache';
import { abortable, SingleFlight } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { parseChallenges, type Challenge } from './challenge.js';
import type { Credential, CredentialSource } from './credentials/credential-source.js';
import { allowedRealm } from './realm.js';
import { tokenFrom, type Token } from './token.js';
import type { SmallAnswer, SmallRequest } from './small-answer.js';

/** What a request is sent with. */
export interface Grant {
  readonly scheme: 'basic' | 'bearer';
  readonly header: string;
  /** Made for this very request: asking for another one would give the same. */
  readonly fresh: boolean;
}

interface Login {
  readonly scheme: 'basic' | 'bearer';
  readonly realm?: URL;
  readonly service?: string | undefined;
}

export interface AuthenticatorOptions {
  readonly upstream: string;
  readonly url: URL;
  readonly realms: readonly string[];
  /** Without it the upstream is asked anonymously. */
  readonly credentials: CredentialSource | undefined;
  /** Sends a request that needs no login; throws on 429 and 5xx. */
  readonly ask: (request: SmallRequest) => Promise<SmallAnswer>;
  readonly clock: Clock;
  readonly log: Logger;
}

const REPOSITORIES = 10_000;
const LOG_EVERY_MS = 60_000;

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #tokens = new LRUCache<string, Token>({ max: REPOSITORIES });
  readonly #fetches = new SingleFlight<Token | undefined>();
  readonly #pings = new SingleFlight<undefined>();
  /** The scope that upstream asked for, by repository, where it is not the usual one. */
  readonly #scopes = new LRUCache<string, string>({ max: REPOSITORIES });
  #login: Login | undefined;
  #pinged = false;
  /** Some registries know one scope for everything (ECR Public), or none at all (Nexus). */
  #commonScope: string | undefined;
  #loggedAt: number | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  get credentialed(): boolean {
    return this.#options.credentials !== undefined;
  }

  /** What to send a first request with; undefined for nothing. */
  async grant(repository: string, signal: AbortSignal): Promise<Grant | undefined> {
    // A registry may answer 404 to strangers and challenge on /v2/ only, so with a credential that is asked first.
    if (!this.#login && !this.#pinged && this.credentialed) await this.#ping(signal);
    return this.#grantFor(repository, signal);
  }

  /** What to try after upstream refused `used`; undefined when there is nothing better. */
  async after(
    refusal: Refusal,
    used: Grant | undefined,
    repository: string,
    signal: AbortSignal,
  ): Promise<Grant | undefined> {
    const challenge = this.#choose(refusal.challenges);
    if (challenge) this.#learn(challenge, repository);
    else if (refusal.status === 401 && !this.#login && !this.#pinged) await this.#ping(signal);

    if (used === undefined || used.scheme !== this.#login?.scheme) return this.#grantFor(repository, signal);
    if (used.fresh) return undefined;
    if (used.scheme === 'basic') {
      this.#options.credentials?.invalidate();
      const again = await this.#grantFor(repository, signal);
      return again && again.header !== used.header ? { ...again, fresh: true } : undefined;
    }
    for (const [key, token] of this.#tokens.entries()) if (bearer(token) === used.header) this.#tokens.delete(key);
    return this.#grantFor(repository, signal);
  }

  /**
   * Logs in from the beginning, as `challenge` asks, and keeps nothing. Without `repository` the token is for nothing in
   * particular. Throws what refused it: UPSTREAM_FORBIDDEN_ADDRESS, UPSTREAM_CREDENTIALS, DENIED, …
   */
  async rehearse(
    { scheme, parameters }: Challenge,
    repository: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { upstream, url, realms, ask } = this.#options;
    if (scheme === 'bearer') {
      const realm = allowedRealm(parameters.get('realm') ?? '', { upstream, url, realms });
      const scope = repository === undefined ? '' : `repository:${repository}:pull`;
      const token = await this.#fetchToken({ scheme, realm, service: parameters.get('service') }, scope, signal);
      if (!token) throw new AppError('DENIED', `${upstream}: ${realm.host} gives no token without a credential`);
      return;
    }
    const credential = await this.#credential(signal);
    if (!credential) throw new AppError('DENIED', `${upstream} wants a user name and a password`);
    const { status } = await ask({ url: baseOf(url), headers: { authorization: basic(credential) }, signal });
    if (status === 401 || status === 403) throw this.refused(url.host);
  }

  /** The error for a credential that upstream does not accept. */
  refused(where: string): AppError {
    const { upstream, log, clock } = this.#options;
    const message = `${upstream}: our credential was refused by ${where}`;
    if (this.#loggedAt === undefined || clock.monotonic() - this.#loggedAt >= LOG_EVERY_MS) {
      this.#loggedAt = clock.monotonic();
      log.error({ upstream, where }, 'our credential was refused');
    }
    return new AppError('UPSTREAM_CREDENTIALS', message);
  }

  async #grantFor(repository: string, signal: AbortSignal): Promise<Grant | undefined> {
    const login = this.#login;
    if (login?.scheme === 'basic') {
      const credential = await this.#credential(signal);
      return credential && { scheme: 'basic', header: basic(credential), fresh: false };
    }
    if (!login?.realm) return undefined;
    const scope = this.#scopes.get(repository) ?? this.#commonScope ?? `repository:${repository}:pull`;
    const key = `${login.realm.href} ${login.service ?? ''} ${scope}`;
    const kept = this.#tokens.get(key);
    if (kept && kept.until > this.#options.clock.monotonic())
      return { scheme: 'bearer', header: bearer(kept), fresh: false };
    // Whoever asked first may leave; the others still want the token, so the fetch has no signal but its own time limits.
    const fetch = this.#fetches.run(key, async () => {
      const token = await this.#fetchToken(login, scope, new AbortController().signal);
      if (token) this.#tokens.set(key, token);
      return token;
    });
    const token = await abortable(fetch, signal);
    return token && { scheme: 'bearer', header: bearer(token), fresh: true };
  }

  async #fetchToken(login: Login, scope: string, signal: AbortSignal): Promise<Token | undefined> {
    const { upstream, clock, ask } = this.#options;
    const url = new URL(login.realm ?? this.#options.url);
    if (login.service !== undefined) url.searchParams.set('service', login.service);
    for (const part of scope.split(' ')) if (part !== '') url.searchParams.append('scope', part);

    let credential = await this.#credential(signal);
    for (let again = false; ; again = true) {
      const asked = clock.monotonic();
      const answer = await ask({ url, headers: credential ? { authorization: basic(credential) } : {}, signal });
      if (answer.status === 200) return tokenFrom(answer.body, asked, `${upstream}: ${url.host}`);
      if (answer.status !== 401 && answer.status !== 403) {
        throw new AppError(
          'UPSTREAM_INVALID',
          `${upstream}: the token endpoint at ${url.host} answered ${answer.status}`,
        );
      }
      if (!credential) {
        if (answer.status === 401) return undefined;
        throw new AppError('DENIED', `${upstream}: ${url.host} gives no token for this repository`);
      }
      const refused = basic(credential);
      this.#options.credentials?.invalidate();
      credential = await this.#credential(signal);
      if (again || !credential || basic(credential) === refused)
        throw this.refused(`the token endpoint at ${url.host}`);
    }
  }

  async #credential(signal: AbortSignal): Promise<Credential | undefined> {
    return this.#options.credentials?.get(signal);
  }

  async #ping(signal: AbortSignal): Promise<void> {
    const ping = this.#pings.run('', async () => {
      const url = baseOf(this.#options.url);
      const answer = await this.#options.ask({ url, headers: {}, signal: new AbortController().signal });
      const challenge = answer.status === 401 ? this.#choose(answer.challenges) : undefined;
      if (challenge) this.#learn(challenge, undefined);
      this.#pinged = true;
      return undefined;
    });
    await abortable(ping, signal);
  }

  /** The best login among those offered: Bearer, else Basic if there is something to log in with. */
  #choose(headers: readonly string[]): Challenge | undefined {
    const challenges = parseChallenges(headers);
    return (
      challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm')) ??
      (this.credentialed ? challenges.find(({ scheme }) => scheme === 'basic') : undefined)
    );
  }

  /** `repository` is undefined when the challenge was /v2/'s, which says nothing of scopes. */
  #learn({ scheme, parameters }: Challenge, repository: string | undefined): void {
    if (scheme === 'basic') {
      this.#login = { scheme: 'basic' };
      return;
    }
    const { upstream, url, realms } = this.#options;
    const realm = allowedRealm(parameters.get('realm') ?? '', { upstream, url, realms });
    this.#login = { scheme: 'bearer', realm, service: parameters.get('service') };
    if (repository === undefined) return;
    const scope = parameters.get('scope') ?? '';
    if (scope.startsWith('repository:')) this.#scopes.set(repository, scope);
    else this.#commonScope = scope;
  }
}

/** What upstream said no with. */
export interface Refusal {
  readonly status: number;
  /** WWW-Authenticate, each header apart. */
  readonly challenges: readonly string[];
}

/** `/v2/`, below the registry's own path. */
export function baseOf(registry: URL): URL {
  const url = new URL(registry);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v2/`;
  return url;
}

const basic = ({ username, password }: Credential): string =>
  `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;

const bearer = (token: Token): string => `Bearer ${token.value}`;
