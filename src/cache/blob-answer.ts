/** What a blob request is answered with, wherever the bytes come from. */
import type { ByteRange } from '../content/blob-store.js';
import { TAIL } from '../content/spool.js';
import type { Answered } from './outcome.js';

/** In memory, or to be read once: then each chunk is the consumer's until it asks for the next. */
export type Body = Buffer | AsyncIterable<Buffer>;

export interface BlobAnswer {
  /** Of the whole blob; undefined when upstream does not say, and then there is no range either. */
  readonly size: number | undefined;
  readonly answered: Answered;
  /** What of it is sent; undefined means all. */
  readonly range: ByteRange | undefined;
  /** Of what is stored and larger than what we hash when we read it: where others read it (see BlobSource). */
  readonly path?: string | undefined;
  readonly body: Body;
  /** Lets go of the blob, read to its end or not. Idempotent, and always to be called but for a body that is in memory. */
  readonly close: () => Promise<void>;
}

export interface PickedRange extends ByteRange {
  /** The client named no end: it goes on where something broke off, or reads in parts what it wants all of. */
  readonly openEnded: boolean;
}

/** Chooses the bytes to send once the size is known: undefined for all. Throws RANGE_INVALID. */
export type PickRange = (size: number) => PickedRange | undefined;

/** Of an index at the end of a blob, as eStargz and zstd:chunked have it; more than that is no index. */
const LARGEST_INDEX = 8 * 1024 * 1024;

/**
 * Whether just these bytes may come from upstream, for the client to verify. What reaches the end may complete somebody's
 * copy, so it has to wait until the whole is verified; but who asks for a short end by itself wants to read an index.
 */
export const standsAlone = ({ start, end, openEnded }: PickedRange, size: number): boolean =>
  end < size - TAIL || (!openEnded && end - start <= LARGEST_INDEX);

export const closing = (close: () => void) => () => {
  close();
  return Promise.resolve();
};

export function inMemory(bytes: Buffer, answered: Answered, pick: PickRange): BlobAnswer {
  const range = pick(bytes.length);
  const part = range ? bytes.subarray(range.start, range.end) : bytes;
  return { size: bytes.length, answered, range, body: part, close: closing(() => undefined) };
}

export async function collect(bytes: Body): Promise<Buffer> {
  if (Buffer.isBuffer(bytes)) return bytes;
  const chunks: Buffer[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The first `count` bytes. */
export async function* take(bytes: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer, void, undefined> {
  let left = count;
  if (left <= 0) return;
  for await (const chunk of bytes) {
    yield chunk.length <= left ? chunk : chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
