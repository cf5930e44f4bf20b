/**
 * Logs in to an upstream the way it asks for: not at all, by Basic, or by a Bearer token from the realm it names (docker
 * "Token Authentication Specification"). Tokens are kept for as long as they live and fetched once for all who wait. Our
 * credential goes to the upstream's own host and to the realms it was configured with. If there is none to be had, or it is
 * refused, that is AppError UPSTREAM_CREDENTIALS, and never a reason to ask anonymously instead; the next request tries again.
 * Its message is for whoever pulls; why it is so is its cause, for operators.
 */
import { LRUCache } from 'lru-cache';
import { abortable, SingleFlight } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { AppError, isAppError, reasonsOf } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { parseChallenges, type Challenge } from './challenge.js';
import { proofOf, type Credential, type CredentialSource } from './credentials/credential-source.js';
import { allowedRealm } from './realm.js';
import { tokenFrom, tokenRequest, type Token } from './token.js';
import type { SmallAnswer, SmallRequest } from './small-answer.js';
import type { CredentialState } from './upstream.js';

/** What a request is sent with. */
export interface Grant {
  /** A token that a realm gave, or our credential itself. */
  readonly kind: 'token' | 'credential';
  readonly header: string;
  /** Made for this very request: asking for another one would give the same. */
  readonly fresh: boolean;
  readonly credential?: Credential;
}

