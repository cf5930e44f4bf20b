/**
 * What was asked of an upstream and how that went, counted since it was opened: each request that left, also those for
 * tokens and where redirects led. What was never sent, because the breaker was open or a 429 had us wait, is not here.
 */
import { Durations } from '../lib/durations.js';
import type { ErrorCode } from '../lib/errors.js';

/** Bodies and everything else never share a connection, so no manifest waits behind a layer. */
export type Lane = 'metadata' | 'body';

/** Seconds. */
const CLASSES = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class RequestTally {
  /** From the request, connecting included, to the head of the answer. */
  readonly answers: Readonly<Record<Lane, Durations>> = {
    metadata: new Durations(CLASSES),
    body: new Durations(CLASSES),
  };
  /** Requests without an answer or with one that is none, and bodies that broke off. */
  readonly failures = new Map<ErrorCode, number>();

  answered(lane: Lane, status: number, milliseconds: number): void {
    this.answers[lane].add(milliseconds / 1000);
    if (status === 429) this.failed('UPSTREAM_RATE_LIMITED');
    // 501 says that upstream lacks a method, not that it is ill.
    else if (status >= 500 && status !== 501) this.failed('UPSTREAM_UNAVAILABLE');
  }

  failed(code: ErrorCode): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }
}
