/**
 * The files of a tar archive, one after the other, as they stream by. An archive is somebody's file: whatever is not a
 * plain file or folder is refused, counts and headers are bounded, and no name in it ever becomes a path.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { AppError } from '../../lib/errors.js';

export interface ArchiveEntry {
  /** Without a leading `./`. Only for comparing. */
  readonly name: string;
  readonly size: number;
  /** To be read to its end before the next entry is asked for; else it is skipped. */
  readonly bytes: AsyncIterable<Buffer>;
}

const MOST_ENTRIES = 100_000;
/** Bytes that may come without an entry: long headers, padding, and what is read ahead. */
const MOST_BETWEEN = 4 * 1024 * 1024;
const LONGEST_NAME = 255;

/** Throws ARCHIVE_INVALID, and what `archive` throws. */
export async function* entriesOf(
  archive: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<ArchiveEntry, void, undefined> {
  const tar = extract();
  const reach = { read: 0, until: MOST_BETWEEN };
  const feeding = pipeline(Readable.from(bounded(archive, reach), { objectMode: true }), tar, { signal });
  /** Why it cannot be read on: what the archive's own stream threw matters more than what tar makes of that. */
  const explained = async (error: unknown): Promise<unknown> => {
    tar.destroy();
    const cause = await feeding.catch((reason: unknown) => reason);
    if (signal.aborted) return signal.reason;
    if (error instanceof AppError) return error;
    return cause instanceof AppError
      ? cause
      : invalidArchive(`it is no tar file, or only a part of one (${messageOf(error)})`, error);
  };
  feeding.catch(() => undefined);
  let count = 0;
  try {
    for await (const entry of tar) {
      if (++count > MOST_ENTRIES) throw invalidArchive(`it has more than ${MOST_ENTRIES} files`);
      const { size } = entry.header;
      // Whatever is read ahead of here belongs to this entry or to what follows it.
      reach.until = reach.read + size + MOST_BETWEEN;
      if (isFile(entry.header)) {
        yield { name: nameOf(entry.header), size, bytes: content(entry as AsyncIterable<Buffer>, explained) };
      }
      entry.resume();
    }
    await feeding;
  } catch (error) {
    throw await explained(error);
  } finally {
    tar.destroy();
    await feeding.catch(() => undefined);
  }
}

async function* content(
  entry: AsyncIterable<Buffer>,
  explained: (error: unknown) => Promise<unknown>,
): AsyncGenerator<Buffer, void> {
  try {
    yield* entry;
  } catch (error) {
    throw await explained(error);
  }
}

async function* bounded(
  archive: AsyncIterable<Buffer>,
  reach: { read: number; readonly until: number },
): AsyncGenerator<Buffer, void> {
  for await (const chunk of archive) {
    reach.read += chunk.length;
    if (reach.read > reach.until + chunk.length) throw invalidArchive('it has too much in it that is no file');
    yield chunk;
  }
}

/** False for a folder: an OCI image layout has nothing else. */
function isFile(header: Header): boolean {
  const { type, size } = header;
  if (!Number.isSafeInteger(size)) throw invalidArchive(`a file in it has the size ${size}`);
  if (type === 'directory') return false;
  if (type === 'file' || type === 'contiguous-file') return true;
  throw invalidArchive(`${quote(header.name)} is a ${type}, not a file`);
}

function nameOf({ name }: Header): string {
  if (name.length > LONGEST_NAME) throw invalidArchive(`${quote(name)} is too long a name`);
  return name.replace(/^(?:\.\/)+/, '');
}

export const invalidArchive = (why: string, cause?: unknown): AppError =>
  new AppError('ARCHIVE_INVALID', `the archive cannot be imported: ${why}`, { cause });

export const quote = (text: string): string => JSON.stringify(text.slice(0, 100));

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 200);
