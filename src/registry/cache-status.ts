/** The Cache-Status header (RFC 9211) of answers and of errors, and the reason that their log line has. */
import { NegativeAnswer } from '../cache/manifests.js';
import type { Answered, Reason } from '../cache/outcome.js';
import { ERRORS, type AppError } from '../lib/errors.js';

export function cacheStatus(answered: Answered): string {
  switch (answered.outcome) {
    case 'hit':
      return 'cistern; hit';
    case 'miss':
      return 'cistern; fwd=miss';
    case 'collapsed':
      return 'cistern; fwd=miss; collapsed';
    case 'revalidated':
      return 'cistern; fwd=stale; fwd-status=200; detail=revalidated';
    case 'stale':
      return `cistern; fwd=stale${answered.upstreamStatus === undefined ? '' : `; fwd-status=${answered.upstreamStatus}`}; detail=stale`;
    case 'bypassed':
      return 'cistern; fwd=bypass';
  }
}

/** For the access log. */
export const reasonOf = (answered: Answered | undefined, error: AppError | undefined): Reason | undefined =>
  error instanceof NegativeAnswer ? 'negative' : answered?.reason;

export function errorCacheStatus(error: AppError): string {
  if (error instanceof NegativeAnswer) return 'cistern; hit; detail=negative';
  const { upstream } = ERRORS[error.code];
  if (upstream === undefined) return `cistern; detail=${error.code}`;
  return upstream === 'none' ? `cistern; fwd=miss; detail=${error.code}` : `cistern; fwd=miss; fwd-status=${upstream}`;
}
