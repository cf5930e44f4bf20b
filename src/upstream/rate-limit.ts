/** What an upstream's headers say about how often we may ask: Retry-After, and Docker Hub's rate limit headers. */
import type { HttpResponse } from './transport.js';

export interface RateLimit {
  readonly limit: number;
  readonly remaining: number | undefined;
  /** Seconds that `limit` is counted over. */
  readonly window: number | undefined;
  /** Whom upstream counts: an address or an account's id. */
  readonly source: string | undefined;
  /** Milliseconds since the epoch. */
  readonly seenAt: number;
}

const LONGEST_WAIT = 7 * 24 * 3600;

/** Seconds from now; undefined without the header or with one that says nothing. Source: RFC 9110, 10.2.3. */
export function retryAfterOf(response: HttpResponse, now: number): number | undefined {
  const text = response.header('retry-after')?.trim() ?? '';
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(Math.ceil(seconds), 0), LONGEST_WAIT);
}

/** `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 76;w=21600`, `docker-ratelimit-source: 192.0.2.1`. */
export function rateLimitOf(response: HttpResponse, now: number): RateLimit | undefined {
  const [, limit, window] =
    /^\s*(\d{1,12})(?:.*?;\s*w=(\d{1,12}))?/.exec(response.header('ratelimit-limit') ?? '') ?? [];
  if (limit === undefined) return undefined;
  const [, remaining] = /^\s*(\d{1,12})/.exec(response.header('ratelimit-remaining') ?? '') ?? [];
  return {
    limit: Number(limit),
    remaining: remaining === undefined ? undefined : Number(remaining),
    window: window === undefined ? undefined : Number(window),
    source: response.header('docker-ratelimit-source')?.slice(0, 100),
    seenAt: now,
  };
}
