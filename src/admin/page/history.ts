/**
 * What was counted in the last day and month, hour by hour. Only the current hour still changes, so what lies before it is
 * read once and kept: a page costs the rows of one hour, and its numbers are those that `stats` gives.
 */
import { nothing, sum, type Tally } from '../../cache/statistics/counts.js';
import type { Statistics } from '../../cache/statistics/statistics.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A span of time that begins at `at`, in milliseconds since the epoch. */
export interface Span {
  readonly at: number;
  readonly tally: Tally;
}

export interface Counted {
  /** The last 24 hours and 30 days, each from the beginning of its first hour. */
  readonly day: Tally;
  readonly month: Tally;
  /** In order; those in which nothing was counted are left out. Days are those of UTC. */
  readonly hours: readonly Span[];
  readonly days: readonly Span[];
}

export class History {
  readonly #statistics: Statistics;
  readonly #now: () => number;
  readonly #hours = new Map<number, Tally>();
  /** The first hour that may still change. */
  #from: number | undefined;

  constructor(statistics: Statistics, now: () => number) {
    this.#statistics = statistics;
    this.#now = now;
  }

  /** Not to be called again before it has resolved. */
  async read(): Promise<Counted> {
    const now = this.#now();
    const first = hourOf(now - 30 * DAY);
    // A clock that was put back makes hours change again.
    if (this.#from !== undefined && (this.#from > now || this.#from < first)) this.#from = undefined;
    if (this.#from === undefined) this.#hours.clear();
    const { to, groups } = await this.#statistics.query({ since: this.#from ?? first, by: 'hour' });
    for (const { key, manifests, blobs } of groups) this.#hours.set(Date.parse(key), { manifests, blobs });
    for (const at of this.#hours.keys()) if (at < first) this.#hours.delete(at);
    this.#from = to - HOUR;

    const hours = [...this.#hours].map(([at, tally]) => ({ at, tally })).sort((a, b) => a.at - b.at);
    const lastDay = hours.filter(({ at }) => at >= hourOf(now - DAY));
    return { day: together(lastDay), month: together(hours), hours: lastDay, days: daysOf(hours) };
  }
}

function daysOf(hours: readonly Span[]): readonly Span[] {
  const days = new Map<number, Tally>();
  for (const { at, tally } of hours) {
    const day = at - (at % DAY);
    days.set(day, sum(days.get(day) ?? nothing(), tally));
  }
  return [...days].map(([at, tally]) => ({ at, tally }));
}

const together = (spans: readonly Span[]): Tally => sum(...spans.map(({ tally }) => tally));

const hourOf = (time: number): number => time - (time % HOUR);
