/**
 * Blobs of any size and number without the memory: each is 64 KiB of its own, made from its seed, and then one shared
 * pattern over and over. Both the server that serves them and the digests are made from here.
 */
import { createHash } from 'node:crypto';

const OWN = 64 * 1024;
const PIECE = 1024 * 1024;
const PATTERN = random('pattern', 16 * 1024 * 1024);

export interface Blob {
  readonly seed: string;
  /** Bytes. */
  readonly size: number;
}

/** The bytes `start` to `end` (exclusive) of a blob. */
export function* bytesOf({ seed, size }: Blob, start = 0, end = size): Generator<Buffer> {
  const own = random(seed, Math.min(OWN, size));
  for (let at = start; at < end;) {
    const from = at < own.length ? own : PATTERN;
    const within = at < own.length ? at : (at - own.length) % PATTERN.length;
    const piece = from.subarray(within, within + Math.min(PIECE, end - at));
    yield piece;
    at += piece.length;
  }
}

export function digestOf(blob: Blob): string {
  const hash = createHash('sha256');
  for (const piece of bytesOf(blob)) hash.update(piece);
  return `sha256:${hash.digest('hex')}`;
}

/** The same bytes for the same seed, as hard to compress as random ones. */
function random(seed: string, length: number): Buffer {
  const bytes = createHash('shake256', { outputLength: Math.min(length, OWN) })
    .update(seed)
    .digest();
  if (length <= OWN) return bytes;
  const blocks = Array.from({ length: Math.ceil(length / OWN) }, (_, block) => random(`${seed} ${block}`, OWN));
  return Buffer.concat(blocks, length);
}
