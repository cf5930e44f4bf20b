/**
 * The composition root: the only file that names engines. Parts start in order, each on what came before it, and stop
 * in reverse; every step of a stop runs, also when one before it failed.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Metrics } from '../admin/metrics.js';
import { AdminServer } from '../admin/server.js';
import { StatusPage } from '../admin/status-page.js';
import { GarbageCollector } from '../cache/collect/collector.js';
import { Doctor } from '../cache/doctor/doctor.js';
import { Prefetcher } from '../cache/prefetch/prefetcher.js';
import type { PrefetchSpec } from '../cache/prefetch/prefetch.js';
import { PullThrough } from '../cache/pull-through.js';
import { Recollection } from '../cache/recollection.js';
import { StoredContents } from '../cache/contents/stored-contents.js';
import { StoredEraser } from '../cache/collect/stored-eraser.js';
import { StatisticsLedger, type Statistics } from '../cache/statistics/statistics.js';
import type { Upstreams } from '../cache/doctor/upstream-states.js';
import { checkLayout } from '../catalog/layout.js';
import { openCatalog } from '../catalog/open-catalog.js';
import { isLocal } from '../config/addresses.js';
import type { Config } from '../config/schema.js';
import { ControlServer } from '../control/server.js';
import { FilesystemBlobStore } from '../content/filesystem-blob-store.js';
import { Rehasher } from '../content/rehash.js';
import { ReadBudget } from '../content/read-budget.js';
import { SpoolArea } from '../content/spool-area.js';
import { survey } from '../content/survey.js';
import { KeyedMutex } from '../lib/async.js';
import { systemClock } from '../lib/clock.js';
import { directorySize } from '../lib/directory-size.js';
import { isAppError, type AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { Undo } from '../lib/undo.js';
import { version } from '../lib/version.js';
import { DirectoryLock } from '../metadata/directory-lock.js';
import { parseImagePattern } from '../oci/image-pattern.js';
import type { Digest } from '../oci/digest.js';
import { ClientAuth } from '../registry/client-auth.js';
import { RegistryServer } from '../registry/server.js';
import { Scheduler, type Job } from '../schedule/scheduler.js';
import { ConfiguredUpstreams, namesOf } from './configured-upstreams.js';
import { lookAround } from './look-around.js';
import { startTracing } from './tracing.js';

export interface Daemon {
  /** Upstreams and their policies. What else has changed needs a restart, and is said. */
  reload(config: Config): void;
  /** Drains for at most `drainTimeout`. */
  stop(): Promise<void>;
  readonly statistics: Statistics;
  readonly upstreams: Upstreams;
  readonly addresses: { readonly registry: string; readonly admin: string; readonly control: string };
}

/** What a reload does not change. */
const FIXED = [
  'dataDir',
  'registry',
  'control',
  'admin',
  'storage',
  'drainTimeout',
  'gc',
  'prefetch',
  'scrub',
  'tracing',
] as const;

/**
 * `reread` reads the configuration again, for the doctor. Throws DIRECTORY_IN_USE, LAYOUT_UNKNOWN, or the system
 * error of what could not be opened; nothing is left running then.
 */
export async function startDaemon(config: Config, log: Logger, reread: () => Config): Promise<Daemon> {
  let damage: AppError | undefined;
  for (;;) {
    const undo = new Undo(log);
    try {
      return await start(config, log, reread, undo, damage);
    } catch (error) {
      await undo.run();
      // The first to read a damaged part of the index may be anybody here: then all of it begins again, with a new one.
      if (damage || !isAppError(error, 'INDEX_CORRUPT')) throw error;
      damage = error;
    }
  }
}

