/**
 * What cannot be learnt again from the stored bytes, copied out of the index: where tags point, who may serve what, roots,
 * pins, last use, prefetch jobs, and what the bytes came through. A line a record, key and value with a tab between, for
 * neither holds one. The last line is the checksum of all before it, so a file that was cut or changed is told from a
 * whole one before any of it is used.
 */
import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';
import { systemCode } from '../lib/errors.js';
import type { MetadataStore } from '../metadata/metadata-store.js';
import { writeAtomically } from './atomic-file.js';
import { keys, prefixes } from './keys.js';

/**
 * The index changes while it is copied, and no moment of it is held still. So what refers comes before what is referred to:
 * a tag that was copied has its root and links further down, however late they were written. Not copied are links from the
 * repository's side: they follow from the links.
 */
export const COPIED: readonly string[] = [
  'jobrequest ',
  'job ',
  'jobimage ',
  'jobblobs ',
  'tag ',
  'past ',
  'pin ',
  'pinned ',
  'root ',
  'used ',
  'link ',
  'blob ',
  keys.runningTime,
];

/** What was counted, in a file of its own: it is far more than all the rest where there are many repositories. */
export const COUNTED: readonly string[] = [prefixes.hours];

/** Characters written, and bytes read, at once. */
const CHUNK = 256 * 1024;
/** Characters of the last line: eight digits and its end. */
const SUM = 9;

type Entry = readonly [key: string, value: string];

export async function writeSnapshot(file: string, store: MetadataStore, copied: readonly string[]): Promise<void> {
  await writeAtomically(file, chunks(store, copied));
}

/** The records of the snapshot, some at a time; undefined when there is none, `broken` when it is not whole. */
export async function openSnapshot(file: string): Promise<AsyncIterable<readonly Entry[]> | 'broken' | undefined> {
  try {
    if (!(await isWhole(file))) return 'broken';
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return records(file);
}

async function* chunks(store: MetadataStore, copied: readonly string[]): AsyncIterable<string> {
  let sum = 0;
  let chunk = '';
  for (const prefix of copied) {
    for await (const [key, value] of store.scan(prefix)) {
      chunk += `${key}\t${value}\n`;
      if (chunk.length < CHUNK) continue;
      sum = crc32(chunk, sum);
      yield chunk;
      chunk = '';
    }
  }
  yield `${chunk}${lastLine(crc32(chunk, sum))}`;
}

const lastLine = (sum: number): string => `${sum.toString(16).padStart(SUM - 1, '0')}\n`;

async function isWhole(file: string): Promise<boolean> {
  let sum = 0;
  let end = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([end, chunk]);
    const whole = Math.max(0, bytes.length - SUM);
    sum = crc32(bytes.subarray(0, whole), sum);
    end = bytes.subarray(whole);
  }
  return end.toString() === lastLine(sum);
}

async function* records(file: string): AsyncIterable<readonly Entry[]> {
  let rest = '';
  const options = { encoding: 'utf8', highWaterMark: CHUNK } as const;
  for await (const chunk of createReadStream(file, options) as AsyncIterable<string>) {
    const text = rest + chunk;
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    // The last line holds no record.
    yield text
      .slice(0, end)
      .split('\n')
      .filter((line) => line.includes('\t'))
      .map(entryOf);
  }
}

function entryOf(line: string): Entry {
  const tab = line.indexOf('\t');
  return [line.slice(0, tab), line.slice(tab + 1)];
}
