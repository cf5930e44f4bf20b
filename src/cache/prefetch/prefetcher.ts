/**
 * Brings images here before anybody pulls them: jobs that are kept in the index, go on after a restart, and share one
 * bound on how much is fetched at once. Live pulls go first: what a job fetches is in a lower class, and what a client
 * joins moves up.
 */
import { randomBytes } from 'node:crypto';
import type { Catalog } from '../../catalog/catalog.js';
import { hasEnded, Jobs } from '../../catalog/jobs.js';
import type { JobRecord } from '../../catalog/records.js';
import type { BlobStore } from '../../content/blob-store.js';
import type { Clock } from '../../lib/clock.js';
import { AppError } from '../../lib/errors.js';
import type { Logger } from '../../lib/log.js';
import type { Page, PageRequest } from '../../lib/page.js';
import type { Digest } from '../../oci/digest.js';
import { normaliseRepository, type ImageReference } from '../../oci/reference.js';
import { Holdings } from './holdings.js';
import { offlineReport } from './offline.js';
import { hostPlatform, requirePlatform } from './platforms.js';
import type {
  JobState,
  OfflineReport,
  PlannedImage,
  PlatformChoice,
  Prefetches,
  PrefetchJob,
  PrefetchSpec,
} from './prefetch.js';
import { PrefetchRun, type RunParts } from './prefetch-job.js';
import { planPrefetch } from './prefetch-plan.js';
import { savedImage } from './prefetch-progress.js';
import { jobOf, specOf, specRecord, specText } from './prefetch-records.js';
import type { PullThrough } from '../pull-through.js';
import { RateGate } from './rate-gate.js';
import { Turns } from './turns.js';

export interface PrefetcherParts {
  readonly cache: PullThrough;
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Layers at once over all jobs. */
  readonly concurrency: number;
  /** The configured name of what is called so; undefined for what is not configured. */
  readonly nameOf: (upstream: string) => string | undefined;
  /** What a job without platforms means; this machine's without it. */
  readonly host?: string | undefined;
  /** Milliseconds until an upstream whose limit is nearly used up is looked at again. */
  readonly lookAgain?: number | undefined;
}

const MOST_IMAGES = 1000;
/** Manifests, tags and lists at once over all jobs. */
const MANIFESTS_AT_ONCE = 8;
const TICK_MS = 200;
/** Progress is written this often while a job runs; what it lost in a crash is looked up again. */
const SAVE_EVERY_TICKS = 5;

export class Prefetcher implements Prefetches {
  readonly #parts: PrefetcherParts & RunParts;
  readonly #runs = new Map<string, PrefetchRun>();
  readonly #closing = new AbortController();
  #stopTicking: (() => void) | undefined;
  #ticks = 0;
  /** Of the jobs that are no longer in `#runs`, since the start. */
  readonly #ended = new Map<JobState, number>();

