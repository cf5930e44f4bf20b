/**
 * What the cache saves, by upstream, repository and hour; docs/statistics.md explains each number. Counts are made in
 * memory and written every few seconds as absolute values: a batch that is written twice changes nothing, and a crash
 * loses what was counted since the last one. A report adds what is not written yet, so it is exact at once.
 *
 * A row begins with an answer that upstream or the store gave, so names that never resolved have none.
 */
import type { Catalog } from '../../catalog/catalog.js';
import { eraseHours, readHours } from '../../catalog/hours.js';
import { keys, type Key } from '../../catalog/keys.js';
import type { HourRecord } from '../../catalog/records.js';
import { Mutex } from '../../lib/async.js';
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/log.js';
import type { Repository } from '../../oci/descriptor.js';
import {
  add,
  fromRecord,
  nothing,
  sum,
  toRecord,
  type Counting,
  type Counts,
  type Kind,
  type Tally,
} from './counts.js';
import type { UpstreamCount } from './counted-upstream.js';
import type { Follower } from '../flight.js';
import type { Outcome } from '../outcome.js';

export type { Counts, Kind, Tally } from './counts.js';

export type Grouping = 'upstream' | 'repository' | 'hour';

export interface StatisticsQuery {
  /** Milliseconds since the epoch, rounded down to the hour; undefined: all that is kept (90 days). */
  readonly since?: number | undefined;
  /** Milliseconds since the epoch, exclusive, rounded up to the hour; undefined: now. */
  readonly until?: number | undefined;
  /** The name of one upstream, or of one repository (`upstream/name`), that alone is counted. */
  readonly upstream?: string | undefined;
  readonly repository?: string | undefined;
  readonly by?: Grouping | undefined;
}

export interface StatisticsGroup extends Tally {
  /** The upstream's name, `upstream/repository`, or the hour's beginning as an ISO 8601 time in UTC. */
  readonly key: string;
}

export interface StatisticsReport {
  /** Milliseconds since the epoch: what was counted, after rounding. */
  readonly from: number;
  readonly to: number;
  readonly total: Tally;
  /** Sorted by key; empty without `by`. */
  readonly groups: readonly StatisticsGroup[];
}

export interface Statistics {
  query(query: StatisticsQuery): Promise<StatisticsReport>;
}

/** A manifest or blob that was answered with 200 or 206, once the answer has ended, complete or not. */
export interface AnsweredPull {
  readonly repository: Repository;
  readonly kind: Kind;
  readonly head: boolean;
  readonly outcome: Outcome;
  /** Of the body, as far as it was sent. */
  readonly bytes: number;
}

/** What this process counted of an upstream. */
export interface SinceStart extends Tally {
  /** `bytesServed` by outcome. */
  readonly served: Readonly<Record<Kind, Readonly<Record<Outcome, number>>>>;
}

interface Total extends Counting {
  readonly served: Record<Kind, Record<Outcome, number>>;
}

/** One repository in one hour. */
interface Row {
  readonly key: Key<HourRecord>;
  readonly at: number;
  readonly repository: Repository;
  /** Counted by this process. */
  readonly counted: Counting;
  /** Of its upstream, since the start. */
  readonly total: Total;
  /** What the index said before this process wrote the row; undefined until that was read. */
  base: Tally | undefined;
  changes: number;
  /** How many of the changes are written. */
  written: number;
}

const HOUR = 3_600_000;
const KEPT = 90 * 24 * HOUR;
const FLUSH_EVERY = 3000;
/** Records written or erased in one turn, so that others are not kept waiting. */
const BATCH = 1000;
/** A wall clock that moved by more than this against the monotonic one has jumped. */
const JUMP = 60_000;

const COUNTER = {
  hit: 'hits',
  miss: 'misses',
  collapsed: 'collapsed',
  revalidated: 'revalidated',
  stale: 'stale',
  bypassed: 'bypassed',
} as const satisfies Record<Outcome, keyof Counts>;

export interface LedgerParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Logger;
}

export class StatisticsLedger implements Statistics, UpstreamCount {
  readonly #parts: LedgerParts;
  readonly #rows = new Map<string, Row>();
  readonly #totals = new Map<string, Total>();
  /** Held by whatever needs the written rows to stay as they are. */
  readonly #writing = new Mutex();
  readonly #stop: () => void;
  #steady: { readonly wall: number; readonly monotonic: number };
  #expiredBefore = 0;
  readonly #flushes: { at: number | undefined; failures: number } = { at: undefined, failures: 0 };

