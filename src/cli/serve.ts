/**
 * `cistern serve`: reads the configuration, runs the daemon, and translates signals. SIGHUP reads the configuration again
 * and keeps the old one when the new one is bad; SIGTERM and SIGINT drain; a second one ends at once.
 */
import { loadConfig } from '../config/load.js';
import type { Override } from '../config/overrides.js';
import type { Config } from '../config/schema.js';
import { Mutex } from '../lib/async.js';
import { isAppError } from '../lib/errors.js';
import type { Log, Logger, LogOptions } from '../lib/log.js';
import { configFile } from './config-file.js';
import type { ExitCode, Terminal } from './output.js';
import { startupProblem } from './startup-error.js';

export interface ServeOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly logLevel?: string;
}

/** What src/daemon/daemon.ts gives, as far as it is needed here. */
export interface RunningDaemon {
  reload(config: Config): void;
  stop(): Promise<void>;
  readonly addresses: { readonly registry: string; readonly admin: string };
}

export interface ServeParts {
  /** The last one reads the configuration again. */
  readonly startDaemon: (config: Config, log: Logger, reread: () => Config) => Promise<RunningDaemon>;
  readonly createLog: (options: LogOptions) => Log;
  /** `process`, or what a test raises signals on. */
  readonly signals: Signals;
}

export interface Signals {
  on(event: string, listener: (detail: unknown) => void): unknown;
  off(event: string, listener: (detail: unknown) => void): unknown;
}

/** Resolves when the daemon has ended; the caller exits with the code, whatever may still be open. */
export async function serve(options: ServeOptions, terminal: Terminal, parts: ServeParts): Promise<ExitCode> {
  const load = () => loadConfig({ file: configFile(options.config), env: terminal.env, flags: flagsOf(options) });
  let config: Config;
  try {
    config = load();
  } catch (error) {
    if (!isAppError(error, 'CONFIG_INVALID')) throw error;
    terminal.err(error.message);
    return 2;
  }
  const log = parts.createLog(config.log);
  const code = await run({ config, load, log: log.logger, terminal }, parts);
  log.flush();
  return code;
}

interface Run {
  readonly config: Config;
  readonly load: () => Config;
  readonly log: Logger;
  readonly terminal: Terminal;
}

/** From start to end, whichever of its ends comes first. */
async function run({ config, load, log, terminal }: Run, { startDaemon, signals }: ServeParts): Promise<ExitCode> {
  const starting = startDaemon(config, log, load);
  let stopListening = (): void => undefined;
  const ended = new Promise<ExitCode>((end) => {
    stopListening = listen(signals, { starting, load, log, end });
    starting.then(
      ({ addresses }) => log.info({ ...addresses, dataDir: config.dataDir }, 'serving'),
      (error: unknown) => {
        const problem = startupProblem(error);
        if (problem === undefined) log.error({ err: error }, 'could not start');
        else for (const line of problem.split('\n')) terminal.err(`cistern: ${line}`);
        end(problem === undefined ? 1 : 2);
      },
    );
  });
  try {
    return await ended;
  } finally {
    stopListening();
  }
}

interface Listening {
  readonly starting: Promise<RunningDaemon>;
  readonly load: () => Config;
  readonly log: Logger;
  readonly end: (code: ExitCode) => void;
}

function listen(signals: Signals, { starting, load, log, end }: Listening): () => void {
  const reloads = new Mutex();
  let stopping = false;

  const reload = async () => {
    try {
      const config = load();
      (await starting).reload(config);
      log.level = config.log.level;
      log.info({}, 'configuration read again');
    } catch (error) {
      log.error({ err: error }, 'configuration not reloaded; the old one stays in force');
    }
  };
  const stop = (signal: string) => {
    if (stopping) {
      log.warn({ signal }, 'second signal: ending at once');
      end(1);
      return;
    }
    stopping = true;
    log.info({ signal }, 'draining');
    // A start that fails has its own report and its own end.
    starting.then(
      (daemon) =>
        daemon.stop().then(
          () => end(0),
          (error: unknown) => {
            log.error({ err: error }, 'could not stop in order');
            end(1);
          },
        ),
      () => undefined,
    );
  };
  const crash = (error: unknown) => {
    log.error({ err: error }, 'unexpected failure');
    end(1);
  };

  const listeners: Readonly<Record<string, (detail: unknown) => void>> = {
    SIGHUP: () => void reloads.run(reload),
    SIGTERM: () => stop('SIGTERM'),
    SIGINT: () => stop('SIGINT'),
    uncaughtException: crash,
    unhandledRejection: crash,
  };
  for (const [event, listener] of Object.entries(listeners)) signals.on(event, listener);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) signals.off(event, listener);
  };
}

const flagsOf = ({ dataDir, logLevel }: ServeOptions): readonly Override[] => [
  ...(dataDir === undefined ? [] : [{ source: '--data-dir', path: ['dataDir'], value: dataDir }]),
  ...(logLevel === undefined ? [] : [{ source: '--log-level', path: ['log', 'level'], value: logLevel }]),
];
