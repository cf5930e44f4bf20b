/**
 * LevelDB's tables, read as it lays them out, because it does not look at their checksums when it merges them: a bit that
 * flipped in a key goes into another table with a checksum of its own, or puts keys out of order, and that ends the whole
 * process. Every byte of a table is under a checksum but its footer, whose handles have to lead to blocks that match theirs.
 * Source: LevelDB, doc/table_format.md and table/format.cc.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { uncompressSync } from 'snappy';
import { isDiskDamage } from '../lib/errors.js';

const TABLE = /\.(ldb|sst)$/;
/** Two handles, padded, and the magic number. */
const FOOTER = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** Behind each block: how it is compressed, and a checksum of the block and that. */
const TRAILER = 5;
const SNAPPY = 1;

/** Where a block lies in its table, in bytes. */
interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Names of tables in `dir` that are not as they were written, or not written to their end. Throws what the file system does. */
export async function unsoundTables(dir: string): Promise<readonly string[]> {
  const unsound: string[] = [];
  for (const name of await readdir(dir)) {
    if (TABLE.test(name) && !(await isSoundFile(join(dir, name)))) unsound.push(name);
  }
  return unsound;
}

async function isSoundFile(path: string): Promise<boolean> {
  let table: Buffer;
  try {
    table = await readFile(path);
  } catch (error) {
    if (isDiskDamage(error)) return false;
    throw error;
  }
  try {
    return isSound(table);
  } catch {
    // What matches its checksum and cannot be read was wrong before that was made.
    return false;
  }
}

/** Whether each block of a table matches its checksum. Throws when one that does is none. */
export function isSound(table: Buffer): boolean {
  const footer = table.subarray(-FOOTER);
  if (footer.length < FOOTER || footer.readBigUInt64LE(FOOTER - 8) !== MAGIC) return false;
  const reader = new Reader(footer);
  // The block of the filters, and that of the data.
  return [reader.handle(), reader.handle()].every(
    (index) => matches(table, index) && handlesIn(contents(table, index)).every((block) => matches(table, block)),
  );
}

function matches(table: Buffer, { offset, size }: Handle): boolean {
  const end = offset + size + TRAILER;
  if (end > table.length) return false;
  const sum = crc32c(table.subarray(offset, end - 4));
  return table.readUInt32LE(end - 4) === masked(sum);
}

/** LevelDB does not store a checksum as it is, because one of bytes that hold it would be worth little. */
const masked = (sum: number): number => (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;

function contents(table: Buffer, { offset, size }: Handle): Buffer {
  const block = table.subarray(offset, offset + size);
  return table[offset + size] === SNAPPY ? (uncompressSync(block) as Buffer) : block;
}

/** The values of an index block, whose checksum has been looked at. */
function handlesIn(block: Buffer): readonly Handle[] {
  const restarts = block.readUInt32LE(block.length - 4);
  const reader = new Reader(block.subarray(0, block.length - 4 * (restarts + 1)));
  const handles: Handle[] = [];
  while (!reader.atEnd) {
    reader.varint(); // Bytes that the key shares with the one before.
    const keyBytes = reader.varint();
    reader.varint(); // Bytes of the value.
    reader.skip(keyBytes);
    handles.push(reader.handle());
  }
  return handles;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() };
  }

  /** Seven bits a byte, the lowest first. Throws where the bytes end before it does. */
  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes.readUInt8(this.#at++);
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }
}
