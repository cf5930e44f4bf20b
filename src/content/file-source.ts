/**
 * An open stored file as a stream: two buffers, one read ahead while the consumer sends the other. That is as fast as
 * the machine goes; nothing is allocated per chunk.
 */
import { AppError } from '../lib/errors.js';
import type { BlobSource, ByteRange } from './blob-store.js';
import { ChunkBuffer } from './chunk-buffer.js';
import { readError, type OpenFile } from './open-file.js';
import type { ReadBudget } from './read-budget.js';

export class FileSource implements BlobSource {
  readonly size: number;
  readonly path: string;
  readonly isCurrent: () => Promise<boolean>;
  readonly #file: OpenFile;
  readonly #budget: ReadBudget;
  readonly #end: number;
  /** In turn. */
  readonly #buffers: [ChunkBuffer, ChunkBuffer];
  #at: number;
  #closing: Promise<void> | undefined;

  /** Reads `start` to `end` of a file of `size` bytes that lies at `path` below the store, and closes it. */
  constructor(
    file: OpenFile,
    budget: ReadBudget,
    blob: Pick<BlobSource, 'size' | 'isCurrent'> & ByteRange & { path: string },
  ) {
    const { path, size, start, end, isCurrent } = blob;
    this.#file = file;
    this.#budget = budget;
    this.size = size;
    this.path = path;
    this.isCurrent = isCurrent;
    this.#at = start;
    this.#end = end;
    this.#buffers = [new ChunkBuffer(budget), new ChunkBuffer(budget)];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, undefined> {
    try {
      let ahead = this.#read();
      while (ahead) {
        const chunk = await ahead;
        ahead = this.#read();
        // The consumer may leave before it is awaited.
        ahead?.catch(() => undefined);
        yield chunk;
      }
    } finally {
      await this.close();
    }
  }

  close(): Promise<void> {
    // Every time: one that is closed while it is read may have taken another chunk.
    for (const buffer of this.#buffers) buffer.release();
    this.#closing ??= this.#file.close().catch(() => undefined);
    return this.#closing;
  }

  /** The next chunk; undefined at the end. Called for one chunk after the other, so `#at` moves once it is known. */
  #read(): Promise<Buffer> | undefined {
    const left = this.#end - this.#at;
    if (left <= 0) return undefined;
    this.#buffers.reverse();
    return this.#fill(this.#buffers[0].next(left), this.#at);
  }

  async #fill(buffer: Buffer, at: number): Promise<Buffer> {
    this.#at = at + buffer.length;
    let filled = 0;
    while (filled < buffer.length) {
      const from = filled;
      const { bytesRead } = await this.#budget.pread(async () => {
        try {
          return await this.#file.read(buffer, from, buffer.length - from, at + from);
        } catch (error) {
          throw readError(error, 'reading a blob');
        }
      });
      if (bytesRead === 0) throw new AppError('BLOB_CORRUPT', 'a stored blob became shorter while it was read');
      filled += bytesRead;
    }
    return buffer;
  }
}
