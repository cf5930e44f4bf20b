/**
 * How an answer came about, and why so. Every request has exactly one outcome; Cache-Status, the access log and the
 * statistics all speak of it in these words. What is not simply a hit has a reason too, decided where the outcome is.
 */
import { isAppError } from '../lib/errors.js';

export type Outcome =
  /** From the store, without asking upstream. */
  | 'hit'
  /** Fetched from upstream for this request. */
  | 'miss'
  /** Fetched from upstream by a flight that was already under way. */
  | 'collapsed'
  /** From the store, after upstream confirmed it. */
  | 'revalidated'
  /** From the store, because upstream could not confirm it. */
  | 'stale'
  /** From upstream, past the store. */
  | 'bypassed';

/** Every reason there is, and what it tells an operator: docs/reasons.md has the same. */
export const REASONS = {
  // Why upstream had to be asked.
  'tag-unknown': 'The tag was not known here.',
  'tag-expired': 'The tag had not been confirmed for `tagTtl`; it still points to the same.',
  'tag-moved': 'The tag had not been confirmed for `tagTtl`, and points to something else now.',
  'not-stored': 'It was not here.',
  'not-linked': 'The bytes were here, but not as this repository’s: only upstream can say whether it has them.',
  'link-expired': 'Upstream is private, and had not said for `linkTtl` that this repository may have it.',
  lost: 'It was stored, but its bytes were gone or had gone bad; the log says which. It is fetched again.',

  // Why it is answered although upstream did not confirm it.
  'upstream-down': 'Upstream could not be reached or asked, failed, or sent nonsense; within `staleIfError`.',
  'rate-limited': 'Upstream’s rate limit was used up; within `staleIfError`.',
  'credentials-refused': 'Our own login was refused or could not be had; within `staleIfError`.',
  'gone-upstream': 'Upstream says that it has no such thing; within `staleIfGone`.',
  pinned: 'Upstream could not answer for longer than is otherwise allowed, but the image is pinned.',
  imported: 'An operator’s import brought it, and upstream has nothing newer to say.',

  // Why it was not kept.
  'range-ahead': 'The range began far ahead of the download, so it was fetched by itself.',
  'disk-full': 'There was no room for it: the disk is full, or below `minFree`.',
  'store-failed': 'The disk did not take it.',
  'index-failed': 'The index took no writes.',

  // Why it is refused without asking.
  negative: 'Upstream said less than `negativeTtl` ago that it has no such thing.',
} as const satisfies Record<string, string>;

export type Reason = keyof typeof REASONS;

export type Answered =
  | { readonly outcome: 'hit'; readonly reason?: undefined; readonly age?: undefined }
  | {
      readonly outcome: Exclude<Outcome, 'hit'>;
      readonly reason: Reason;
      /** For `stale`: what upstream answered, when it answered at all, and how long ago it last confirmed the answer, in seconds. */
      readonly upstreamStatus?: number | undefined;
      readonly age?: number | undefined;
    };

export const HIT: Answered = { outcome: 'hit' };

export const because = (outcome: Exclude<Outcome, 'hit' | 'stale'>, reason: Reason): Answered => ({ outcome, reason });

/** Why upstream could not confirm what is stored. */
export function reasonOfFailure(error: unknown): Reason {
  if (isAppError(error, 'UPSTREAM_RATE_LIMITED')) return 'rate-limited';
  return isAppError(error, 'UPSTREAM_CREDENTIALS') ? 'credentials-refused' : 'upstream-down';
}

/** Why what was fetched could not be kept. */
export function reasonNotKept(error: unknown): Reason {
  if (isAppError(error, 'STORE_FULL')) return 'disk-full';
  return isAppError(error, 'STORE_FAILED') ? 'store-failed' : 'index-failed';
}
