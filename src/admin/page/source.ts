/**
 * Gathers what the status page tells. What is cheap is looked up for each page; what reads much of the index is kept for a
 * minute and more (latest.ts). A part that cannot be looked up leaves its place empty, and the page comes all the same.
 */
import type { Collector, CollectorPolicy } from '../../cache/collect/collection.js';
import type { Contents } from '../../cache/contents/contents.js';
import { overview, type Overview } from '../../cache/contents/overview.js';
import type { UpstreamState } from '../../cache/doctor/upstream-states.js';
import type { Flights } from '../../cache/flight.js';
import type { Prefetches, PrefetchJob } from '../../cache/prefetch/prefetch.js';
import { Growth } from '../../cache/statistics/growth.js';
import type { Statistics } from '../../cache/statistics/statistics.js';
import type { Catalog } from '../../catalog/catalog.js';
import { keys } from '../../catalog/keys.js';
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/log.js';
import { formatImagePattern } from '../../oci/image-pattern.js';
import type { Digest } from '../../oci/digest.js';
import { History, type Counted } from './history.js';
import { Latest } from './latest.js';
import { fillOf, type JobStatus, type Status } from './status.js';

export interface SourceParts {
  readonly version: string;
  readonly catalog: Catalog;
  readonly unready: () => string | undefined;
  readonly flights: Pick<Flights, 'states'>;
  readonly statistics: Statistics;
  readonly upstreams: () => Promise<readonly UpstreamState[]>;
  readonly collector: Pick<Collector, 'state'>;
  readonly prefetches: Pick<Prefetches, 'list'>;
  readonly contents: Pick<Contents, 'diskUsage'>;
  readonly policy: CollectorPolicy;
  /** Whether an unfinished job works on the image with this digest. */
  readonly inUse: (digest: Digest) => boolean;
  /** When the next scrub is due. */
  readonly nextScrubAt: () => number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const JOBS = 5;

export class StatusSource {
  readonly #parts: SourceParts;
  readonly #startedAt: number;
  readonly #growth: Growth;
  readonly #counted: Latest<Counted>;
  readonly #overview: Latest<Overview>;
  readonly #jobs: Latest<readonly JobStatus[]>;

  private constructor(parts: SourceParts) {
    const { statistics, contents, prefetches, clock } = parts;
    this.#parts = parts;
    this.#startedAt = clock.monotonic();
    this.#growth = Growth.start(parts);
    const now = () => clock.now();
    const history = new History(statistics, now);
    const diskUsage = (signal: AbortSignal) => contents.diskUsage(signal);
    this.#counted = new Latest({ ...parts, what: 'statistics', freshFor: 0, read: () => history.read() });
    this.#overview = new Latest({
      ...parts,
      what: 'the images',
      freshFor: 60_000,
      read: (signal) => overview({ ...parts, diskUsage, now }, signal),
    });
    this.#jobs = new Latest({
      ...parts,
      what: 'the prefetch jobs',
      freshFor: 2000,
      read: async () => (await prefetches.list([], { size: JOBS })).items.map(jobOf),
    });
  }

  /** Records from now on how the store grows. */
  static start(parts: SourceParts): StatusSource {
    return new StatusSource(parts);
  }

  /** With all names. */
  async status(): Promise<Status> {
    const { version, catalog, unready, flights, upstreams, collector, policy, nextScrubAt, clock } = this.#parts;
    const [stored, counted, images, growth, states, collection, lastScrub, jobs] = await Promise.all([
      maybe(catalog.stored()),
      this.#counted.get(),
      this.#overview.get(),
      maybe(this.#growth.perDay()),
      maybe(upstreams()),
      maybe(collector.state()),
      maybe(catalog.records.get(keys.scrub)),
      this.#jobs.get(),
    ]);
    return {
      now: clock.now(),
      version,
      uptime: clock.monotonic() - this.#startedAt,
      unready: unready(),
      health: catalog.health,
      stored,
      maxSize: policy.maxSize,
      minFree: policy.minFree,
      counted,
      fills: flights.states().map(fillOf),
      overview: images,
      growth,
      upstreams: states ?? [],
      collection,
      scrub: { last: lastScrub, nextAt: nextScrubAt() },
      jobs,
      names: 'shown',
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#counted, this.#overview, this.#jobs, this.#growth].map((part) => part.close()));
  }
}

const maybe = <T>(promise: Promise<T>): Promise<T | undefined> => promise.catch(() => undefined);

function jobOf({ id, origin, state, createdAt, finishedAt, spec, images, error }: PrefetchJob): JobStatus {
  const total = (bytes: (image: PrefetchJob['images'][number]) => number) =>
    images.reduce((sum, image) => sum + bytes(image), 0);
  return {
    id,
    origin,
    state,
    createdAt,
    finishedAt,
    asked: spec.images.map(formatImagePattern),
    images: images.length,
    bytes: total(({ bytesTotal }) => bytesTotal),
    bytesHere: total(({ bytesFetched, bytesReused }) => bytesFetched + bytesReused),
    error: error?.message ?? images.find((image) => image.error)?.error?.message,
  };
}
