/** `serve` with the real daemon. A file of its own so that no other command, and no test of `serve`, loads the daemon. */
import { startDaemon } from '../daemon/daemon.js';
import { createLog } from '../lib/log.js';
import { systemTerminal, type ExitCode } from './output.js';
import { serve, type ServeOptions } from './serve.js';

export const runServe = (options: ServeOptions): Promise<ExitCode> =>
  serve(options, systemTerminal, { startDaemon, createLog, signals: process });
