/**
 * What Prometheus reads. Each scrape asks the parts how they are; nothing is counted here. Upstreams are labels, because an
 * operator names them; repositories never are: their names may be secret, and their number has no bound.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { CatalogHealth } from '../catalog/catalog.js';
import type { Tally } from '../cache/statistics/statistics.js';
import type { UpstreamState } from '../cache/doctor/upstream-states.js';

export interface Observed {
  readonly version: string;
  /** Of the index. */
  readonly health: () => CatalogHealth;
  readonly ready: () => boolean;
  /** By upstream, since the start. */
  readonly tallies: () => ReadonlyMap<string, Tally>;
  readonly upstreams: () => Promise<readonly UpstreamState[]>;
  readonly flights: () => number;
  /** Bytes of spools, partial ones included. */
  readonly spooled: () => number;
  readonly stored: () => Promise<{ readonly blobs: number; readonly bytes: number }>;
}

const HEALTHS: readonly CatalogHealth[] = ['ready', 'rebuilding', 'full', 'failed'];
const BREAKERS = ['closed', 'half-open', 'open'] as const;
const OUTCOMES = {
  hit: 'hits',
  miss: 'misses',
  collapsed: 'collapsed',
  revalidated: 'revalidated',
  stale: 'stale',
  bypassed: 'bypassed',
} as const;
const KINDS = { manifest: 'manifests', blob: 'blobs' } as const;

export class Metrics {
  readonly #registry = new Registry();

  constructor(observed: Observed) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#countTallies(observed);

    const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          // A number that cannot be had just now is no reason to give none.
          this.set(await Promise.resolve(read()).catch(() => Number.NaN));
        },
      });
    gauge('cistern_ready', '1 when traffic may come, as /readyz says.', () => Number(observed.ready()));
    gauge('cistern_flights', 'Downloads from upstream under way.', observed.flights);
    gauge('cistern_spool_bytes', 'Bytes of downloads that are under way or wait to be resumed.', observed.spooled);
    const stored = (name: 'blobs' | 'bytes') => async () => (await observed.stored())[name];
    gauge('cistern_stored_blobs', 'Blobs in the store, manifests included.', stored('blobs'));
    gauge('cistern_stored_bytes', 'Bytes of blobs in the store, manifests included.', stored('bytes'));
    new Gauge({
      name: 'cistern_build_info',
      help: 'Always 1; the version is in its label.',
      labelNames: ['version'],
      registers,
    }).set({ version: observed.version }, 1);
    new Gauge({
      name: 'cistern_index_health',
      help: '1 for the state that the index is in.',
      labelNames: ['state'],
      registers,
      collect() {
        const health = observed.health();
        for (const state of HEALTHS) this.set({ state }, Number(state === health));
      },
    });
    this.#watchUpstreams(observed);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #countTallies({ tallies }: Observed): void {
    const counter = (
      name: string,
      help: string,
      label: string,
      fields: Readonly<Record<string, keyof Tally['blobs']>>,
    ) =>
      new Counter({
        name,
        help,
        labelNames: ['upstream', 'kind', ...(label === '' ? [] : [label])],
        registers: [this.#registry],
        collect() {
          this.reset();
          for (const [upstream, tally] of tallies())
            for (const [kind, plural] of Object.entries(KINDS))
              for (const [value, field] of Object.entries(fields))
                this.inc({ upstream, kind, ...(label !== '' && { [label]: value }) }, tally[plural][field]);
        },
      });
    counter('cistern_requests_total', 'Manifests and blobs answered, by outcome.', 'outcome', OUTCOMES);
    counter('cistern_served_bytes_total', 'Bytes of bodies sent to clients.', '', { all: 'bytesServed' });
    counter('cistern_upstream_bytes_total', 'Bytes of bodies received from upstream, by whom they were for.', 'for', {
      clients: 'bytesFromUpstream',
      prefetch: 'bytesPrefetched',
    });
    counter('cistern_upstream_gets_total', 'GETs that upstream answered with a body.', '', { all: 'upstreamGets' });
    counter('cistern_saved_gets_total', 'GETs of clients answered without one upstream.', '', { all: 'savedGets' });
  }

  #watchUpstreams({ upstreams }: Observed): void {
    const gauge = (
      name: string,
      help: string,
      labels: readonly string[],
      read: (state: UpstreamState, set: (value: number | undefined, labels?: Record<string, string>) => void) => void,
    ) =>
      new Gauge({
        name,
        help,
        labelNames: ['upstream', ...labels],
        registers: [this.#registry],
        async collect() {
          const states = await upstreams();
          this.reset();
          for (const state of states)
            read(state, (value, more) => {
              if (value !== undefined) this.set({ upstream: state.name, ...more }, value);
            });
        },
      });
    gauge('cistern_upstream_breaker', '1 for the state of the circuit breaker.', ['state'], ({ breaker }, set) => {
      for (const state of BREAKERS) set(Number(state === breaker), { state });
    });
    gauge('cistern_upstream_bodies', 'Bodies under way or waiting for a connection.', ['state'], (upstream, set) => {
      set(upstream.activeBodies, { state: 'active' });
      set(upstream.waitingBodies, { state: 'waiting' });
    });
    gauge('cistern_upstream_bodies_max', 'Most bodies at once.', [], (upstream, set) => set(upstream.maxBodies));
    gauge('cistern_upstream_rate_limit', 'Pulls that upstream allows in its window.', [], ({ rateLimit }, set) =>
      set(rateLimit?.limit),
    );
    gauge('cistern_upstream_rate_limit_remaining', 'Pulls that upstream said are left.', [], ({ rateLimit }, set) =>
      set(rateLimit?.remaining),
    );
    gauge('cistern_upstream_held_back', '1 while upstream has us wait after a 429.', [], ({ heldBackUntil }, set) =>
      set(Number(heldBackUntil !== undefined)),
    );
  }
}
