/**
 * Every failure Cistern can answer with, in one table: how a registry client sees it (HTTP status and the error code of
 * the OCI distribution specification), and how a gRPC caller sees it. A failure is thrown as an `AppError` that names a
 * row; the two servers translate it at their edge and nowhere else.
 */

/** gRPC status codes by their standard names; the numbers are the protocol's. */
type GrpcStatus =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

export interface ErrorRow {
  readonly http: number;
  /** The `code` in the registry's JSON error body. */
  readonly registry: string;
  readonly grpc: GrpcStatus;
  /** What upstream answered: a status, or `none` when it was asked in vain. Undefined: decided here, nobody was asked. */
  readonly upstream: number | 'none' | undefined;
}

const row = (http: number, registry: string, grpc: GrpcStatus, upstream?: number | 'none'): ErrorRow => ({
  http,
  registry,
  grpc,
  upstream,
});

export const ERRORS = {
  // About what the client asked for.
  BLOB_UNKNOWN: row(404, 'BLOB_UNKNOWN', 'NOT_FOUND', 404),
  MANIFEST_UNKNOWN: row(404, 'MANIFEST_UNKNOWN', 'NOT_FOUND', 404),
  NAME_UNKNOWN: row(404, 'NAME_UNKNOWN', 'NOT_FOUND'),
  NAME_INVALID: row(400, 'NAME_INVALID', 'INVALID_ARGUMENT'),
  TAG_INVALID: row(404, 'MANIFEST_UNKNOWN', 'INVALID_ARGUMENT'),
  DIGEST_INVALID: row(400, 'DIGEST_INVALID', 'INVALID_ARGUMENT'),
  RANGE_INVALID: row(416, 'RANGE_INVALID', 'INVALID_ARGUMENT'),
  PAGINATION_NUMBER_INVALID: row(400, 'PAGINATION_NUMBER_INVALID', 'INVALID_ARGUMENT'),
  REQUEST_INVALID: row(400, 'UNSUPPORTED', 'INVALID_ARGUMENT'),
  UNSUPPORTED: row(405, 'UNSUPPORTED', 'UNIMPLEMENTED'),
  UNAUTHORIZED: row(401, 'UNAUTHORIZED', 'UNAUTHENTICATED'),
  /** The client showed no certificate that the mirror's `clientCaFile` signed. */
  CERTIFICATE_REQUIRED: row(403, 'DENIED', 'UNAUTHENTICATED'),
  TOO_MANY_FAILURES: row(429, 'TOOMANYREQUESTS', 'RESOURCE_EXHAUSTED'),
  /** Refused by the upstream (403). */
  DENIED: row(403, 'DENIED', 'PERMISSION_DENIED', 403),
  /** Refused by our own allow and deny lists. */
  NOT_PERMITTED: row(403, 'DENIED', 'PERMISSION_DENIED'),

  // What the upstream did.
  UPSTREAM_UNREACHABLE: row(502, 'UNAVAILABLE', 'UNAVAILABLE', 'none'),
  UPSTREAM_TIMEOUT: row(504, 'UNAVAILABLE', 'UNAVAILABLE', 'none'),
  /** The upstream answered 5xx, broke off in the middle of a small answer, or its circuit breaker is open. */
  UPSTREAM_UNAVAILABLE: row(503, 'UNAVAILABLE', 'UNAVAILABLE', 503),
  UPSTREAM_RATE_LIMITED: row(429, 'TOOMANYREQUESTS', 'RESOURCE_EXHAUSTED', 429),
  /** Our own credential could not be had, or upstream or its token endpoint refused it. */
  UPSTREAM_CREDENTIALS: row(502, 'UNAVAILABLE', 'FAILED_PRECONDITION', 'none'),
  /** An address, realm or redirect that the guard does not allow: no connection was made. */
  UPSTREAM_FORBIDDEN_ADDRESS: row(502, 'UNAVAILABLE', 'FAILED_PRECONDITION', 'none'),
  /** Bytes that are not what they should be: wrong digest or size, HTML, a compressed body, a broken manifest. */
  UPSTREAM_INVALID: row(502, 'UNAVAILABLE', 'DATA_LOSS', 'none'),

  // What happened to us.
  STORE_FULL: row(503, 'UNAVAILABLE', 'RESOURCE_EXHAUSTED'),
  STORE_FAILED: row(503, 'UNAVAILABLE', 'INTERNAL'),
  /** Stored bytes do not match their digest or size. */
  BLOB_CORRUPT: row(500, 'UNKNOWN', 'DATA_LOSS'),
  INDEX_FAILED: row(503, 'UNAVAILABLE', 'UNAVAILABLE'),
  INDEX_CORRUPT: row(503, 'UNAVAILABLE', 'DATA_LOSS'),
  OVERLOADED: row(503, 'UNAVAILABLE', 'RESOURCE_EXHAUSTED'),
  DRAINING: row(503, 'UNAVAILABLE', 'UNAVAILABLE'),
  CANCELLED: row(499, 'UNKNOWN', 'CANCELLED'),
  INTERNAL: row(500, 'UNKNOWN', 'INTERNAL'),

  // What an operator asked for.
  IMAGE_UNKNOWN: row(404, 'MANIFEST_UNKNOWN', 'NOT_FOUND'),
  JOB_UNKNOWN: row(404, 'UNKNOWN', 'NOT_FOUND'),
  IMAGE_PINNED: row(409, 'UNKNOWN', 'FAILED_PRECONDITION'),
  /** An archive to import that is none, or not of images, or not whole. */
  ARCHIVE_INVALID: row(400, 'UNSUPPORTED', 'INVALID_ARGUMENT'),
  /** The image is there, but not for this platform. */
  PLATFORM_UNKNOWN: row(404, 'MANIFEST_UNKNOWN', 'NOT_FOUND'),
  /** Not everything that the image consists of is stored. */
  IMAGE_INCOMPLETE: row(409, 'UNKNOWN', 'FAILED_PRECONDITION'),
  /** The same request id came before, with another request. */
  REQUEST_ID_REUSED: row(409, 'UNKNOWN', 'ALREADY_EXISTS'),
  ALREADY_RUNNING: row(409, 'UNKNOWN', 'ABORTED'),
  /** The index does not know everything yet, so nothing may be deleted. */
  REBUILDING: row(503, 'UNAVAILABLE', 'UNAVAILABLE'),

  // What keeps the daemon from starting; these end the process with exit code 2.
  CONFIG_INVALID: row(500, 'UNKNOWN', 'FAILED_PRECONDITION'),
  DIRECTORY_IN_USE: row(500, 'UNKNOWN', 'FAILED_PRECONDITION'),
  /** The data directory was written by another version, which knows more. */
  LAYOUT_UNKNOWN: row(500, 'UNKNOWN', 'FAILED_PRECONDITION'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

interface AppErrorOptions {
  readonly cause?: unknown;
  /** Seconds after which a retry makes sense; becomes Retry-After. */
  readonly retryAfter?: number | undefined;
  /** Which part of the request is wrong, as a path of field names: `images[2]`. For gRPC callers. */
  readonly field?: string | undefined;
  /** The image, digest or job it is about, when the request named more than one or none. For gRPC callers. */
  readonly about?: string | undefined;
}

/** A failure with a row in `ERRORS`. `message` is written for the person at the other end and holds no secret. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly retryAfter: number | undefined;
  readonly field: string | undefined;
  readonly about: string | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfter = options.retryAfter;
    this.field = options.field;
    this.about = options.about;
  }
}

export const isAppError = (error: unknown, ...codes: readonly ErrorCode[]): error is AppError =>
  error instanceof AppError && (codes.length === 0 || codes.includes(error.code));

/** Any thrown value as an `AppError`; what is not one already is INTERNAL, with the original as its cause. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('INTERNAL', 'internal error', { cause: error });
}

/** The `code` of a Node.js system error (`ENOSPC`, `ECONNRESET`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The last two are EBADMSG and EUCLEAN, by which file systems tell of damage they found themselves: Node has no names for them. */
const DAMAGE = ['EIO', 'Unknown system error -74', 'Unknown system error -117'];

/** The disk cannot give back what it took: that is damage to one file, not to all. */
export const isDiskDamage = (error: unknown): boolean => DAMAGE.includes(systemCode(error) ?? '');

/** What an error says, and its causes, in a line. For operators: causes may tell of paths and accounts. */
export function reasonsOf(error: Error): string {
  const { message, cause } = error;
  return cause instanceof Error ? `${message}: ${reasonsOf(cause)}` : message;
}
