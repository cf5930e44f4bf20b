/** What a token endpoint is asked, and its answer: `token` or `access_token`, and how long it lives. */
import { AppError } from '../lib/errors.js';
import { proofOf, type Credential } from './credentials/credential-source.js';
import type { SmallRequest } from './small-answer.js';

export interface Token {
  readonly value: string;
  /** On the monotonic clock, in milliseconds; a little before upstream stops taking it. */
  readonly until: number;
}

/** Seconds. Docker's specification: a client must assume 60 when nothing is said. */
const DEFAULT_LIFE = 60;
const LONGEST_LIFE = 24 * 3600;
/** A token is used for this share of its life, so that it does not run out on its way. */
const SHARE = 0.9;
/** What may stand in a header (RFC 6750 has fewer, real tokens have these). */
const TOKEN = /^[\x21-\x7e]{1,65536}$/;

/** A GET with Basic, which every token endpoint takes; a refresh token is taken in a POST only. An empty scope is none. */
export function tokenRequest(
  realm: URL,
  service: string | undefined,
  scope: string,
  credential: Credential | undefined,
): Omit<SmallRequest, 'signal'> {
  if (credential?.kind === 'refresh') {
    const { token: refresh_token } = credential;
    const about = { ...(service !== undefined && { service }), ...(scope !== '' && { scope }) };
    return {
      url: realm,
      headers: {},
      form: { grant_type: 'refresh_token', client_id: 'cistern', ...about, refresh_token },
    };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const part of scope.split(' ')) if (part !== '') url.searchParams.append('scope', part);
  return { url, headers: credential ? { authorization: proofOf(credential) } : {} };
}

/** `asked` is when the request was sent, on the monotonic clock. Throws UPSTREAM_INVALID without repeating the body. */
export function tokenFrom(body: Buffer, asked: number, where: string): Token {
  const answer = parse(body);
  const value = [answer['token'], answer['access_token']].find((text) => typeof text === 'string' && text !== '');
  if (typeof value !== 'string' || !TOKEN.test(value)) {
    throw new AppError('UPSTREAM_INVALID', `${where} answered without a usable token`);
  }
  const said = answer['expires_in'];
  const life = typeof said === 'number' && said > 0 ? Math.min(said, LONGEST_LIFE) : DEFAULT_LIFE;
  return { value, until: asked + life * 1000 * SHARE };
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
