/** Metrics without a daemon: what a new one would tell of itself. */
import { Metrics } from '../../src/admin/metrics.js';
import type { Seen } from '../../src/admin/seen.js';

/** A daemon that has just begun, without upstreams. */
export const BEGINNING: Seen = {
  at: 0,
  version: '0.0.0',
  ready: true,
  upstreams: [],
  errors: new Map(),
  failedLogins: 0,
  certificates: { registry: undefined, control: undefined },
  flights: 0,
  followers: { live: 0, prefetch: 0 },
  passing: 0,
  prefetches: new Map(),
  stored: undefined,
  maxBytes: 0,
  spoolBytes: 0,
  freeBytes: undefined,
  minFreeBytes: 0,
  quarantined: { blobs: 0, bytes: undefined },
  indexHealth: 'ready',
  indexBytes: undefined,
  erased: { blobs: 0, bytes: 0 },
  collection: undefined,
  scrub: undefined,
  flushes: { at: undefined, failures: 0 },
};

const metrics = new Metrics(() => Promise.resolve(BEGINNING));

/** What prom-client tells of the process. */
export const processMetrics = () => metrics.ofProcess();
