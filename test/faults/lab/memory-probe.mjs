/**
 * Loaded into the daemon by `NODE_OPTIONS=--import=…`: at SIGUSR2 it collects all garbage and writes what is left to the
 * file that CISTERN_FAULT_MEMORY names. What a process holds between two collections only says when they were.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');
const file = process.env.CISTERN_FAULT_MEMORY;

process.on('SIGUSR2', () => {
  // Twice: what the finalizers of the first let go of goes in the second.
  collectGarbage();
  setImmediate(() => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    writeFileSync(`${file}.new`, JSON.stringify({ heapUsed, external }));
    renameSync(`${file}.new`, file);
  });
});
