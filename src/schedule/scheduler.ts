/**
 * Jobs that run by the clock on the wall. A job never overlaps itself, whether its time has come or somebody asks for it.
 * Stopping waits for what runs.
 *
 * node-cron says when a job is due; the waiting is done here. Its own timer would go through every date that a clock set
 * ahead has skipped, one by one and in one go, and would wait for years for one that was set back.
 */
import { createTask, type ScheduledTask } from 'node-cron';
import { AppError, isAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { traced } from '../lib/tracing.js';

export interface JobOptions {
  readonly name: string;
  /** A cron expression, checked with the configuration. */
  readonly schedule: string;
  readonly timezone: string;
  /** Aborted when Cistern stops. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Milliseconds after which the clock is looked at again, for it may have been set. */
const LOOK_AGAIN = 60_000;

export class Scheduler {
  readonly #log: Logger;
  readonly #jobs = new Map<string, Job>();
  readonly #stopping = new AbortController();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** It is first due after this. Names are unique. */
  add(options: JobOptions): Job {
    if (this.#jobs.has(options.name)) throw new AppError('INTERNAL', `two jobs are named ${options.name}`);
    const job = new Job(options, this.#log.child({ job: options.name }), this.#stopping.signal);
    this.#jobs.set(options.name, job);
    return job;
  }

  /** No job starts any more; those that run are asked to end, and awaited. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AppError('DRAINING', 'Cistern is stopping'));
    await Promise.allSettled([...this.#jobs.values()].map((job) => job.stop()));
  }
}

export class Job {
  readonly #options: JobOptions;
  readonly #log: Logger;
  readonly #stopping: AbortSignal;
  /** Never started: it only knows the dates. */
  readonly #dates: ScheduledTask;
  #timer: NodeJS.Timeout | undefined;
  #nextAt: number;
  #running: Promise<void> | undefined;

  constructor(options: JobOptions, log: Logger, stopping: AbortSignal) {
    const { name, schedule, timezone } = options;
    this.#options = options;
    this.#log = log;
    this.#stopping = stopping;
    this.#dates = createTask(schedule, () => undefined, { name, timezone });
    this.#nextAt = this.#nextDate();
    this.#wait();
  }

  /** Milliseconds since the epoch. */
  get nextAt(): number | undefined {
    return this.#stopping.aborted ? undefined : this.#nextAt;
  }

  /** Runs it now. Throws ALREADY_RUNNING while it runs, DRAINING when Cistern stops, and what the job throws. */
  async run(): Promise<void> {
    this.#stopping.throwIfAborted();
    if (this.#running) throw new AppError('ALREADY_RUNNING', `${this.#options.name} is running already`);
    const { name, run } = this.#options;
    this.#running = traced(name, 'internal', {}, () => run(this.#stopping)).finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#dates.destroy();
    await this.#running?.catch(() => undefined);
  }

  #wait(): void {
    const left = Math.max(0, this.#nextAt - Date.now());
    this.#timer = setTimeout(
      () => {
        this.#look();
      },
      Math.min(left, LOOK_AGAIN),
    );
  }

  /** However many dates have passed, it is due once; and one that a clock set back brings nearer again is not missed. */
  #look(): void {
    if (Date.now() >= this.#nextAt) void this.#due();
    this.#nextAt = this.#nextDate();
    this.#wait();
  }

  /** The first after now. */
  #nextDate(): number {
    return this.#dates.getNextRuns(1)[0]?.getTime() ?? Infinity;
  }

  /** Nobody awaits it, so nothing may be thrown. */
  async #due(): Promise<void> {
    try {
      await this.run();
    } catch (error) {
      if (this.#stopping.aborted) return;
      if (isAppError(error, 'ALREADY_RUNNING')) this.#log.info({ why: error.message }, 'scheduled run left out');
      else this.#log.error({ err: error }, 'scheduled run failed');
    }
  }
}
