/**
 * What cannot be learnt again from the stored bytes, copied out of the index: where tags point, who may serve what, roots,
 * pins, last use, and what the bytes came through. One JSON line a record. The last line counts them and checks them all,
 * so a file that was cut or changed is told from a whole one before any of it is used.
 */
import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';
import { systemCode } from '../lib/errors.js';
import type { MetadataStore } from '../metadata/metadata-store.js';
import { writeAtomically } from './atomic-file.js';
import { keys } from './keys.js';

/**
 * The index changes while it is copied, and no moment of it is held still. So what refers comes before what is referred to:
 * a tag that was copied has its root and links further down, however late they were written.
 */
const COPIED = ['tag ', 'past ', 'pin ', 'pinned ', 'root ', 'used ', 'link ', 'held ', 'blob ', keys.runningTime];

/** Characters written at once. */
const CHUNK = 256 * 1024;

type Line = readonly [key: string, value: string];

export async function writeSnapshot(file: string, store: MetadataStore): Promise<void> {
  await writeAtomically(file, chunks(store));
}

/** The records of the snapshot; undefined when there is none, `broken` when it is not whole. */
export async function openSnapshot(file: string): Promise<AsyncIterable<Line> | 'broken' | undefined> {
  try {
    if (!(await isWhole(file))) return 'broken';
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return records(file);
}

async function* chunks(store: MetadataStore): AsyncIterable<string> {
  let count = 0;
  let sum = 0;
  let chunk = '';
  for (const prefix of COPIED) {
    for await (const line of store.scan(prefix)) {
      const text = JSON.stringify(line);
      count++;
      sum = crc32(text, sum);
      chunk += `${text}\n`;
      if (chunk.length < CHUNK) continue;
      yield chunk;
      chunk = '';
    }
  }
  yield `${chunk}${JSON.stringify({ count, sum })}\n`;
}

async function isWhole(file: string): Promise<boolean> {
  let count = 0;
  let sum = 0;
  let last: string | undefined;
  for await (const line of lines(file)) {
    if (last !== undefined) {
      count++;
      sum = crc32(last, sum);
    }
    last = line;
  }
  return last === JSON.stringify({ count, sum });
}

async function* records(file: string): AsyncIterable<Line> {
  for await (const line of lines(file)) {
    if (line.startsWith('[')) yield JSON.parse(line) as Line;
  }
}

async function* lines(file: string): AsyncIterable<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, {
    encoding: 'utf8',
    highWaterMark: CHUNK,
  }) as AsyncIterable<string>) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  if (rest !== '') yield rest;
}