  private constructor(parts: PrefetcherParts) {
    const { concurrency, clock, lookAgain, host = hostPlatform() } = parts;
    this.#parts = {
      ...parts,
      host,
      jobs: new Jobs(parts.catalog),
      holdings: new Holdings(parts),
      gate: new RateGate({ clock, signal: this.#closing.signal, lookAgain }),
      blobTurns: new Turns(concurrency),
      manifestTurns: new Turns(MANIFESTS_AT_ONCE),
      imagesAtOnce: Math.max(concurrency, 4),
    };
  }

  /** Goes on with the jobs that had not ended. */
  static async open(parts: PrefetcherParts): Promise<Prefetcher> {
    const prefetcher = new Prefetcher(parts);
    const jobs = await prefetcher.#parts.jobs.list();
    for (const record of jobs.filter((job) => !hasEnded(job)).reverse()) await prefetcher.#resume(record);
    return prefetcher;
  }

  create(spec: PrefetchSpec, requestId?: string): Promise<PrefetchJob> {
    return this.#create(spec, 'request', requestId);
  }

  /** For a scheduler: queues the job, unless the one it queued before has not ended, and gives that one then. */
  async schedule(spec: PrefetchSpec): Promise<PrefetchJob> {
    const text = specText(specRecord(this.#checked(spec)));
    for (const run of this.#runs.values()) {
      const { record } = run;
      if (!run.hasEnded && record.origin === 'schedule' && specText(record) === text) return run.snapshot();
    }
    return this.#create(spec, 'schedule');
  }

  plan(spec: PrefetchSpec, signal: AbortSignal): Promise<readonly PlannedImage[]> {
    return planPrefetch(this.#parts, this.#checked(spec), signal);
  }

  async get(id: string): Promise<PrefetchJob | undefined> {
    const run = this.#runs.get(id);
    if (run) return run.snapshot();
    const { jobs } = this.#parts;
    const record = await jobs.get(id);
    if (!record) return undefined;
    const images = await jobs.images(id);
    const blobs = await jobs.blobs(id);
    return jobOf(
      record,
      images.map((image, number) => savedImage(image, blobs[number] ?? [])),
    );
  }

  /** Images of jobs that have ended come without their layers; `get` has them. */
  async list(states: readonly JobState[], { size, after }: PageRequest): Promise<Page<PrefetchJob>> {
    const all = await this.#parts.jobs.list();
    const current = all.map((record) => this.#runs.get(record.id)?.record ?? record);
    const from = after === undefined ? 0 : current.findIndex((record) => placeOf(record) < after);
    const rest = (from < 0 ? [] : current.slice(from)).filter(
      ({ state }) => states.length === 0 || states.includes(state),
    );
    const items: PrefetchJob[] = [];
    for (const record of rest.slice(0, size)) items.push(await this.#listed(record));
    const last = rest[size - 1];
    return { items, next: last !== undefined && rest.length > size ? placeOf(last) : undefined };
  }

  async watch(id: string, signal: AbortSignal): Promise<AsyncIterable<PrefetchJob> | undefined> {
    const run = this.#runs.get(id);
    if (run) return run.watch(signal);
    const job = await this.get(id);
    return job && once(job);
  }

  async cancel(id: string): Promise<PrefetchJob | undefined> {
    const run = this.#runs.get(id);
    if (!run) return this.get(id);
    await run.cancel();
    return run.snapshot();
  }

  offline(image: ImageReference, platforms: PlatformChoice, signal: AbortSignal): Promise<OfflineReport> {
    platforms.platforms.forEach(requirePlatform);
    return offlineReport(this.#parts, this.#named(image), platforms, signal);
  }

  /** Whether a job that has not ended needs this blob: then it must not be deleted, whatever else does not need it. */
  protects(digest: Digest): boolean {
    for (const run of this.#runs.values()) if (!run.hasEnded && run.has(digest)) return true;
    return false;
  }

  /** Jobs that have not ended, and those that have since the start. */
  get tally(): ReadonlyMap<JobState, number> {
    const tally = new Map(this.#ended);
    for (const { record } of this.#runs.values()) tally.set(record.state, (tally.get(record.state) ?? 0) + 1);
    return tally;
  }

  /** Stops what runs and saves it, to go on with the next start. */
  async close(): Promise<void> {
    this.#closing.abort(new AppError('DRAINING', 'Cistern is stopping'));
    this.#stopTicking?.();
    const stopped = await Promise.allSettled([...this.#runs.values()].map((run) => run.stop()));
    for (const result of stopped) {
      if (result.status === 'rejected') this.#parts.log.warn({ err: result.reason as Error }, 'prefetch job not saved');
    }
    this.#runs.clear();
  }

  async #create(spec: PrefetchSpec, origin: JobRecord['origin'], requestId?: string): Promise<PrefetchJob> {
    const { clock, jobs } = this.#parts;
    const asked = specRecord(this.#checked(spec));
    this.#closing.signal.throwIfAborted();
    const made: JobRecord = {
      ...asked,
      id: randomBytes(6).toString('hex'),
      origin,
      ...(requestId !== undefined && { requestId }),
      state: 'queued',
      createdAt: clock.now(),
    };
    const job = await jobs.create(made, (known) => specText(known) === specText(asked));
    if (job === made) this.#start(new PrefetchRun(this.#parts, job, []));
    return this.#runs.get(job.id)?.snapshot() ?? (await this.get(job.id)) ?? jobOf(job, []);
  }

  async #resume(record: JobRecord): Promise<void> {
    const { jobs } = this.#parts;
    const images = await jobs.images(record.id);
    const blobs = await jobs.blobs(record.id);
    const saved = images.map((image, number) => ({ number, record: image, blobs: blobs[number] ?? [] }));
    this.#start(new PrefetchRun(this.#parts, record, saved));
  }

  #start(run: PrefetchRun): void {
    this.#runs.set(run.id, run);
    run.start();
    this.#stopTicking ??= this.#parts.clock.every(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const saves = ++this.#ticks % SAVE_EVERY_TICKS === 0;
    for (const run of this.#runs.values()) {
      if (!run.hasEnded) run.tick();
      else if (run.isSaved) this.#forget(run);
      // What could not be saved is tried again until it can.
      if (saves && !run.isSaved) run.save().catch(() => undefined);
    }
    if (this.#runs.size > 0) return;
    this.#stopTicking?.();
    this.#stopTicking = undefined;
  }

  #forget({ id, record: { state } }: PrefetchRun): void {
    this.#runs.delete(id);
    this.#ended.set(state, (this.#ended.get(state) ?? 0) + 1);
  }

  async #listed(record: JobRecord): Promise<PrefetchJob> {
    const run = this.#runs.get(record.id);
    if (run) return run.snapshot();
    const images = await this.#parts.jobs.images(record.id);
    return jobOf(
      record,
      images.map((image) => savedImage(image, [])),
    );
  }

  /** The spec in the names of the configuration. Throws NAME_UNKNOWN, NOT_PERMITTED, REQUEST_INVALID. */
  #checked(spec: PrefetchSpec): PrefetchSpec {
    if (spec.images.length === 0) throw new AppError('REQUEST_INVALID', 'no image is named');
    if (spec.images.length > MOST_IMAGES) {
      throw new AppError('REQUEST_INVALID', `${spec.images.length} images are named; ${MOST_IMAGES} are allowed`);
    }
    spec.platforms.platforms.forEach(requirePlatform);
    // As it is read back: what is kept and what is asked cannot differ.
    return specOf(specRecord({ ...spec, images: spec.images.map((image) => this.#named(image)) }));
  }

  #named<T extends { readonly upstream: string; readonly repository: string }>(image: T): T {
    const upstream = this.#parts.nameOf(image.upstream);
    if (upstream === undefined) {
      throw new AppError('NAME_UNKNOWN', `no upstream is named ${image.upstream}`, { about: image.upstream });
    }
    const repository = normaliseRepository(upstream, image.repository);
    this.#parts.cache.entry({ upstream, name: repository });
    return { ...image, upstream, repository };
  }
}

/** Its place among all jobs; later ones are greater. */
const placeOf = ({ createdAt, id }: JobRecord): string => `${createdAt.toString().padStart(15, '0')} ${id}`;

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield await Promise.resolve(value);
}
