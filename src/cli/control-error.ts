/**
 * What a daemon (or its absence) answered, as one line for people that ends with what to do next, an exit code, and JSON.
 */
import { status, type ServiceError } from '@grpc/grpc-js';
import { protos } from '../control/gen/protos.js';
import type { ErrorCode } from '../lib/errors.js';
import type { ExitCode } from './output.js';

/** What is wrong with the command itself; nothing was asked. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface Problem {
  /** The gRPC status by name; `USAGE` when nothing was asked. */
  readonly status: string;
  /** Cistern's own code; absent when no daemon answered. */
  readonly code?: string;
  readonly message: string;
  /** The field of the request that is wrong. */
  readonly field?: string;
  /** What it is about: a reference, a digest, a job. */
  readonly about?: string;
  readonly hint?: string;
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  UNAUTHORIZED: 'name the file that holds it with --token-file or CISTERN_TOKEN_FILE',
  IMAGE_UNKNOWN: '`cistern images` lists what is stored, `cistern prefetch` fetches an image',
  MANIFEST_UNKNOWN: 'check the name and the tag',
  PLATFORM_UNKNOWN: '`cistern inspect` shows the platforms it has',
  JOB_UNKNOWN: '`cistern jobs` lists the jobs',
  NAME_UNKNOWN: '`cistern upstreams` lists the configured ones',
  NOT_PERMITTED: 'the upstream’s allow and deny lists decide that',
  IMAGE_PINNED: '`cistern unpin` it first',
  IMAGE_INCOMPLETE: '`cistern prefetch` it first',
  ALREADY_RUNNING: 'try again when it has ended; `cistern gc --status` shows it',
  STORE_FULL: '`cistern df` shows what takes the room, `cistern gc` makes some',
  DENIED: 'check the credentials of that upstream in the configuration',
  UPSTREAM_CREDENTIALS: 'check the credentials of that upstream in the configuration',
  UPSTREAM_RATE_LIMITED: '`cistern upstreams` shows the limit; an account has a higher one',
  UPSTREAM_UNREACHABLE: '`cistern doctor` looks closer',
  UPSTREAM_TIMEOUT: '`cistern doctor` looks closer',
  UPSTREAM_UNAVAILABLE: '`cistern doctor` looks closer',
  UPSTREAM_INVALID: '`cistern doctor` looks closer',
  UPSTREAM_FORBIDDEN_ADDRESS: 'allowNetworks of the upstream may allow it',
  BLOB_CORRUPT: '`cistern verify` finds what is bad and fetches it again',
  DRAINING: 'try again when it has started',
  INTERNAL: 'the daemon’s log says more',
};

const { rpc } = protos.google;

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error;

/** Undefined for what is a bug and wants its stack. `address`: of the daemon. */
export function problemOf(error: unknown, address: string): { problem: Problem; exitCode: ExitCode } | undefined {
  if (error instanceof UsageError) return { problem: { status: 'USAGE', message: error.message }, exitCode: 2 };
  if (!isServiceError(error)) return undefined;
  const details = detailsOf(error);
  const name = status[error.code];
  if (details.code === undefined) return { problem: unanswered(error, name, address), exitCode: 2 };
  const hint = HINTS[details.code as ErrorCode];
  return {
    problem: { status: name, message: error.details, ...details, ...(hint !== undefined && { hint }) },
    exitCode: exitCodeOf(error, details.code),
  };
}

/** No daemon that answered, or something else that speaks gRPC, or a library's own limit. */
function unanswered(error: ServiceError, name: string, address: string): Problem {
  if (error.code === status.UNAVAILABLE) {
    // The library says so also when it has nothing to note.
    const details = error.details.replace(/\. Resolution note: $/, '');
    const message = `cannot reach the daemon at ${address}: ${details}`;
    return {
      status: name,
      message,
      hint: 'start it with `cistern serve`, or say where it is with --address or CISTERN_ADDRESS',
    };
  }
  if (error.code === status.DEADLINE_EXCEEDED) {
    const message = `the daemon at ${address} did not answer in time`;
    return { status: name, message, hint: '--timeout gives it more' };
  }
  if (error.code === status.UNIMPLEMENTED) {
    const message = `the daemon at ${address} does not know this command`;
    return { status: name, message, hint: 'it may be older than this program, or no Cistern' };
  }
  return { status: name, message: `the daemon at ${address} answered ${name}: ${error.details}` };
}

function exitCodeOf(error: ServiceError, code: string): ExitCode {
  // A bad archive was found bad; every other argument that is invalid is a slip of the pen.
  if (error.code === status.INVALID_ARGUMENT && code !== ('ARCHIVE_INVALID' satisfies ErrorCode)) return 2;
  if (error.code === status.UNAUTHENTICATED || code === ('DRAINING' satisfies ErrorCode)) return 2;
  return 1;
}

function detailsOf(error: ServiceError): { code?: string; field?: string; about?: string } {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(bytes)) return {};
  const found: { code?: string; field?: string; about?: string } = {};
  for (const { type_url: type, value } of rpc.Status.deserialize(bytes).details) {
    if (type.endsWith('/google.rpc.ErrorInfo')) found.code = rpc.ErrorInfo.deserialize(value).reason;
    if (type.endsWith('/google.rpc.ResourceInfo')) found.about = rpc.ResourceInfo.deserialize(value).resourceName;
    if (type.endsWith('/google.rpc.BadRequest')) {
      const [violation] = rpc.BadRequest.deserialize(value).fieldViolations;
      if (violation) found.field = violation.field;
    }
  }
  return found;
}
