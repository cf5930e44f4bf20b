/** An upstream together with the operator's policy for it. */
import { AppError, ERRORS, isAppError, type ErrorCode } from '../lib/errors.js';
import type { Repository } from '../oci/descriptor.js';
import { isCompanionTag, type Tag } from '../oci/reference.js';
import type { Upstream } from '../upstream/upstream.js';

/** Durations are milliseconds; docs/upstreams.md explains each. */
export interface UpstreamPolicy {
  /** Allow and deny lists. */
  readonly permits: (repository: string) => boolean;
  readonly tagTtl: number;
  readonly revalidateTimeout: number;
  readonly negativeTtl: number;
  readonly staleIfError: number;
  readonly staleIfGone: number;
  readonly linkTtl: number;
  /** Whether requests carry a credential of ours: what such an upstream shows to one repository is not public. */
  readonly credentialed: boolean;
}

export interface UpstreamEntry {
  readonly upstream: Upstream;
  readonly policy: UpstreamPolicy;
}

/** A signature that is added has to be seen as soon as the first one. */
export const tagTtlOf = ({ tagTtl, negativeTtl }: UpstreamPolicy, tag: Tag): number =>
  isCompanionTag(tag) ? Math.min(tagTtl, negativeTtl) : tagTtl;

/** Upstream, or the way to it, is at fault; it did not decide about the pull. What is stored may then be served stale. */
const NO_ANSWER: readonly ErrorCode[] = [
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_RATE_LIMITED',
  'UPSTREAM_CREDENTIALS',
  'UPSTREAM_FORBIDDEN_ADDRESS',
  'UPSTREAM_INVALID',
  'OVERLOADED',
];

export const isNoAnswer = (error: unknown): error is AppError => isAppError(error, ...NO_ANSWER);

/** Worth another try a moment later. */
export const isTransient = (error: unknown): error is AppError =>
  isAppError(error, 'UPSTREAM_UNREACHABLE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE', 'UPSTREAM_RATE_LIMITED');

/** What the failure says upstream's HTTP status was, for Cache-Status; undefined when there was no answer at all. */
export function upstreamStatus(error: AppError): number | undefined {
  const { upstream } = ERRORS[error.code];
  return typeof upstream === 'number' ? upstream : undefined;
}

export function requirePermitted(entry: UpstreamEntry, repository: Repository): void {
  if (entry.policy.permits(repository.name)) return;
  throw new AppError('NOT_PERMITTED', `pulling ${repository.name} from ${repository.upstream} is not allowed here`);
}
