/**
 * Remembers what upstream answered with 429 and until when, so that it is not asked again before: clients that retry at once,
 * as many do, hear from us what upstream said. Kept by kind of request, because limits are: Docker Hub counts GETs of
 * manifests, and goes on answering HEADs and giving out blobs.
 */
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import type { HttpRequest, HttpResponse } from './transport.js';
import { retryAfterOf } from './rate-limit.js';

/** Whatever upstream says: after this long it is worth another look, for an account may have been raised. */
const LONGEST_MS = 15 * 60_000;
/** When it does not say: as long as a client needs that retries without a pause. */
const UNSAID_MS = 1000;
/** Timers are sometimes early, and who waited as long as was said must not find the door closed. */
const EARLY_MS = 100;

interface Hold {
  /** On the monotonic clock. */
  readonly until: number;
  readonly said: boolean;
}

export class HeldBack {
  readonly #upstream: string;
  readonly #clock: Clock;
  readonly #holds = new Map<string, Hold>();

  constructor(upstream: string, clock: Clock) {
    this.#upstream = upstream;
    this.#clock = clock;
  }

  /** The last moment that something is held back until, in milliseconds since the epoch; undefined when nothing is. */
  get until(): number | undefined {
    const left = Math.max(...[...this.#holds.values()].map((hold) => this.#left(hold)));
    return left > 0 ? this.#clock.now() + left : undefined;
  }

  /** Throws UPSTREAM_RATE_LIMITED when requests of this kind are to wait. */
  check(kind: string): void {
    const hold = this.#holds.get(kind);
    if (!hold) return;
    const left = this.#left(hold);
    if (left <= EARLY_MS) {
      this.#holds.delete(kind);
      return;
    }
    const message = `${this.#upstream} has us wait: it answered 429 a moment ago`;
    throw new AppError('UPSTREAM_RATE_LIMITED', message, { ...(hold.said && { retryAfter: Math.ceil(left / 1000) }) });
  }

  note(kind: string, response: HttpResponse): void {
    if (response.status !== 429) return;
    const seconds = retryAfterOf(response, this.#clock.now());
    const wait = seconds === undefined ? UNSAID_MS : Math.min(seconds * 1000, LONGEST_MS);
    const until = this.#clock.monotonic() + wait;
    // Of requests that were under way together, the last answer may name a nearer time, or none.
    if (until > (this.#holds.get(kind)?.until ?? -Infinity))
      this.#holds.set(kind, { until, said: seconds !== undefined });
  }

  #left({ until }: Hold): number {
    return until - this.#clock.monotonic();
  }
}

/**
 * What a registry may count apart: the token endpoint by its address, the rest by method and what is asked for. A storage
 * that blobs are redirected to is no registry, though GHCR's has `/blobs/` in its paths as well.
 */
export const kindOf = ({ method, url }: Pick<HttpRequest, 'method' | 'url'>): string =>
  `${method} ${/\/v2\/.+\/(manifests|blobs|tags|referrers)\/[^/]+$/.exec(url.pathname)?.[1] ?? url.origin + url.pathname}`;
