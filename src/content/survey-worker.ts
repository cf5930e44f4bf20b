/** The thread of survey.ts: walks the directory it is given and answers each message with the next page. */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { systemCode } from '../lib/errors.js';
import { isDigest, type Digest, type DigestAlgorithm } from '../oci/digest.js';
import { MAX_MANIFEST_BYTES, parseStored } from '../oci/manifest.js';
import { blobPath } from './blob-path.js';
import type { SurveyedBlob, SurveyMessage, SurveyPage } from './survey.js';

/** More than this are divided by their next digit. */
const PAGE = 1000;
/** Enough to tell most manifests whole in one read, and cheap where there is none. */
const FIRST_READ = 4096;
const OPENING_BRACE = 0x7b;
const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512'];
const DIGITS = Array.from('0123456789abcdef');

const buffer = Buffer.allocUnsafe(MAX_MANIFEST_BYTES);

/** What is not there is a page too: an empty one. Both algorithms' directories have to be there, or the disk may not be. */
function* pages(dir: string): Generator<SurveyPage, undefined> {
  for (const algorithm of ALGORITHMS) {
    const shards = readdirSync(join(dir, algorithm)).filter((name) => /^[0-9a-f]{2}$/.test(name));
    for (const digit of DIGITS) {
      const digests = shards
        .filter((shard) => shard.startsWith(digit))
        .flatMap((shard) => readdirSync(join(dir, algorithm, shard)).filter((name) => name.startsWith(shard)))
        .map((name) => `${algorithm}:${name}`)
        .filter(isDigest);
      yield* divided(`${algorithm}:${digit}`, digests, dir);
    }
  }
}

function* divided(prefix: string, digests: readonly Digest[], dir: string): Generator<SurveyPage, undefined> {
  if (digests.length <= PAGE) {
    const blobs = digests.map((digest) => look(digest, blobPath(dir, digest)));
    yield { prefix, blobs: blobs.filter((blob) => blob !== undefined) };
    return;
  }
  for (const digit of DIGITS) {
    const longer = prefix + digit;
    yield* divided(
      longer,
      digests.filter((digest) => digest.startsWith(longer)),
      dir,
    );
  }
}

/** Undefined for a blob that is gone by now, or that the disk cannot give back: without a record it will be fetched anew. */
function look(digest: Digest, path: string): SurveyedBlob | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const length = readSync(file, buffer, 0, FIRST_READ, 0);
    // Where the first read meets the end, it has said how large the blob is.
    const size = length < FIRST_READ ? length : fstatSync(file).size;
    const manifest = size <= MAX_MANIFEST_BYTES ? readManifest(file, length, size) : undefined;
    return { digest, size, ...(manifest && { manifest }) };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'EIO') return undefined;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** `length` bytes of it are in the buffer. */
function readManifest(file: number, length: number, size: number): SurveyedBlob['manifest'] {
  if (length === 0 || buffer[0] !== OPENING_BRACE) return undefined;
  for (let read = length; read < size;) {
    const more = readSync(file, buffer, read, size - read, read);
    if (more === 0) return undefined;
    read += more;
  }
  const parsed = parseStored(buffer.subarray(0, size));
  if (!parsed) return undefined;
  const { mediaType, children, subject } = parsed;
  return { mediaType, children: children.map(({ digest }) => digest), ...(subject !== undefined && { subject }) };
}

const walk = pages(workerData as string);
parentPort?.on('message', () => {
  const { done, value } = walk.next();
  // As text: to clone this many small objects takes several times as long.
  parentPort?.postMessage(JSON.stringify((done ? 'end' : value) satisfies SurveyMessage));
});
