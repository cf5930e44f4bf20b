/**
 * How an answer came about. Every request has exactly one outcome; Cache-Status, the access log and the statistics all
 * speak of it in these words.
 */
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

export interface Answered {
  readonly outcome: Outcome;
  /** For `stale`: what upstream answered, when it answered at all, and how long ago it last confirmed the answer, in seconds. */
  readonly upstreamStatus?: number | undefined;
  readonly age?: number | undefined;
}

export const HIT: Answered = { outcome: 'hit' };
export const MISS: Answered = { outcome: 'miss' };
export const COLLAPSED: Answered = { outcome: 'collapsed' };
export const REVALIDATED: Answered = { outcome: 'revalidated' };
export const BYPASSED: Answered = { outcome: 'bypassed' };
