/** The Cache-Status header (RFC 9211) of answers and of errors. */
import { NegativeAnswer } from '../cache/manifests.js';
import type { Answered } from '../cache/outcome.js';
import { ERRORS, type AppError } from '../lib/errors.js';

export function cacheStatus({ outcome, upstreamStatus }: Answered): string {
  switch (outcome) {
    case 'hit':
      return 'cistern; hit';
    case 'miss':
      return 'cistern; fwd=miss';
    case 'collapsed':
      return 'cistern; fwd=miss; collapsed';
    case 'revalidated':
      return 'cistern; fwd=stale; fwd-status=200; detail=revalidated';
    case 'stale':
      return `cistern; fwd=stale${upstreamStatus === undefined ? '' : `; fwd-status=${upstreamStatus}`}; detail=stale`;
    case 'bypassed':
      return 'cistern; fwd=bypass';
  }
}

export function errorCacheStatus(error: AppError): string {
  if (error instanceof NegativeAnswer) return 'cistern; hit; detail=negative';
  const { upstream } = ERRORS[error.code];
  if (upstream === undefined) return `cistern; detail=${error.code}`;
  return upstream === 'none' ? `cistern; fwd=miss; detail=${error.code}` : `cistern; fwd=miss; fwd-status=${upstream}`;
}
