/** Asks every part how it is, for a scrape. What cannot be had at that moment is left out, and keeps nothing else back. */
import { join } from 'node:path';
import type { Seen } from '../admin/seen.js';
import type { GarbageCollector } from '../cache/collect/collector.js';
import type { StoredEraser } from '../cache/collect/stored-eraser.js';
import { stateOf } from '../cache/doctor/upstream-states.js';
import type { Prefetcher } from '../cache/prefetch/prefetcher.js';
import type { PullThrough } from '../cache/pull-through.js';
import type { StatisticsLedger } from '../cache/statistics/statistics.js';
import type { Catalog } from '../catalog/catalog.js';
import { keys } from '../catalog/keys.js';
import type { Config } from '../config/schema.js';
import type { SpoolArea } from '../content/spool-area.js';
import type { ControlServer } from '../control/server.js';
import type { Clock } from '../lib/clock.js';
import { directorySize, rememberedSize } from '../lib/directory-size.js';
import { version } from '../lib/version.js';
import type { ClientAuth } from '../registry/client-auth.js';
import type { RegistryServer } from '../registry/server.js';
import type { ConfiguredUpstreams } from './configured-upstreams.js';

export interface Surroundings {
  readonly config: Config;
  readonly clock: Clock;
  readonly ready: () => boolean;
  readonly upstreams: ConfiguredUpstreams;
  readonly cache: PullThrough;
  readonly spools: SpoolArea;
  /** Blobs that were set aside. */
  readonly store: { readonly quarantined: number };
  readonly catalog: Catalog;
  readonly ledger: StatisticsLedger;
  readonly eraser: StoredEraser;
  readonly collector: GarbageCollector;
  readonly prefetches: Prefetcher;
  readonly registry: RegistryServer;
  readonly control: ControlServer;
  readonly logins: Iterable<ClientAuth | undefined>;
}

/** Milliseconds: an index of a million blobs has a thousand files. */
const INDEX_SIZE_LASTS = 60_000;

export function lookAround(parts: Surroundings): () => Promise<Seen> {
  const { config, clock, cache, spools, store, catalog, ledger, collector, registry, control } = parts;
  const { dataDir, storage } = config;
  const indexSize = rememberedSize(join(dataDir, 'index'), clock, INDEX_SIZE_LASTS);
  const about = version();
  return async () => {
    const requests = parts.upstreams.requests;
    const counted = ledger.sinceStart;
    const flights = cache.flights.states();
    const followers = (of: 'live' | 'prefetch') => flights.reduce((sum, flight) => sum + flight.followers[of], 0);
    const [stored, freeBytes, quarantinedBytes, indexBytes, collection, scrub] = await Promise.all([
      known(catalog.stored()),
      known(spools.free()),
      known(directorySize(join(dataDir, 'quarantine'))),
      known(indexSize()),
      known(collector.state()),
      known(catalog.records.get(keys.scrub)),
    ]);
    return {
      at: clock.now(),
      version: about,
      ready: parts.ready(),
      upstreams: parts.upstreams.configured.map((upstream) => {
        const state = stateOf(upstream);
        return { ...state, counted: counted.get(state.name), requests: requests.get(state.name) };
      }),
      errors: registry.errors,
      failedLogins: [...parts.logins].reduce((sum, each) => sum + (each?.failedLogins ?? 0), 0),
      certificates: { registry: registry.certificateUntil, control: control.certificateUntil },
      flights: flights.length,
      followers: { live: followers('live'), prefetch: followers('prefetch') },
      passing: cache.passing,
      prefetches: parts.prefetches.tally,
      stored,
      maxBytes: storage.maxSize,
      spoolBytes: spools.bytes,
      freeBytes,
      minFreeBytes: storage.minFree,
      quarantined: { blobs: store.quarantined, bytes: quarantinedBytes },
      indexHealth: catalog.health,
      indexBytes,
      erased: parts.eraser.erased,
      collection: collection && { ...collection, failures: collector.failures },
      scrub,
      flushes: ledger.flushes,
    };
  };
}

const known = <T>(read: Promise<T>): Promise<T | undefined> => read.catch(() => undefined);
