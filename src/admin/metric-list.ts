/**
 * Every metric of Cistern's own: its name, what it means, and where its values come from. docs/metrics.md is made from this
 * list. Upstreams are labels, because an operator names them; repositories, tags and digests never are: they may be secret,
 * and their number has no bound.
 */
import type { CatalogHealth } from '../catalog/catalog.js';
import type { Outcome } from '../cache/outcome.js';
import type { JobState } from '../cache/prefetch/prefetch.js';
import { nothing, type Counts } from '../cache/statistics/counts.js';
import type { Durations } from '../lib/durations.js';
import type { Seen, SeenUpstream } from './seen.js';

export type Labels = Readonly<Record<string, string>>;
/** Of what cannot be known now, the value is undefined, and there is no sample. */
export type Sample = readonly [value: number | undefined, labels?: Labels];

interface Described {
  /** The heading it stands under in the document. */
  readonly section: string;
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface Plain extends Described {
  readonly type: 'counter' | 'gauge';
  readonly read: (seen: Seen) => readonly Sample[];
}

export interface Distribution extends Described {
  readonly type: 'histogram';
  readonly read: (seen: Seen) => readonly (readonly [Durations, Labels])[];
}

export type Metric = Plain | Distribution;

const KINDS = { manifest: 'manifests', blob: 'blobs' } as const;
const OUTCOMES = {
  hit: 'hits',
  miss: 'misses',
  collapsed: 'collapsed',
  revalidated: 'revalidated',
  stale: 'stale',
  bypassed: 'bypassed',
} as const satisfies Record<Outcome, keyof Counts>;
const HEALTHS: readonly CatalogHealth[] = ['ready', 'rebuilding', 'full', 'failed'];
const BREAKERS = ['closed', 'half-open', 'open'] as const;
const UNENDED: readonly JobState[] = ['queued', 'running'];
const ENDED: readonly JobState[] = ['succeeded', 'failed', 'cancelled'];

const metric =
  (type: Plain['type']) =>
  (name: string, help: string, read: (seen: Seen) => readonly Sample[] | number | undefined, ...labels: string[]) => ({
    type,
    name: `cistern_${name}`,
    help,
    labels,
    read: (seen: Seen): readonly Sample[] => {
      const found = read(seen);
      return typeof found === 'object' ? found : [[found]];
    },
  });
const counter = metric('counter');
const gauge = metric('gauge');

/** Samples of each upstream, each with its name. */
const each =
  (read: (upstream: SeenUpstream, seen: Seen) => readonly Sample[] | number | undefined) =>
  (seen: Seen): readonly Sample[] =>
    seen.upstreams.flatMap((upstream) => {
      const found = read(upstream, seen);
      const samples: readonly Sample[] = typeof found === 'object' ? found : [[found]];
      return samples.map(([value, labels]): Sample => [value, { upstream: upstream.name, ...labels }]);
    });

const NOTHING = nothing();

/** A number of the statistics by kind. */
const counted = (field: keyof Counts) =>
  each(({ counted: tally = NOTHING }) =>
    Object.entries(KINDS).map(([kind, plural]): Sample => [tally[plural][field], { kind }]),
  );

const byOutcome = (read: (upstream: SeenUpstream, kind: 'manifests' | 'blobs', outcome: Outcome) => number) =>
  each((upstream) =>
    Object.entries(KINDS).flatMap(([kind, plural]) =>
      (Object.keys(OUTCOMES) as Outcome[]).map((outcome): Sample => [
        read(upstream, plural, outcome),
        { kind, outcome },
      ]),
    ),
  );

const seconds = (milliseconds: number | undefined): number | undefined =>
  milliseconds === undefined ? undefined : milliseconds / 1000;

const states = <T extends string>(all: readonly T[], now: T): readonly Sample[] =>
  all.map((state) => [Number(state === now), { state }]);

const jobs =
  (wanted: readonly JobState[]) =>
  ({ prefetches }: Seen): readonly Sample[] =>
    wanted.map((state) => [prefetches.get(state) ?? 0, { state }]);

const entries = (map: ReadonlyMap<string, number>, label: string): readonly Sample[] =>
  [...map].map(([value, count]) => [count, { [label]: value }]);

const ended = (report: { readonly startedAt: number; readonly durationMs: number } | undefined) =>
  report && seconds(report.startedAt + report.durationMs);

const SECTIONS: Readonly<Record<string, readonly Omit<Plain, 'section'>[]>> = {
  'What clients asked for': [
    counter(
      'requests_total',
      'Manifests and blobs answered, by outcome.',
      byOutcome(({ counted: tally = NOTHING }, kind, outcome) => tally[kind][OUTCOMES[outcome]]),
      'upstream',
      'kind',
      'outcome',
    ),
    counter(
      'served_bytes_total',
      'Bytes of bodies sent to clients, by outcome.',
      byOutcome(({ counted: tally }, kind, outcome) => tally?.served[kind][outcome] ?? 0),
      'upstream',
      'kind',
      'outcome',
    ),
    counter(
      'saved_gets_total',
      'GETs of clients answered without one upstream.',
      counted('savedGets'),
      'upstream',
      'kind',
    ),
    counter(
      'request_errors_total',
      'Requests that ended in an error, by its reason in docs/errors.md.',
      ({ errors }) => entries(errors, 'reason'),
      'reason',
    ),
    counter(
      'failed_logins_total',
      'Logins of clients, and to the status page, with a wrong user or password.',
      (seen) => seen.failedLogins,
    ),
  ],
  'What upstreams were asked for': [
    counter(
      'upstream_gets_total',
      'GETs that upstream answered with a body; of manifests, the pulls that registries count.',
      counted('upstreamGets'),
      'upstream',
      'kind',
    ),
    counter(
      'upstream_bytes_total',
      'Bytes of bodies received from upstream, by whom they were for.',
      each(({ counted: tally = NOTHING }) =>
        Object.entries(KINDS).flatMap(([kind, plural]): Sample[] => [
          [tally[plural].bytesFromUpstream, { kind, for: 'clients' }],
          [tally[plural].bytesPrefetched, { kind, for: 'prefetch' }],
        ]),
      ),
      'upstream',
      'kind',
      'for',
    ),
    counter(
      'upstream_errors_total',
      'Requests to upstream that failed and bodies that broke off, by reason; UPSTREAM_RATE_LIMITED is a 429.',
      each(({ requests }) => entries(new Map([...NO_FAILURES, ...(requests?.failures ?? [])]), 'reason')),
      'upstream',
      'reason',
    ),
    gauge(
      'upstream_breaker',
      '1 for the state of the circuit breaker.',
      each(({ breaker }) => states(BREAKERS, breaker)),
      'upstream',
      'state',
    ),
    gauge(
      'upstream_held_back',
      '1 while upstream has us wait after a 429.',
      each(({ heldBackUntil }) => Number(heldBackUntil !== undefined)),
      'upstream',
    ),
    gauge(
      'upstream_rate_limit',
      'Pulls that upstream allows in its window, once it has said so.',
      each(({ rateLimit }) => rateLimit?.limit),
      'upstream',
    ),
    gauge(
      'upstream_rate_limit_remaining',
      'Pulls that upstream said are left, until its window is over.',
      each(({ rateLimit }) => rateLimit?.remaining),
      'upstream',
    ),
    gauge(
      'upstream_credential_failing',
      '1 while our credential cannot be had or is refused.',
      each(({ credential }) => Number(credential?.failure !== undefined)),
      'upstream',
    ),
    gauge(
      'upstream_bodies',
      'Bodies under way or waiting for a connection.',
      each(({ activeBodies, waitingBodies }) => [
        [activeBodies, { state: 'active' }],
        [waitingBodies, { state: 'waiting' }],
      ]),
      'upstream',
      'state',
    ),
    gauge(
      'upstream_bodies_max',
      'Most bodies at once.',
      each(({ maxBodies }) => maxBodies),
      'upstream',
    ),
  ],
  'What is under way': [
    gauge('flights', 'Fills: downloads from upstream into the store.', ({ flights }) => flights),
    gauge(
      'followers',
      'Who waits for fills: clients (live) and prefetch jobs.',
      ({ followers }) => Object.entries(followers).map(([of, count]) => [count, { class: of }]),
      'class',
    ),
    gauge('pass_through_streams', 'Streams from upstream to one client, past the store.', ({ passing }) => passing),
    gauge('prefetch_jobs', 'Prefetch jobs that have not ended.', jobs(UNENDED), 'state'),
    counter('prefetch_jobs_ended_total', 'Prefetch jobs that have ended.', jobs(ENDED), 'state'),
  ],
  'The store': [
    gauge('stored_blobs', 'Blobs in the store, manifests included.', ({ stored }) => stored?.blobs),
    gauge('stored_bytes', 'Bytes of blobs in the store, manifests included.', ({ stored }) => stored?.bytes),
    gauge('storage_max_bytes', 'storage.maxSize of the configuration.', ({ maxBytes }) => maxBytes),
    gauge(
      'spool_bytes',
      'Bytes of downloads that are under way or wait to be resumed.',
      ({ spoolBytes }) => spoolBytes,
    ),
    gauge('disk_free_bytes', 'Free on the file system of the data directory.', ({ freeBytes }) => freeBytes),
    gauge('storage_min_free_bytes', 'storage.minFree of the configuration.', ({ minFreeBytes }) => minFreeBytes),
    gauge(
      'index_health',
      '1 for the state that the index is in.',
      ({ indexHealth }) => states(HEALTHS, indexHealth),
      'state',
    ),
    gauge('index_bytes', 'Bytes of the index; looked at once a minute.', ({ indexBytes }) => indexBytes),
    counter(
      'corrupt_blobs_total',
      'Stored blobs that turned out bad, on a pull or in a scrub, and were quarantined.',
      ({ quarantined }) => quarantined.blobs,
    ),
    gauge('quarantined_bytes', 'Bytes of the quarantine.', ({ quarantined }) => quarantined.bytes),
  ],
  'What Cistern does by itself': [
    counter(
      'erased_blobs_total',
      'Blobs deleted by collections, to make room and on request.',
      ({ erased }) => erased.blobs,
    ),
    counter('erased_bytes_total', 'Bytes of the blobs that were deleted.', ({ erased }) => erased.bytes),
    gauge('gc_running', '1 while a garbage collection is under way.', ({ collection }) =>
      collection ? Number(collection.running !== undefined) : undefined,
    ),
    gauge(
      'gc_last_success_timestamp_seconds',
      'End of the last collection that came to its end, whatever started it.',
      ({ collection }) => ended(collection?.last),
    ),
    gauge('gc_last_duration_seconds', 'How long that collection took.', ({ collection }) =>
      seconds(collection?.last?.durationMs),
    ),
    gauge(
      'gc_last_freed_bytes',
      'What that collection freed: blobs, files without a record, partial downloads.',
      ({ collection }) => collection?.last && collection.last.sweptBytes + collection.last.leftoverBytes,
    ),
    counter(
      'gc_failures_total',
      'Collections that stopped early by an error.',
      ({ collection }) => collection?.failures,
    ),
    gauge('scrub_last_success_timestamp_seconds', 'End of the last scheduled scrub that came to its end.', (seen) =>
      ended(seen.scrub),
    ),
    gauge('scrub_last_duration_seconds', 'How long that scrub took.', ({ scrub }) => seconds(scrub?.durationMs)),
    gauge('scrub_last_checked_bytes', 'Bytes that it hashed.', ({ scrub }) => scrub?.bytes),
    gauge('scrub_last_corrupt_blobs', 'Blobs that it found bad or missing.', ({ scrub }) => scrub?.corrupt),
    gauge('statistics_last_flush_timestamp_seconds', 'When the statistics were last written.', ({ flushes }) =>
      seconds(flushes.at),
    ),
    counter(
      'statistics_flush_failures_total',
      'Times that statistics could not be written.',
      ({ flushes }) => flushes.failures,
    ),
  ],
  'The daemon': [
    gauge('ready', '1 when traffic may come, as /readyz says.', ({ ready }) => Number(ready)),
    gauge('build_info', 'Always 1; the version is in its label.', ({ version }) => [[1, { version }]], 'version'),
    gauge(
      'certificate_expiry_timestamp_seconds',
      'End of the certificate of a listener with TLS.',
      ({ certificates }) => Object.entries(certificates).map(([listener, at]) => [seconds(at), { listener }]),
      'listener',
    ),
  ],
};

/** Zeros from the start, so that the first failure already is an increase. */
const NO_FAILURES = new Map(
  ['UPSTREAM_UNREACHABLE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE', 'UPSTREAM_RATE_LIMITED'].map((code) => [
    code,
    0,
  ]),
);

const LATENCY: Distribution = {
  section: 'What upstreams were asked for',
  type: 'histogram',
  name: 'cistern_upstream_response_seconds',
  help: 'From a request to upstream, connecting included, to the head of its answer; bodies of blobs have a lane of their own.',
  labels: ['upstream', 'lane'],
  read: ({ upstreams }) =>
    upstreams.flatMap(({ name, requests }) =>
      Object.entries(requests?.answers ?? {}).map(
        ([lane, durations]) => [durations, { upstream: name, lane }] as const,
      ),
    ),
};

export const METRICS: readonly Metric[] = Object.entries(SECTIONS).flatMap(([section, metrics]) => [
  ...metrics.map((each): Metric => ({ section, ...each })),
  ...(section === LATENCY.section ? [LATENCY] : []),
]);