type Login =
  | { readonly kind: 'token'; readonly realm: URL; readonly service: string | undefined }
  | { readonly kind: 'credential' };

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
  /** The credential is a token for the registry itself, whatever its challenges say. */
  #direct = false;
  #loggedAt: number | undefined;
  #failure: AppError | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  get credentialed(): boolean {
    return this.#options.credentials !== undefined;
  }

  /** As of now, without asking; undefined when upstream is asked anonymously. */
  get credential(): CredentialState | undefined {
    const { credentials } = this.#options;
    return (
      credentials && {
        about: credentials.about,
        until: credentials.until,
        failure: this.#failure && reasonsOf(this.#failure),
      }
    );
  }

  /** Gets the credential and shows it to nobody. Throws UPSTREAM_CREDENTIALS when there is none to be had. */
  async check(signal: AbortSignal): Promise<CredentialState | undefined> {
    await this.#credential(signal);
    return this.credential;
  }

  /** What to send a first request with; undefined for nothing. */
  async grant(repository: string, signal: AbortSignal): Promise<Grant | undefined> {
    if (!this.#login && !this.#pinged && this.credentialed) {
      this.#direct = (await this.#credential(signal))?.kind === 'bearer';
      if (this.#direct) this.#login = { kind: 'credential' };
      // A registry may answer 404 to strangers and challenge on /v2/ only, so that is asked first.
      else await this.#ping(signal);
    }
    return this.#grantFor(repository, signal);
  }

  /** Upstream took our credential. */
  accepted(): void {
    this.#failure = undefined;
  }

  /**
   * What to try after upstream refused `used`; undefined when there is nothing better. Throws UPSTREAM_CREDENTIALS when that was
   * for our credential, not for the repository.
   */
  async after(
    refusal: Refusal,
    used: Grant | undefined,
    repository: string,
    signal: AbortSignal,
  ): Promise<Grant | undefined> {
    const { url } = this.#options;
    const challenge = this.#choose(refusal.challenges);
    const scope = this.#scopeOf(repository);
    if (challenge) this.#learn(challenge, repository);
    else if (refusal.status === 401 && !this.#login && !this.#pinged) await this.#ping(signal);

    if (used === undefined || used.kind !== this.#login?.kind) return this.#grantFor(repository, signal);
    if (used.credential) {
      if (!used.fresh) {
        this.#options.credentials?.invalidate(used.credential);
        const again = await this.#grantFor(repository, signal);
        if (again && again.header !== used.header) return { ...again, fresh: true };
      }
      // ECR's 403, and the 401 of others, may be for the credential, or for a repository that a good one does not open.
      const login = { url: baseOf(url), headers: { authorization: used.header } };
      if (!isTooNarrow(challenge) && !(await this.#opens(login, signal))) throw this.refused(url.host);
      return undefined;
    }
    // What was learned on /v2/ says nothing of scopes, so the first token may have been for another than is wanted.
    if (used.fresh && this.#scopeOf(repository) === scope) return undefined;
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
    const { upstream, url, realms } = this.#options;
    const credential = await this.#credential(signal);
    if (scheme === 'bearer' && credential?.kind !== 'bearer') {
      const realm = allowedRealm(parameters.get('realm') ?? '', { upstream, url, realms });
      const scope = repository === undefined ? '' : `repository:${repository}:pull`;
      const token = await this.#fetchToken(realm, parameters.get('service'), scope, signal);
      if (!token) throw new AppError('DENIED', `${upstream}: ${realm.host} gives no token without a credential`);
      return;
    }
    if (!credential) throw new AppError('DENIED', `${upstream} wants a user name and a password`);
    const login = { url: baseOf(url), headers: { authorization: this.#headerOf(credential) } };
    if (!(await this.#opens(login, signal))) throw this.refused(url.host);
    this.accepted();
  }

  /** The error for a credential that upstream does not accept. */
  refused(where: string): AppError {
    const { upstream, credentials } = this.#options;
    const message = `${upstream}: our credential was refused by ${where}; it has to be mended in Cistern's "auth" for it`;
    const cause = credentials && new Error(`it is ${credentials.about}`);
    return this.#failed(new AppError('UPSTREAM_CREDENTIALS', message, { cause }), 'our credential was refused');
  }

  #failed(error: AppError, message: string): AppError {
    const { upstream, log, clock } = this.#options;
    this.#failure = error;
    if (this.#loggedAt === undefined || clock.monotonic() - this.#loggedAt >= LOG_EVERY_MS) {
      this.#loggedAt = clock.monotonic();
      log.error({ upstream, err: error }, message);
    }
    return error;
  }

  async #grantFor(repository: string, signal: AbortSignal): Promise<Grant | undefined> {
    const login = this.#login;
    if (!login) return undefined;
    if (login.kind === 'credential') {
      const credential = await this.#credential(signal);
      return credential && { kind: 'credential', header: this.#headerOf(credential), fresh: false, credential };
    }
    const scope = this.#scopeOf(repository);
    const key = `${login.realm.href} ${login.service ?? ''} ${scope}`;
    const kept = this.#tokens.get(key);
    if (kept && kept.until > this.#options.clock.monotonic())
      return { kind: 'token', header: bearer(kept), fresh: false };
    // Whoever asked first may leave; the others still want the token, so the fetch has no signal but its own time limits.
    const fetch = this.#fetches.run(key, async () => {
      const token = await this.#fetchToken(login.realm, login.service, scope, new AbortController().signal);
      if (token) this.#tokens.set(key, token);
      return token;
    });
    const token = await abortable(fetch, signal);
    return token && { kind: 'token', header: bearer(token), fresh: true };
  }

  #scopeOf(repository: string): string {
    return this.#scopes.get(repository) ?? this.#commonScope ?? `repository:${repository}:pull`;
  }

  async #fetchToken(
    realm: URL,
    service: string | undefined,
    scope: string,
    signal: AbortSignal,
  ): Promise<Token | undefined> {
    const { upstream, clock, ask, credentials } = this.#options;
    let credential = await this.#credential(signal);
    for (let again = false; ; again = true) {
      const asked = clock.monotonic();
      const { status, body } = await ask({ ...tokenRequest(realm, service, scope, credential), signal });
      if (status === 200) {
        const token = tokenFrom(body, asked, `${upstream}: ${realm.host}`);
        if (credential) this.accepted();
        return token;
      }
      // 400 is OAuth's for a refresh token that is not good (RFC 6749, section 5.2).
      if (status !== 401 && status !== 403 && !(status === 400 && credential?.kind === 'refresh')) {
        throw new AppError('UPSTREAM_INVALID', `${upstream}: the token endpoint at ${realm.host} answered ${status}`);
      }
      if (!credential) {
        if (status === 401) return undefined;
        throw new AppError('DENIED', `${upstream}: ${realm.host} gives no token for this repository`);
      }
      const refused = credential;
      credentials?.invalidate(credential);
      credential = await this.#credential(signal);
      if (again || !credential || proofOf(credential) === proofOf(refused)) {
        // GitLab and GHCR say 403 to a wrong password, and to a good one for a repository that it does not open.
        if (scope === '' || !(await this.#opens(tokenRequest(realm, service, '', refused), signal)))
          throw this.refused(`the token endpoint at ${realm.host}`);
        throw new AppError('DENIED', `${upstream}: ${realm.host} gives our credential no token for this repository`);
      }
    }
  }

  /** Whether a credential is accepted where nothing in particular is asked for. */
  async #opens(request: Omit<SmallRequest, 'signal'>, signal: AbortSignal): Promise<boolean> {
    const { status } = await this.#options.ask({ ...request, signal });
    // 400 is what OAuth says to a refresh token that is not good.
    return status !== 401 && status !== 403 && !(status === 400 && request.form);
  }

  async #credential(signal: AbortSignal): Promise<Credential | undefined> {
    const { upstream, credentials } = this.#options;
    try {
      return await credentials?.get(signal);
    } catch (cause) {
      if (!isAppError(cause, 'UPSTREAM_CREDENTIALS', 'CONFIG_INVALID')) throw cause;
      const message = `${upstream}: Cistern has no credential to log in with at present; its log says why`;
      throw this.#failed(new AppError('UPSTREAM_CREDENTIALS', message, { cause }), 'no credential could be had');
    }
  }

  #headerOf(credential: Credential): string {
    if (credential.kind !== 'refresh') return proofOf(credential);
    const { upstream } = this.#options;
    const message = `${upstream} wants a user name and a password, and Cistern was given an identity token for it`;
    throw this.#failed(new AppError('UPSTREAM_CREDENTIALS', message), 'our credential is of the wrong kind');
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
    if (this.#direct) return;
    if (scheme === 'basic') {
      this.#login = { kind: 'credential' };
      return;
    }
    const { upstream, url, realms } = this.#options;
    const realm = allowedRealm(parameters.get('realm') ?? '', { upstream, url, realms });
    this.#login = { kind: 'token', realm, service: parameters.get('service') };
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

/** The login is good, but not for this: Docker's way of not saying whether there is such a repository. */
const isTooNarrow = (challenge: Challenge | undefined): boolean =>
  challenge?.parameters.get('error') === 'insufficient_scope';

const bearer = (token: Token): string => `Bearer ${token.value}`;
