/**
 * What an upstream's headers say about how often we may ask: Retry-After, and the rate limit headers in every form that
 * registries have. Sources: RFC 9110 10.2.3; draft-ietf-httpapi-ratelimit-headers, of which each version has a form of
 * its own; Docker Hub's, GitLab's and GitHub's documentation.
 */
import type { HttpResponse } from './transport.js';

export interface RateLimit {
  readonly limit: number;
  /** Undefined when upstream did not say, or said it in a window that is over. */
  readonly remaining?: number | undefined;
  /** Seconds that `limit` is counted over. */
  readonly window?: number | undefined;
  /** When what was spent comes back, in milliseconds since the epoch. */
  readonly resetsAt?: number | undefined;
  /** Whom upstream counts: an address or an account's id. */
  readonly source?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly seenAt: number;
}

const LONGEST_WAIT = 7 * 24 * 3600;

/** Larger numbers are moments and not waits: seconds since the epoch, or milliseconds. */
const MOMENT = 1e9;
const MOMENT_MS = 1e11;

/** Seconds from now; undefined without a header that says something. A 429 may say it by the reset of its limit alone. */
export function retryAfterOf(response: HttpResponse, now: number): number | undefined {
  const text = (response.header('retry-after') ?? response.header('x-retry-after'))?.trim() ?? '';
  const said = /^\d{1,15}$/.test(text) ? momentOf(Number(text), now) : Date.parse(text);
  const until = Number.isNaN(said) && response.status === 429 ? rateLimitOf(response, now)?.resetsAt : said;
  if (until === undefined || Number.isNaN(until)) return undefined;
  return Math.min(Math.max(Math.ceil((until - now) / 1000), 0), LONGEST_WAIT);
}

/**
 * `ratelimit-limit: 100;w=21600` with `-remaining` and `-reset`, the same with `x-`, or all in `ratelimit` and
 * `ratelimit-policy`. Of several limits the first.
 */
export function rateLimitOf(response: HttpResponse, now: number): RateLimit | undefined {
  const header = (name: string) => (response.header(name) ?? '').slice(0, 1000);
  const own = (name: string) => header(`ratelimit-${name}`) || header(`x-ratelimit-${name}`);
  const together = `${header('ratelimit')},${header('ratelimit-policy')}`;
  const limit = leading(own('limit')) ?? parameter(together, 'limit', 'q');
  if (limit === undefined) return undefined;
  const reset = leading(own('reset')) ?? parameter(together, 'reset', 't');
  return {
    limit,
    remaining: leading(own('remaining')) ?? parameter(together, 'remaining', 'r'),
    window: parameter(own('limit'), 'w') ?? parameter(together, 'w'),
    resetsAt: reset === undefined ? undefined : momentOf(reset, now),
    source: response.header('docker-ratelimit-source')?.slice(0, 100),
    seenAt: now,
  };
}

/** What is known of it now: once its window is over, what was left then says nothing any more. */
export function asOf(limit: RateLimit, now: number): RateLimit {
  const { resetsAt, window, seenAt } = limit;
  const end = resetsAt ?? (window === undefined ? Infinity : seenAt + window * 1000);
  return now < end ? limit : { ...limit, remaining: undefined, resetsAt: undefined };
}

const leading = (text: string): number | undefined => toNumber(/^\s*(\d{1,15})(?!\d)/.exec(text)?.[1]);

/** `w` of `100;w=21600`. */
function parameter(text: string, ...names: readonly string[]): number | undefined {
  for (const [, name = '', value] of text.matchAll(/(?:^|[;,\s])\s*([a-z]+)\s*=\s*(\d{1,15})(?!\d)/gi)) {
    if (names.includes(name.toLowerCase())) return toNumber(value);
  }
  return undefined;
}

const toNumber = (digits: string | undefined): number | undefined =>
  digits === undefined ? undefined : Number(digits);

/** Milliseconds since the epoch, of seconds from now or of a moment. */
function momentOf(value: number, now: number): number {
  if (value > MOMENT_MS) return value;
  return value > MOMENT ? value * 1000 : now + value * 1000;
}
