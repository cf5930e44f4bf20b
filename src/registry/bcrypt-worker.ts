/** The thread of password-checks.ts: one comparison after the other. */
import { parentPort } from 'node:worker_threads';
import bcrypt from 'bcryptjs';
import type { Comparison, Verdict } from './password-checks.js';

parentPort?.on('message', ({ id, password, hash }: Comparison) => {
  parentPort?.postMessage({ id, right: bcrypt.compareSync(password, hash) } satisfies Verdict);
});