  constructor(parts: LedgerParts) {
    this.#parts = parts;
    const { clock, log } = parts;
    this.#steady = { wall: clock.now(), monotonic: clock.monotonic() };
    this.#stop = clock.every(FLUSH_EVERY, () => {
      this.flush().catch((error: unknown) => {
        this.#flushes.failures++;
        log.warn({ err: error }, 'statistics were not written');
      });
    });
  }

  answered({ repository, kind, head, outcome, bytes }: AnsweredPull): void {
    const row = this.#row(repository);
    const counter = COUNTER[outcome];
    const saved = head || outcome === 'miss' || outcome === 'bypassed' ? 0 : 1;
    for (const counters of [row.counted[kind], row.total[kind]]) {
      counters[counter]++;
      counters.bytesServed += bytes;
      counters.savedGets += saved;
    }
    row.total.served[kind][outcome] += bytes;
  }

  fetched(repository: Repository, kind: Kind): void {
    const row = this.#row(repository);
    row.counted[kind].upstreamGets++;
    row.total[kind].upstreamGets++;
  }

  received(repository: Repository, kind: Kind, bytes: number, as: Follower): void {
    const row = this.#row(repository);
    const counter = as === 'live' ? 'bytesFromUpstream' : 'bytesPrefetched';
    row.counted[kind][counter] += bytes;
    row.total[kind][counter] += bytes;
  }

  /** By upstream, what this process counted. */
  get sinceStart(): ReadonlyMap<string, SinceStart> {
    return this.#totals;
  }

  /** When all was last written, in milliseconds since the epoch, and how often that failed since the start. */
  get flushes(): { readonly at: number | undefined; readonly failures: number } {
    return this.#flushes;
  }

  query(query: StatisticsQuery): Promise<StatisticsReport> {
    return this.#writing.run(() => this.#report(query));
  }

  /** Writes what is only in memory. Throws what the index's failure was; then it is tried again with the next one. */
  flush(): Promise<void> {
    return this.#writing.run(async () => {
      const changed = [...this.#rows.values()].filter((row) => row.changes !== row.written);
      for (let from = 0; from < changed.length; from += BATCH) await this.#write(changed.slice(from, from + BATCH));
      const hour = hourOf(this.#parts.clock.now());
      for (const [key, row] of this.#rows) if (row.at !== hour && row.changes === row.written) this.#rows.delete(key);
      await this.#expire(hour - KEPT);
      this.#flushes.at = this.#parts.clock.now();
    });
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.#stop();
    await this.flush();
  }

  #row(repository: Repository): Row {
    const at = hourOf(this.#parts.clock.now());
    const { upstream, name } = repository;
    const id = `${at} ${upstream} ${name}`;
    let row = this.#rows.get(id);
    if (!row) {
      let total = this.#totals.get(upstream);
      if (!total) this.#totals.set(upstream, (total = newTotal()));
      const key = keys.hour(at, repository);
      row = { key, at, repository, counted: nothing(), total, base: undefined, changes: 0, written: 0 };
      this.#rows.set(id, row);
    }
    row.changes++;
    return row;
  }

  /** The base is read once and kept, also when the write fails: whether it was made does not matter then. */
  async #write(rows: readonly Row[]): Promise<void> {
    const changes = new Map<Row, number>();
    await this.#parts.catalog.turn(async (tx) => {
      for (const row of rows) {
        row.base ??= fromRecord((await tx.get(row.key)) ?? { manifests: [], blobs: [] });
        tx.put(row.key, toRecord(sum(row.base, row.counted)));
        changes.set(row, row.changes);
      }
    });
    for (const [row, written] of changes) row.written = written;
  }

  /**
   * What is too old is in no report; here it is erased, once an hour. A clock that has just jumped may be wrong, and what
   * is erased does not come back, so it must have been steady for an hour first.
   */
  async #expire(before: number): Promise<void> {
    const { catalog, clock } = this.#parts;
    const wall = clock.now();
    const monotonic = clock.monotonic();
    const steadyFor = monotonic - this.#steady.monotonic;
    if (Math.abs(wall - this.#steady.wall - steadyFor) > JUMP) this.#steady = { wall, monotonic };
    else if (steadyFor >= HOUR && before !== this.#expiredBefore) {
      while ((await catalog.turn((tx) => eraseHours(tx, before, BATCH))) === BATCH);
      this.#expiredBefore = before;
    }
  }

  async #report({ since, until, upstream, repository, by }: StatisticsQuery): Promise<StatisticsReport> {
    const hour = hourOf(this.#parts.clock.now());
    const from = Math.max(hourOf(since ?? 0), hour - KEPT);
    const to = until === undefined ? hour + HOUR : hourOf(until + HOUR - 1);
    const total = nothing();
    const groups = new Map<string, Counting>();
    const count = (at: number, of: Repository, tally: Tally): void => {
      if (at < from || at >= to) return;
      if (upstream !== undefined && of.upstream !== upstream) return;
      if (repository !== undefined && `${of.upstream}/${of.name}` !== repository) return;
      add(total, tally);
      if (by === undefined) return;
      const key = KEY_OF[by](at, of);
      let group = groups.get(key);
      if (!group) groups.set(key, (group = nothing()));
      add(group, tally);
    };

    // Nothing is written meanwhile, so each number is either in the index or only here.
    for await (const entry of readHours(this.#parts.catalog.records, from, to)) {
      const row = this.#rows.get(`${entry.at} ${entry.repository.upstream} ${entry.repository.name}`);
      if (!row?.base) count(entry.at, entry.repository, fromRecord(entry));
    }
    for (const { at, repository: of, base, counted } of this.#rows.values()) {
      if (base) count(at, of, base);
      count(at, of, counted);
    }
    const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
    return { from, to, total, groups: sorted.map(([key, tally]) => ({ key, ...tally })) };
  }
}

const newTotal = (): Total => ({ ...nothing(), served: { manifests: noBytes(), blobs: noBytes() } });

const noBytes = (): Record<Outcome, number> => ({
  hit: 0,
  miss: 0,
  collapsed: 0,
  revalidated: 0,
  stale: 0,
  bypassed: 0,
});

const hourOf = (time: number): number => time - (((time % HOUR) + HOUR) % HOUR);

const KEY_OF: Record<Grouping, (at: number, of: Repository) => string> = {
  upstream: (_, { upstream }) => upstream,
  repository: (_, { upstream, name }) => `${upstream}/${name}`,
  hour: (at) => new Date(at).toISOString(),
};
