/**
 * A closer look at an upstream, for operators: whether it answers, how it wants to be logged in to, and whether what we
 * would log in with is accepted. It goes the way that pulls go (same connections, guard and breaker), but keeps nothing of it.
 */
import type { Clock } from '../lib/clock.js';
import { toAppError, type AppError } from '../lib/errors.js';
import type { Digest } from '../oci/digest.js';
import { failureOf, isAbsent } from './answers.js';
import { baseOf, type Authenticator } from './authenticator.js';
import { parseChallenges } from './challenge.js';
import { allowedRealm } from './realm.js';
import type { RegistryClient } from './registry-client.js';
import type { CredentialState, UpstreamStatus } from './upstream.js';

/** Each later field is undefined when what comes before it made it pointless to ask. */
export interface Probe {
  /** What it is logged in to with, once that is at hand; undefined when it is asked anonymously. */
  readonly credential: CredentialState | AppError | undefined;
  /** What GET /v2/ was answered with and after how many milliseconds, or why there was no answer. */
  readonly reached: { readonly status: number; readonly after: number } | AppError;
  readonly wants?: 'nothing' | 'basic' | 'bearer' | 'unknown';
  /** The host that gives out tokens, or why it may not be asked. */
  readonly realm?: string | AppError;
  /** Whether what we have to log in with (nothing, for an anonymous upstream) is enough. */
  readonly login?: 'accepted' | AppError;
}

/** Bodies under way, the most there may be, and how many wait for a turn. */
export interface Bodies {
  readonly active: number;
  readonly most: number;
  readonly waiting: number;
}

/** What operators see of an upstream, beside the port that pulls go through. */
export interface WatchedUpstream {
  readonly name: string;
  /** Without user and query. */
  readonly url: string;
  /** Whether requests carry a credential of ours. */
  readonly credentialed: boolean;
  status(): UpstreamStatus;
  bodies(): Bodies;
  /** Throws nothing but the signal's reason. `repository` is one that a login may be tried for. */
  probe(repository: string | undefined, signal: AbortSignal): Promise<Probe>;
  /** Asks for the second byte of a blob alone. Undefined when upstream does not have it; throws what its failure was. */
  honoursRange(repository: string, digest: Digest, signal: AbortSignal): Promise<boolean | undefined>;
}

export interface ProbeParts {
  readonly name: string;
  readonly url: URL;
  readonly realms: readonly string[];
  readonly client: RegistryClient;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
}

export async function probe(parts: ProbeParts, repository: string | undefined, signal: AbortSignal): Promise<Probe> {
  const { name: upstream, url, realms, client, authenticator, clock } = parts;
  const credential = await settled(() => authenticator.check(signal), signal);
  const began = clock.monotonic();
  const answer = await settled(() => client.ask({ url: baseOf(url), headers: {}, signal }), signal);
  if (!('status' in answer)) return { credential, reached: answer };
  const reached = { status: answer.status, after: Math.round(clock.monotonic() - began) };
  if (answer.status !== 401) return { credential, reached, wants: answer.status === 200 ? 'nothing' : 'unknown' };

  const challenges = parseChallenges(answer.challenges);
  const challenge =
    challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm')) ??
    challenges.find(({ scheme }) => scheme === 'basic');
  if (!challenge) return { credential, reached, wants: 'unknown' };
  const logIn = () =>
    settled(() => authenticator.rehearse(challenge, repository, signal).then(() => 'accepted' as const), signal);
  if (challenge.scheme === 'basic') return { credential, reached, wants: 'basic', login: await logIn() };

  const text = challenge.parameters.get('realm') ?? '';
  const realm = await settled(() => allowedRealm(text, { upstream, url, realms }).host, signal);
  if (typeof realm !== 'string') return { credential, reached, wants: 'bearer', realm };
  return { credential, reached, wants: 'bearer', realm, login: await logIn() };
}

export async function honoursRange(
  { name, client, authenticator, clock }: Omit<ProbeParts, 'url' | 'realms'>,
  repository: string,
  digest: Digest,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const headers = { accept: '*/*', range: 'bytes=1-1' };
  const request = { method: 'GET', repository, path: `blobs/${digest}`, headers, lane: 'metadata', signal } as const;
  const response = await client.send(request, authenticator);
  response.destroy();
  if (isAbsent(response.status)) return undefined;
  if (response.status !== 200 && response.status !== 206) throw failureOf(response, name, clock.now());
  return response.status === 206;
}

/** What the work gives, or what it failed with; an abort is thrown. */
async function settled<T>(work: () => T | Promise<T>, signal: AbortSignal): Promise<T | AppError> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    return toAppError(error);
  }
}
