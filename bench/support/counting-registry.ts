/**
 * One cache and index behind two registries, as a process of its own: one counts statistics, the other does not. They share
 * the process, because two processes differ by more than what is measured. Arguments: the upstream's URL, a data directory,
 * and `metrics` for a process that has them, of twenty upstreams, on a third port.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Metrics } from '../../src/admin/metrics.js';
import { stateOf } from '../../src/cache/doctor/upstream-states.js';
import { PullThrough } from '../../src/cache/pull-through.js';
import { StatisticsLedger, type AnsweredPull } from '../../src/cache/statistics/statistics.js';
import { openCatalog } from '../../src/catalog/open-catalog.js';
import { FilesystemBlobStore } from '../../src/content/filesystem-blob-store.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { SpoolArea } from '../../src/content/spool-area.js';
import { KeyedMutex } from '../../src/lib/async.js';
import { systemClock as clock } from '../../src/lib/clock.js';
import { createLog } from '../../src/lib/log.js';
import { RegistryServer } from '../../src/registry/server.js';
import { RegistryUpstream } from '../../src/upstream/registry-upstream.js';
import { BEGINNING } from '../../test/support/metrics.js';

const [url = '', dataDir = '', extra] = process.argv.slice(2);
const name = 'bench.test';
const log = createLog({ level: 'error', format: 'json' }).logger;
const budget = new ReadBudget();
const nothing: AsyncIterable<never> = (async function* () {
  await Promise.resolve();
  yield* [];
})();

const catalog = await openCatalog({ dataDir, survey: () => nothing, clock, log });
const spools = await SpoolArea.open({ dir: join(dataDir, 'spool'), clock, log, minFree: 0, budget });
const store = await FilesystemBlobStore.open({
  dir: join(dataDir, 'blobs'),
  quarantineDir: join(dataDir, 'quarantine'),
  budget,
  log,
});
const upstream = RegistryUpstream.open({
  name,
  url,
  auth: { type: 'anonymous' },
  realms: [],
  connectTimeout: 5000,
  responseTimeout: 5000,
  maxConnections: 16,
  allowNetworks: ['127.0.0.0/8'],
  ownListeners: () => [],
  clock,
  log,
});
const hour = 3_600_000;
const policy = {
  permits: () => true,
  tagTtl: hour,
  revalidateTimeout: 3000,
  negativeTtl: 0,
  staleIfError: 0,
  staleIfGone: 0,
  linkTtl: hour,
  credentialed: false,
};
const ledger = new StatisticsLedger({ catalog, clock, log });
const makeRoom = () => Promise.resolve(false);
const parts = { spools, store, catalog, digestLocks: new KeyedMutex(), makeRoom, count: ledger, clock, log };
const cache = new PullThrough(parts, new Map([[name, { upstream, policy }]]));
const names = { names: new Map([[name, name]]), default: name };
const listen = async (onAnswered?: (pull: AnsweredPull) => void): Promise<number> =>
  (await RegistryServer.open({ cache, names, onAnswered, clock, log }, { host: '127.0.0.1', port: 0 })).address.port;

const CALLS = 500_000;
let micros = 0;
for (let run = 0; run < 2; run++) {
  const began = performance.now();
  for (let call = 0; call < CALLS; call++) {
    const repository = { upstream: name, name: 'bench/counted' };
    ledger.answered({ repository, kind: 'manifests', head: false, outcome: 'hit', bytes: 1000 });
  }
  micros = ((performance.now() - began) * 1000) / CALLS;
}
process.stdout.write(`answered ${micros.toFixed(2)}\n`);

if (extra === 'metrics') {
  const state = { ...stateOf({ upstream, aliases: [], default: true }), requests: upstream.requests };
  const seen = () =>
    Promise.resolve({
      ...BEGINNING,
      upstreams: Array.from({ length: 20 }, () => ({ ...state, counted: ledger.sinceStart.get(name) })),
    });
  const metrics = new Metrics(seen);
  const server = createServer((_, response) => void metrics.text().then((text) => response.end(text)));
  server.listen(0, '127.0.0.1', () => process.stdout.write(`admin ${(server.address() as AddressInfo).port}\n`));
  await once(server, 'listening');
}
const counting = await listen((pull) => ledger.answered(pull));
process.stdout.write(`counting ${counting}\nport ${await listen()}\n`);
