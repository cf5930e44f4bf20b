/**
 * One job while it runs. Its images are brought a few at a time, its blobs by the flights that clients use too, in turns
 * with the other jobs. It is bound to no caller: whoever wants to know watches, and whoever wants it over cancels it.
 *
 * It always ends: succeeded when everything of every image is recorded, failed, or cancelled. When the daemon stops it is
 * saved as it is and goes on after the next start.
 */
import { setMaxListeners } from 'node:events';
import type { JobRecord } from '../../catalog/records.js';
import { hasEnded, type JobImage, type Jobs } from '../../catalog/jobs.js';
import { abortable, deferred, Mutex, type Deferred } from '../../lib/async.js';
import { counted } from '../../lib/counted.js';
import { AppError, toAppError } from '../../lib/errors.js';
import type { Logger } from '../../lib/log.js';
import type { Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { formatImagePattern, isTagPattern } from '../../oci/image-pattern.js';
import { formatImageReference, parseImageReference } from '../../oci/reference.js';
import { walkImage } from './image-walk.js';
import type { HeldBack, JobError, PrefetchJob } from './prefetch.js';
import { JobBlobs } from './prefetch-blobs.js';
import { jobOf, specOf } from './prefetch-records.js';
import { ImageProgress } from './prefetch-progress.js';
import { patiently, PrefetchSource, type SourceFor, type SourceParts } from './prefetch-source.js';
import type { Tell } from './rate-gate.js';
import { MOST_IMAGES, tagsThatFit, tooMany } from './tag-patterns.js';
import type { Turns } from './turns.js';

export interface RunParts extends SourceParts {
  readonly jobs: Jobs;
  readonly log: Logger;
  /** For layers and configs, over all jobs. */
  readonly blobTurns: Turns;
  /** For manifests, tags and referrers, over all jobs. */
  readonly manifestTurns: Turns;
  /** Images that a job brings at once. */
  readonly imagesAtOnce: number;
  /** The platform of this machine. */
  readonly host: string;
}

/** An image's second look at what it should have finds nothing missing, unless something takes it away meanwhile. */
const ROUNDS = 3;

export class PrefetchRun {
  readonly #parts: RunParts;
  readonly #abort = new AbortController();
  readonly #saving = new Mutex();
  readonly #held = new Map<object, HeldBack>();
  readonly #blobs: JobBlobs;
  readonly #images: ImageProgress[];
  #record: JobRecord;
  #snapshot: PrefetchJob | undefined;
  #change: Deferred<void> = deferred();
  #saved = true;
  #stopping = false;
  #done: Promise<void> | undefined;

  constructor(parts: RunParts, record: JobRecord, images: readonly JobImage[]) {
    this.#parts = parts;
    // Everything that waits for a turn listens.
    setMaxListeners(0, this.#abort.signal);
    this.#record = hasEnded(record) ? record : { ...record, state: 'queued' };
    this.#images = images.map((image) => ImageProgress.restore(image, this.#changed));
    const turn: SourceFor['turn'] = (task) => this.#turn(parts.blobTurns, task);
    this.#blobs = new JobBlobs(parts, { signal: this.#abort.signal, tell: this.#teller, turn });
    for (const image of this.#images) this.#blobs.restore(image);
  }

  get id(): string {
    return this.#record.id;
  }

  get record(): JobRecord {
    return this.#record;
  }

  get hasEnded(): boolean {
    return hasEnded(this.#record);
  }

  /** Whether the index says all that is to be said of it. */
  get isSaved(): boolean {
    return this.#saved && !this.#images.some(({ dirty }) => dirty);
  }

  start(): void {
    this.#done ??= this.#run();
  }

  /** Whether it belongs to one of the job's images, as far as these are known. */
  has(digest: Digest): boolean {
    return this.#blobs.has(digest);
  }

  snapshot(): PrefetchJob {
    const [heldBack] = this.#held.values();
    const images = () => this.#images.map((image) => image.snapshot());
    this.#snapshot ??= { ...jobOf(this.#record, images()), ...(heldBack && { heldBack }) };
    return this.#snapshot;
  }

  async *watch(signal: AbortSignal): AsyncGenerator<PrefetchJob, void, undefined> {
    let told: PrefetchJob | undefined;
    for (;;) {
      const change = this.#change.promise;
      const now = this.snapshot();
      if (now !== told) yield now;
      told = now;
      if (hasEnded(now)) return;
      if (now === this.snapshot()) await abortable(change, signal);
    }
  }

  /** Resolves when nothing of it runs any more. Does nothing to a job that has ended. */
  async cancel(): Promise<void> {
    this.#abort.abort(new AppError('CANCELLED', 'the job was cancelled'));
    await this.#done;
  }

  /** Resolves when nothing of it runs any more; the next start goes on with it. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#abort.abort(new AppError('DRAINING', 'Cistern is stopping'));
    await this.#done;
    if (!this.isSaved) await this.save();
  }

  tick(): void {
    this.#blobs.tick();
  }

  /** Throws what the index throws; what could not be written is written the next time. */
  save(): Promise<void> {
    return this.#saving.run(async () => {
      const images = this.#images.filter(({ dirty }) => dirty);
      for (const image of images) image.dirty = false;
      this.#saved = true;
      try {
        await this.#parts.jobs.save(
          this.#record,
          images.map((image) => image.saved()),
        );
      } catch (error) {
        for (const image of images) image.dirty = true;
        this.#saved = false;
        throw error;
      }
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    try {
      if (!this.#record.expanded) await this.#expand();
      const waiting = this.#images.filter((image) => !image.hasEnded).values();
      const lane = async () => {
        for (const image of waiting) await this.#bring(image);
      };
      const lanes = await Promise.allSettled(Array.from({ length: this.#parts.imagesAtOnce }, lane));
      const over = lanes.find((each) => each.status === 'rejected');
      if (over) throw over.reason;
      const succeeded = this.#images.every(({ state }) => state === 'succeeded');
      await this.#end(succeeded ? 'succeeded' : 'failed');
    } catch (error) {
      if (this.#stopping) return;
      if (signal.aborted) await this.#end('cancelled', errorOf(signal.reason));
      else await this.#end('failed', this.#failure(error));
    }
  }

  /** Patterns become images; one that finds nothing is an image that failed. */
  async #expand(): Promise<void> {
    const references = new Map<string, JobError | undefined>();
    for (const pattern of specOf(this.#record).images) {
      if (!isTagPattern(pattern)) {
        references.set(formatImageReference(pattern), undefined);
        continue;
      }
      const { upstream, repository } = pattern;
      try {
        const list = this.#lister({ upstream, name: repository });
        for (const tag of await tagsThatFit(pattern, list)) {
          references.set(formatImageReference({ upstream, repository, tag }), undefined);
        }
      } catch (error) {
        this.#abort.signal.throwIfAborted();
        references.set(formatImagePattern(pattern), this.#failure(error));
      }
    }
    if (references.size > MOST_IMAGES) throw tooMany('the job');
    for (const [reference, error] of references) {
      const image = new ImageProgress(this.#images.length, reference, this.#changed);
      if (error) image.end('failed', error);
      this.#images.push(image);
    }
    this.#put({ expanded: true });
    await this.#trySave();
  }

  #lister(repository: Repository): Parameters<typeof tagsThatFit>[1] {
    const { cache } = this.#parts;
    const { signal } = this.#abort;
    const forWhom = { entry: cache.entry(repository, 'prefetch'), tell: this.#teller, signal };
    return (page) =>
      patiently(this.#parts, forWhom, () =>
        this.#turn(this.#parts.manifestTurns, () => cache.tags(repository, page, signal)),
      );
  }

  /** Throws only when the job is over. */
  async #bring(image: ImageProgress): Promise<void> {
    const { signal } = this.#abort;
    signal.throwIfAborted();
    image.begin();
    try {
      await this.#bringAll(image);
      image.end('succeeded');
    } catch (error) {
      signal.throwIfAborted();
      image.end('failed', this.#failure(error));
    }
    await this.#trySave();
  }

  async #bringAll(image: ImageProgress): Promise<void> {
    const { cache, host, holdings } = this.#parts;
    const reference = parseImageReference(image.reference);
    const repository = { upstream: reference.upstream, name: reference.repository };
    const wanted = reference.digest ?? reference.tag;
    if (wanted === undefined) throw new AppError('INTERNAL', `${image.reference} has neither tag nor digest`);
    const entry = cache.entry(repository, 'prefetch');
    const source = new PrefetchSource(this.#parts, this.#sourceFor(image, repository));
    const wish = { ...specOf(this.#record), host };
    for (let round = 1; ; round++) {
      const walked = await walkImage(source, wanted, image.reference, wish);
      image.choose(walked.platforms);
      // The largest first, so that none of them is left alone at the end.
      const blobs = walked.blobs.toSorted((a, b) => b.size - a.size);
      for (const blob of blobs) this.#blobs.list(image, blob);
      await this.#blobs.bringAll(image, repository, blobs);
      let missing = 0;
      for (const { digest } of walked.manifests) {
        if ((await holdings.manifest(repository, digest, entry.policy, 'offline')) !== 'here') missing++;
      }
      for (const { digest } of blobs) {
        if ((await holdings.blob(repository, digest, entry.policy, 'offline')) === 'here') continue;
        missing++;
        this.#blobs.forget(repository, digest);
      }
      if (missing === 0) return;
      if (round < ROUNDS) continue;
      throw new AppError(
        'IMAGE_INCOMPLETE',
        `${counted(missing, 'blob')} of ${image.reference} went while it was brought`,
      );
    }
  }

  #sourceFor(image: ImageProgress, repository: Repository): SourceFor {
    let first = true;
    return {
      entry: this.#parts.cache.entry(repository, 'prefetch'),
      repository,
      signal: this.#abort.signal,
      turn: (task) => this.#turn(this.#parts.manifestTurns, task),
      tell: this.#teller,
      arrived: (descriptor, fetched) => {
        // The walk begins with the image's own manifest.
        if (first) image.resolve(descriptor.digest);
        first = false;
        this.#blobs.list(image, descriptor);
        this.#blobs.settle(image, descriptor.digest, fetched);
      },
      bringBlob: async (descriptor) => {
        this.#blobs.list(image, descriptor);
        await this.#blobs.bring(image, repository, descriptor.digest);
      },
    };
  }

  #turn<T>(turns: Turns, task: () => Promise<T>): Promise<T> {
    const begin = () => {
      if (this.#record.state === 'queued') {
        this.#put({ state: 'running', startedAt: this.#record.startedAt ?? this.#parts.clock.now() });
      }
      return task();
    };
    return turns.run(this, begin, this.#abort.signal);
  }

  readonly #teller = (): Tell => {
    const wait = {};
    return (held) => {
      if (held) this.#held.set(wait, held);
      else if (!this.#held.delete(wait)) return;
      this.#changed();
    };
  };

  async #end(state: 'succeeded' | 'failed' | 'cancelled', error?: JobError): Promise<void> {
    for (const image of this.#images) {
      if (!image.hasEnded) image.end(state === 'failed' ? 'failed' : 'cancelled', error);
    }
    this.#held.clear();
    const { clock, log } = this.#parts;
    this.#put({ state, finishedAt: clock.now(), ...(error && { error }) });
    await this.#trySave();
    log.info({ job: this.id, state, images: this.#images.length, error: error?.code }, 'prefetch ended');
  }

  /** A job goes on without its record, which is written as soon as it can be. */
  async #trySave(): Promise<void> {
    await this.save().catch((error: unknown) => {
      this.#parts.log.warn({ job: this.id, err: error }, 'prefetch job not saved');
    });
  }

  #put(change: Partial<JobRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#saved = false;
    this.#changed();
  }

  readonly #changed = (): void => {
    this.#snapshot = undefined;
    const change = this.#change;
    this.#change = deferred();
    change.resolve();
  };

  #failure(error: unknown): JobError {
    if (!(error instanceof AppError)) this.#parts.log.error({ job: this.id, err: error }, 'prefetch failed');
    return errorOf(error);
  }
}

function errorOf(error: unknown): JobError {
  const { code, message } = toAppError(error);
  return { code, message };
}
