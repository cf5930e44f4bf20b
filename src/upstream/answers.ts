/** What an upstream's response means before its body is read: a failure of ours to report, or something usable. */
import { AppError } from '../lib/errors.js';
import { mediaTypeOf } from '../oci/media-types.js';
import { retryAfterOf } from './rate-limit.js';
import type { HttpResponse } from './transport.js';

/** "There is no such thing, or not for us": 401 is what is left when logging in did not help. */
export const isAbsent = (status: number): boolean => status === 401 || status === 404 || status === 410;

/** The failure that an unusable status stands for. `upstream` is the configured name; `now` the wall clock. */
export function failureOf(response: HttpResponse, upstream: string, now: number): AppError {
  const { status, url } = response;
  const retryAfter = retryAfterOf(response, now);
  const message = `${upstream}: ${url.host} answered ${status}`;
  if (status === 403) return new AppError('DENIED', message);
  if (status === 408) return new AppError('UPSTREAM_TIMEOUT', message);
  if (status === 416) return new AppError('RANGE_INVALID', message);
  if (status === 429) return new AppError('UPSTREAM_RATE_LIMITED', message, { retryAfter });
  if (status >= 500) return new AppError('UPSTREAM_UNAVAILABLE', message, { retryAfter });
  return new AppError('UPSTREAM_INVALID', message);
}

/** Lower case, without parameters; empty when there is none. */
export const contentTypeOf = (response: HttpResponse): string =>
  mediaTypeOf(response.header('content-type') ?? '').toLowerCase();

/**
 * Refuses a success that cannot be what was asked for: compressed on the way although we asked for identity, or a web
 * page (a login form, a proxy's block page, an error dressed up as 200). Throws UPSTREAM_INVALID.
 */
export function requirePlain(response: HttpResponse, upstream: string): void {
  const encodings = response
    .headers('content-encoding')
    .filter((encoding) => encoding.trim().toLowerCase() !== 'identity');
  const type = contentTypeOf(response);
  const complaint =
    encodings.length > 0
      ? `a body with Content-Encoding ${encodings.join(', ').slice(0, 50)}`
      : type === 'text/html' || type === 'application/xhtml+xml'
        ? 'a web page'
        : undefined;
  if (complaint !== undefined) {
    throw new AppError('UPSTREAM_INVALID', `${upstream}: ${response.url.host} sent ${complaint}`);
  }
}

/** The announced length of the body in bytes, or undefined. */
export function lengthOf(response: HttpResponse): number | undefined {
  const text = response.header('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
