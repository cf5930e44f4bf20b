/** The thread of survey.ts: walks the directory it is given and answers each message with the next page. */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { systemCode } from '../lib/errors.js';
import { isDigest, type Digest } from '../oci/digest.js';
import { MAX_MANIFEST_BYTES, parseManifest, sniffManifest } from '../oci/manifest.js';
import type { SurveyedBlob, SurveyMessage } from './survey.js';

const PAGE = 500;
/** Enough to tell most manifests whole in one read, and cheap where there is none. */
const FIRST_READ = 4096;
const OPENING_BRACE = 0x7b;

const buffer = Buffer.allocUnsafe(MAX_MANIFEST_BYTES);

function* pages(dir: string): Generator<SurveyedBlob[], undefined> {
  let page: SurveyedBlob[] = [];
  for (const { digest, path } of stored(dir)) {
    const blob = look(digest, path);
    if (blob) page.push(blob);
    if (page.length === PAGE) {
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

function* stored(dir: string): Generator<{ digest: Digest; path: string }, undefined> {
  for (const algorithm of readdirSync(dir)) {
    for (const shard of readdirSync(join(dir, algorithm))) {
      for (const hex of readdirSync(join(dir, algorithm, shard))) {
        const digest = `${algorithm}:${hex}`;
        if (isDigest(digest)) yield { digest, path: join(dir, algorithm, shard, hex) };
      }
    }
  }
}

/** Undefined for a blob that is gone by now, or that the disk cannot give back: without a record it will be fetched anew. */
function look(digest: Digest, path: string): SurveyedBlob | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    const manifest = size <= MAX_MANIFEST_BYTES ? readManifest(file, size) : undefined;
    return { digest, size, ...(manifest && { manifest }) };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'EIO') return undefined;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readManifest(file: number, size: number): SurveyedBlob['manifest'] {
  let length = readSync(file, buffer, 0, FIRST_READ, 0);
  if (length === 0 || buffer[0] !== OPENING_BRACE) return undefined;
  while (length < size) {
    const more = readSync(file, buffer, length, size - length, length);
    if (more === 0) return undefined;
    length += more;
  }
  return parse(buffer.subarray(0, size));
}

function parse(bytes: Buffer): SurveyedBlob['manifest'] {
  const mediaType = sniffManifest(bytes);
  if (mediaType === undefined) return undefined;
  try {
    const { children, subject } = parseManifest(bytes, mediaType);
    return { mediaType, children, ...(subject !== undefined && { subject }) };
  } catch {
    // It looks like a manifest and is none: a blob like any other.
    return undefined;
  }
}

const walk = pages(workerData as string);
parentPort?.on('message', () => {
  const { done, value } = walk.next();
  parentPort?.postMessage((done ? 'end' : value) satisfies SurveyMessage);
});
