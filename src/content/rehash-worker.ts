/** The thread of rehash.ts: hashes one file after the other, no faster than it was told, and answers with what it found. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { isDiskDamage, systemCode } from '../lib/errors.js';
import { digestAlgorithm, digestOfHash, newHash, type Digest } from '../oci/digest.js';
import { blobPath } from './blob-path.js';
import { versionOf, type Rehashed, type RehashMessage, type RehashOrder } from './rehash.js';

const MOST_AT_ONCE = 1024 * 1024;
const LEAST_AT_ONCE = 16 * 1024;
/** Milliseconds. */
const TELL_EVERY = 250;

const { dir, rate } = workerData as RehashOrder;
/** A tenth of a second's worth at most, so that a low rate is kept evenly. */
const buffer = Buffer.allocUnsafe(Math.floor(Math.min(Math.max(rate / 10, LEAST_AT_ONCE), MOST_AT_ONCE)));
const never = new Int32Array(new SharedArrayBuffer(4));
let due = 0;
let toldAt = 0;

/** Waits until so many bytes were allowed. Time in which nothing was asked for is not saved up. */
function pace(bytes: number): void {
  const now = performance.now();
  due = Math.max(due, now) + (bytes / rate) * 1000;
  if (due - now >= 1) Atomics.wait(never, 0, 0, due - now);
}

function tell(bytes: number): void {
  const now = performance.now();
  if (now - toldAt < TELL_EVERY) return;
  toldAt = now;
  parentPort?.postMessage({ kind: 'progress', bytes } satisfies RehashMessage);
}

function rehash(digest: Digest): Rehashed {
  let file: number | undefined;
  let version = '';
  try {
    file = openSync(blobPath(dir, digest), 'r');
    version = versionOf(fstatSync(file, { bigint: true }));
    const hash = newHash(digest);
    let size = 0;
    for (;;) {
      const read = readSync(file, buffer, 0, buffer.length, null);
      if (read === 0) break;
      hash.update(buffer.subarray(0, read));
      size += read;
      tell(size);
      pace(read);
    }
    return { kind: 'hashed', digest: digestOfHash(digestAlgorithm(digest), hash), size, version };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { kind: 'missing' };
    if (isDiskDamage(error)) return { kind: 'unreadable', version };
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

parentPort?.on('message', (digest: Digest) => {
  parentPort?.postMessage(rehash(digest) satisfies RehashMessage);
});
