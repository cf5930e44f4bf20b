/**
 * A circuit breaker: after enough failures in a row an upstream is left alone for a while, then tried with one request.
 * Failures are 5xx, timeouts and broken connections; an answer like 401, 404 or 429 shows that upstream is well. Only the
 * time between request and response headers is seen here, never the wait for a connection of ours.
 */
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen, isBrokenCircuitError } from 'cockatiel';
import { AppError, isAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';

export type BreakerState = 'closed' | 'open' | 'half-open';

const FAILURES = 10;
const OPEN_MS = 5000;

export interface BreakerOptions {
  readonly upstream: string;
  readonly log: Logger;
  /** How long it stays open, in milliseconds. */
  readonly openFor?: number | undefined;
}

const isFailure = (error: Error): boolean => isAppError(error, 'UPSTREAM_UNREACHABLE', 'UPSTREAM_TIMEOUT');

/** 501 says that upstream lacks a method, not that it is ill. */
const isFailed = (result: unknown): boolean =>
  typeof result === 'object' &&
  result !== null &&
  'status' in result &&
  Number(result.status) >= 500 &&
  result.status !== 501;

export class Breaker {
  readonly #name: string;
  readonly #openFor: number;
  readonly #policy: ReturnType<typeof circuitBreaker>;

  constructor({ upstream, log, openFor = OPEN_MS }: BreakerOptions) {
    this.#name = upstream;
    this.#openFor = openFor;
    this.#policy = circuitBreaker(handleWhen(isFailure).orWhenResult(isFailed), {
      halfOpenAfter: openFor,
      breaker: new ConsecutiveBreaker(FAILURES),
    });
    this.#policy.onBreak(() => log.warn({ upstream }, 'upstream keeps failing: left alone for a while'));
    this.#policy.onReset(() => log.info({ upstream }, 'upstream answers again'));
  }

  get state(): BreakerState {
    switch (this.#policy.state) {
      case CircuitState.Closed:
        return 'closed';
      case CircuitState.HalfOpen:
        return 'half-open';
      case CircuitState.Open:
      case CircuitState.Isolated:
        return 'open';
    }
  }

  /** Throws UPSTREAM_UNAVAILABLE at once while open, and while the one trial request is under way. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#policy.state === CircuitState.HalfOpen) throw this.#refusal();
    try {
      return await this.#policy.execute(call);
    } catch (error) {
      throw isBrokenCircuitError(error) ? this.#refusal() : error;
    }
  }

  #refusal(): AppError {
    return new AppError('UPSTREAM_UNAVAILABLE', `${this.#name} keeps failing and is left alone for a moment`, {
      retryAfter: Math.ceil(this.#openFor / 1000),
    });
  }
}