/** `damage`: what an earlier try found of the index. */
async function start(
  config: Config,
  log: Logger,
  reread: () => Config,
  undo: Undo,
  damage: AppError | undefined,
): Promise<Daemon> {
  const clock = systemClock;
  let inForce = config;
  const { dataDir } = config;
  await mkdir(dataDir, { recursive: true });
  const lock = await DirectoryLock.open(join(dataDir, 'lock'), dataDir);
  undo.push('lock', () => lock.close());
  await checkLayout(dataDir);
  undo.push('tracing', await startTracing(config.tracing, log));

  // What the parts above refer to before it is there.
  const late: { admin?: AdminServer; prefetcher?: Prefetcher; collection?: Job; scrub?: Job } = {};
  let draining = false;
  // The last to be closed: until then it says that, and why, no traffic should come.
  undo.push('admin', async () => late.admin?.close());

  const budget = new ReadBudget();
  const blobsDir = join(dataDir, 'blobs');
  const spools = await SpoolArea.open({
    dir: join(dataDir, 'spool'),
    clock,
    log,
    minFree: config.storage.minFree,
    budget,
  });
  undo.push('spools', () => spools.close());
  const store = await FilesystemBlobStore.open({
    dir: blobsDir,
    quarantineDir: join(dataDir, 'quarantine'),
    budget,
    log,
  });
  undo.push('blobs', () => store.close());
  const catalog = await openCatalog({ dataDir, survey: () => survey(blobsDir), clock, log, damage });
  undo.push('index', () => catalog.close());
  const ledger = new StatisticsLedger({ catalog, clock, log });
  undo.push('statistics', () => ledger.close());

  let listeners: readonly { address: string; port: number }[] = [];
  const entries = new ConfiguredUpstreams(log, () => listeners);
  entries.replace(config.upstreams);
  undo.push('upstreams', () => entries.close());
  const digestLocks = new KeyedMutex();
  // Until the jobs are known, everything might be needed by one.
  const inUse = (digest: Digest) => late.prefetcher?.protects(digest) ?? true;
  const recollection = new Recollection({ clock, log });
  const eraser = new StoredEraser({ catalog, store, digestLocks, inUse });
  const policy = { ...config.storage, ...config.gc };
  const collector = GarbageCollector.start({
    catalog,
    store,
    spools,
    digestLocks,
    eraser,
    recollection,
    clock,
    log,
    policy,
    inUse,
    nextAt: () => late.collection?.nextAt,
  });
  undo.push('collector', () => collector.close());
  const makeRoom = (bytes: number) => collector.makeRoom(bytes);
  const cache = new PullThrough(
    { spools, store, catalog, digestLocks, makeRoom, count: ledger, clock, log },
    entries.current,
  );
  undo.push('flights', () => cache.close(AbortSignal.timeout(config.drainTimeout / 4)));
  const nameOf = (host: string) => namesOf(inForce.upstreams).names.get(host);
  const { concurrency } = config.prefetch;
  const prefetches = await Prefetcher.open({ cache, catalog, store, clock, log, concurrency, nameOf });
  late.prefetcher = prefetches;
  undo.push('prefetch', () => prefetches.close());
  const quarantine = join(dataDir, 'quarantine');
  const contents = new StoredContents({
    catalog,
    store,
    spools,
    pull: cache,
    eraser,
    digestLocks,
    makeRoom,
    clock,
    log,
    pullsOf: (repository, digest) => catalog.pullsOf(repository, digest),
    nameOf,
    startRehasher: (rate) => Rehasher.start({ dir: blobsDir, rate }),
    quarantinedBytes: () => directorySize(quarantine),
    policy: config.gc,
    inUse,
    recollection,
    maxSize: config.storage.maxSize,
    scrubRate: config.scrub.rate,
  });

  const doctor = new Doctor({
    upstreams: () => entries.configured,
    config: () => ({ inForce: JSON.stringify(reread()) === JSON.stringify(inForce) }),
    dataDir,
    minFree: config.storage.minFree,
    free: () => spools.free(),
    catalog,
  });
  const unready = () => {
    if (draining) return 'stopping';
    return catalog.health === 'failed' ? 'the index has failed' : undefined;
  };
  const control = await ControlServer.open(
    { prefetches, collector, statistics: ledger, contents, upstreams: doctor, unready, clock, log },
    config.control,
  );
  undo.push('control', () => control.close(AbortSignal.timeout(config.drainTimeout / 4)));
  const openLogins = async (auth: Config['registry']['auth']) => {
    if (auth.type === 'none') return undefined;
    const logins = await ClientAuth.open(auth.htpasswdFile, clock, log);
    undo.push('logins', () => logins.close());
    return logins;
  };
  const auth = await openLogins(config.registry.auth);
  const pageAuth = config.admin.auth ? await openLogins(config.admin.auth) : auth;
  const logins = new Set([auth, pageAuth]);
  const registry = await RegistryServer.open(
    {
      cache,
      names: namesOf(config.upstreams),
      auth,
      tls: config.registry.tls,
      accelRedirect: config.registry.accelRedirect,
      onAnswered: (pull) => ledger.answered(pull),
      recollection,
      clock,
      log,
    },
    config.registry.listen,
  );
  undo.push('registry', () => registry.close(AbortSignal.timeout(config.drainTimeout / 2)));

  const page = await StatusPage.open({
    ...{ version: version(), catalog, unready, statistics: ledger, collector, prefetches, contents, policy },
    ...{ inUse, clock, log, flights: cache.flights, upstreams: () => doctor.list() },
    nextScrubAt: () => late.scrub?.nextAt,
    local: isLocal(config.admin.listen),
    check: pageAuth && ((authorization, address) => pageAuth.check(authorization, address)),
  });
  undo.push('status page', () => page.close());
  const look = lookAround({
    ...{ config, clock, cache, spools, store, catalog, ledger, eraser, collector, prefetches, registry, control },
    logins,
    ready: () => unready() === undefined,
    upstreams: entries,
  });
  const admin = await AdminServer.open({ unready, metrics: new Metrics(look), page, log }, config.admin.listen);
  late.admin = admin;

  const scheduler = new Scheduler(log);
  undo.push('scheduler', () => scheduler.stop());
  const { timezone } = config.gc;
  late.collection = scheduler.add({
    ...config.gc,
    name: 'garbage collection',
    run: (signal) => collector.runScheduled(signal),
  });
  late.scrub = scheduler.add({ ...config.scrub, timezone, name: 'scrub', run: (signal) => contents.scrub(signal) });
  config.prefetch.jobs.forEach((job, index) => {
    const spec = prefetchSpec(job);
    const run = async () => {
      await prefetches.schedule(spec);
    };
    scheduler.add({ schedule: job.schedule, timezone, name: `prefetch ${index + 1}`, run });
  });

  listeners = [registry.address, admin.address, ...(control.port ? [control.port] : [])];
  const addresses = {
    registry: hostPort(registry.address),
    admin: hostPort(admin.address),
    control: control.address,
  };

  let stopping: Promise<void> | undefined;
  return {
    addresses,
    statistics: ledger,
    upstreams: doctor,
    reload: (next) => {
      entries.replace(next.upstreams);
      cache.replaceUpstreams(entries.current);
      registry.replaceNames(namesOf(next.upstreams));
      inForce = next;
      // They complain by themselves.
      void Promise.all([registry.reread(), control.reread(), pageAuth?.reread()]);
      const fixed: string[] = FIXED.filter((key) => JSON.stringify(next[key]) !== JSON.stringify(config[key]));
      // The level has changed already.
      if (next.log.format !== config.log.format) fixed.push('log.format');
      if (fixed.length > 0) log.warn({ keys: fixed }, 'these changes need a restart');
    },
    stop: () => {
      draining = true;
      stopping ??= undo.run();
      return stopping;
    },
  };
}

/** The platforms of a job in the configuration, and nothing beside the images. */
const prefetchSpec = ({ images, platforms }: Config['prefetch']['jobs'][number]): PrefetchSpec => ({
  images: images.map(parseImagePattern),
  platforms: { platforms, all: false },
  attestations: false,
  signatures: false,
  referrers: false,
});

const hostPort = ({ address, port, family }: { address: string; port: number; family: string }): string =>
  `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
