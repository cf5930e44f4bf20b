/**
 * A credential that has to be fetched and lives for a while. It is fetched once for all who wait, kept, and fetched again
 * behind the scenes when four fifths of its life are over, so that nobody waits for that; while the renewal fails, the one
 * at hand is used to its end, even one that upstream refused: what it refused may have been one repository. There is no
 * timer: an upstream that nobody pulls from causes no calls. A failure is forgotten after seconds, or as soon as what the
 * credential is made from has changed.
 */
import { abortable, SingleFlight } from '../../lib/async.js';
import type { Clock } from '../../lib/clock.js';
import { AppError, isAppError } from '../../lib/errors.js';
import { withoutUrlSecrets, type Logger } from '../../lib/log.js';
import type { Credential, CredentialSource } from './credential-source.js';

export interface Fetched {
  readonly credential: Credential;
  /** Milliseconds for which it is good; undefined when it says nothing of an end. */
  readonly life?: number | undefined;
}

export interface RenewedOptions {
  readonly upstream: string;
  readonly about: string;
  readonly fetch: (signal: AbortSignal) => Promise<Fetched>;
  /** Differs when what the credential is made from, such as a file, has changed. Must not throw. */
  readonly stamp?: (() => string | undefined) | undefined;
  /** Milliseconds that a fetch may take. */
  readonly limit: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Of its life: when it is renewed, and when it is no longer sent, for it must not end on its way. */
const RENEWED_AT = 0.8;
const SENT_UNTIL = 0.98;
/** When it says nothing of an end, for it may change where it comes from. */
const ASSUMED_LIFE_MS = 300_000;
/** Whatever a skewed clock makes of an end; that it has ended is for upstream to say. */
const SHORTEST_LIFE_MS = 60_000;
/** A fetch that failed is not tried again before this, and a credential that upstream refused not fetched again more often. */
const PAUSE_MS = 5000;
/** The same for a renewal, while the old one is good. */
const RENEWAL_PAUSE_MS = 60_000;
const LONGEST_CAUSE = 500;

interface Kept {
  readonly stamp: string;
  readonly credential: Credential;
  readonly due: number;
  readonly until: number;
  readonly ends: boolean;
}

export class RenewedCredential implements CredentialSource {
  readonly about: string;
  readonly #options: RenewedOptions;
  readonly #fetches = new SingleFlight<Kept>();
  #kept: Kept | undefined;
  /** Was kept until upstream refused it; good enough again when there is no other. */
  #doubted: Kept | undefined;
  #failure: { readonly stamp: string; readonly at: number; readonly error: unknown } | undefined;
  #refetchedAt: number | undefined;

  constructor(options: RenewedOptions) {
    this.#options = options;
    this.about = options.about;
  }

  get until(): number | undefined {
    const { clock } = this.#options;
    return this.#kept?.ends ? clock.now() + this.#kept.until - clock.monotonic() : undefined;
  }

  async get(signal: AbortSignal): Promise<Credential> {
    const stamp = this.#options.stamp?.() ?? '';
    const now = this.#options.clock.monotonic();
    const kept = this.#kept?.stamp === stamp && now < this.#kept.until ? this.#kept : undefined;
    if (kept && now < kept.due) return kept.credential;
    const failure = this.#failure?.stamp === stamp ? this.#failure : undefined;
    const since = failure ? now - failure.at : Infinity;
    if (kept) {
      if (since >= RENEWAL_PAUSE_MS) void this.#fetch(stamp).catch(() => undefined);
      return kept.credential;
    }
    if (failure && since < PAUSE_MS) {
      const again = this.#trustAgain(stamp);
      if (again) return again.credential;
      throw failure.error;
    }
    // Whoever asked first may leave; the others still want it.
    return (await abortable(this.#fetch(stamp), signal)).credential;
  }

  invalidate(refused: Credential): void {
    if (this.#kept?.credential !== refused) return;
    const now = this.#options.clock.monotonic();
    // A right that is missing looks the same to us; it must not cause a fetch with each pull.
    if (this.#refetchedAt !== undefined && now - this.#refetchedAt < PAUSE_MS) return;
    this.#refetchedAt = now;
    this.#doubted = this.#kept;
    this.#kept = undefined;
  }

  #trustAgain(stamp: string): Kept | undefined {
    const doubted = this.#doubted;
    if (doubted?.stamp !== stamp || this.#options.clock.monotonic() >= doubted.until) return undefined;
    this.#doubted = undefined;
    this.#kept = doubted;
    return doubted;
  }

  #fetch(stamp: string): Promise<Kept> {
    return this.#fetches.run(stamp, async () => {
      const { upstream, clock, log } = this.#options;
      const asked = clock.monotonic();
      try {
        const { credential, life } = await this.#inTime();
        const good = Math.max(life ?? ASSUMED_LIFE_MS, SHORTEST_LIFE_MS);
        const due = asked + good * RENEWED_AT;
        const kept = { stamp, credential, due, until: asked + good * SENT_UNTIL, ends: life !== undefined };
        this.#kept = kept;
        this.#doubted = undefined;
        this.#failure = undefined;
        return kept;
      } catch (caught) {
        const error = this.#explain(caught);
        const known = this.#failure?.stamp === stamp;
        this.#failure = { stamp, at: clock.monotonic(), error };
        const again = this.#trustAgain(stamp);
        if (!known && this.#kept?.stamp === stamp) {
          const minutes = Math.round((this.#kept.until - clock.monotonic()) / 60_000);
          log.warn(
            { upstream, minutes, err: error },
            'the credential was not renewed; the one in use is good meanwhile',
          );
        }
        if (again) return again;
        throw error;
      }
    });
  }

  async #inTime(): Promise<Fetched> {
    const { about, fetch, limit, clock } = this.#options;
    const late = new AbortController();
    const stopTimer = clock.after(limit, () =>
      late.abort(new AppError('UPSTREAM_CREDENTIALS', `${about} was not had within ${limit} ms`)),
    );
    try {
      return await abortable(fetch(late.signal), late.signal);
    } finally {
      stopTimer();
    }
  }

  /** Of an error that is not ours only its name and message are kept: the rest may hold whole requests. */
  #explain(error: unknown): AppError {
    if (isAppError(error)) return error;
    const text =
      error instanceof SyntaxError
        ? // JavaScript quotes what it could not parse, and that may be a secret.
          'what it is made from is not valid JSON'
        : error instanceof Error
          ? `${error.name}: ${withoutUrlSecrets(error.message)}`.slice(0, LONGEST_CAUSE)
          : 'unknown';
    return new AppError('UPSTREAM_CREDENTIALS', `${this.about} could not be had`, { cause: new Error(text) });
  }
}
