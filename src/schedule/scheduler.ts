/**
 * Jobs that run by the clock on the wall. A job never overlaps itself, whether cron starts it or somebody asks for it:
 * both pass the one lock here, because node-cron knows only of its own runs. Stopping waits for what runs.
 */
import { createTask, type Logger as CronLogger, type ScheduledTask } from 'node-cron';
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
  readonly #task: ScheduledTask;
  #running: Promise<void> | undefined;

  constructor(options: JobOptions, log: Logger, stopping: AbortSignal) {
    const { name, schedule, timezone } = options;
    this.#options = options;
    this.#log = log;
    this.#stopping = stopping;
    this.#task = createTask(schedule, () => this.#due(), { name, timezone, logger: cronLogger(log) });
    void this.#task.start();
  }

  /** Milliseconds since the epoch. */
  get nextAt(): number | undefined {
    return this.#stopping.aborted ? undefined : this.#task.getNextRun()?.getTime();
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
    await this.#task.destroy();
    await this.#running?.catch(() => undefined);
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

const cronLogger = (log: Logger): CronLogger => ({
  info: (message) => log.info({}, message),
  warn: (message) => log.warn({}, message),
  error: (message, error) => log.error({ err: error ?? message }, 'scheduling failed'),
  debug: (message, error) => log.debug({ err: error }, String(message)),
});
