/** `serve` with the real daemon. A file of its own so that no other command, and no test of `serve`, loads the daemon. */
import { setFlagsFromString } from 'node:v8';
import { startDaemon } from '../daemon/daemon.js';
import { createLog } from '../lib/log.js';
import { systemTerminal, type ExitCode } from './output.js';
import { serve, type ServeOptions } from './serve.js';

/**
 * Per cent by which V8's heap may grow before its garbage is collected; left alone, V8 lets it grow to two to three times
 * of what is alive. What thousands of slow readers leave behind filled all of that: test/faults/crowd.
 */
const HEAP_GROWTH = 50;

export function runServe(options: ServeOptions): Promise<ExitCode> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
  return serve(options, systemTerminal, { startDaemon, createLog, signals: process });
}
