/** `cistern export` and `cistern import`: images as an OCI image layout in a tar file, for machines without a network. */
import { createReadStream } from 'node:fs';
import { open, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { systemCode } from '../lib/errors.js';
import { contents, type ControlClient } from './client.js';
import { UsageError } from './control-error.js';
import { counted } from '../lib/counted.js';
import { bytes, shortDigest, table } from './format.js';
import { toJson, type ExitCode, type OutputFormat } from './output.js';
import { withDaemon, type LiveTerminal, type SessionOptions } from './session.js';
import { statusLine, type StatusLine } from './status-line.js';

export interface ExportOptions extends SessionOptions {
  /** `-` is standard output. */
  readonly file: string;
  readonly platform?: readonly string[];
}

export interface ImportOptions extends SessionOptions {
  /** The reference of the one image in the archive. */
  readonly as?: string;
}

const STANDARD = '-';
/** Well below what a daemon takes in one message. */
const CHUNK = 256 * 1024;

/**
 * `-o` is the file and, as everywhere, may also be the format: `-o json -o images.tar`. A file that is named like a format
 * is `./json`.
 */
export function splitOutputs(values: readonly string[]): { readonly file?: string; readonly output: OutputFormat } {
  const isFormat = (value: string): value is OutputFormat => value === 'json' || value === 'text';
  const file = values.findLast((value) => !isFormat(value));
  return { output: values.findLast(isFormat) ?? 'text', ...(file !== undefined && { file }) };
}

/** The file appears when it is complete; a failed export leaves none. */
export function exportImages(
  images: readonly string[],
  options: ExportOptions,
  terminal: LiveTerminal,
): Promise<ExitCode> {
  const { file, output } = options;
  return withDaemon(options, terminal, async (client) => {
    const line = statusLine(terminal.screen);
    const request = { images: [...images], platforms: [...(options.platform ?? [])] };
    const chunks = download(client, request, line);
    const size = await (file === STANDARD ? toStandardOutput(chunks) : toFile(chunks, file)).finally(() => line.end());
    if (file === STANDARD) terminal.err(`${counted(images.length, 'image')}, ${bytes(size)}`);
    else if (output === 'json') terminal.out(toJson({ file, bytes: size, images }));
    else terminal.out(`${file}: ${counted(images.length, 'image')}, ${bytes(size)}`);
    return 0;
  });
}

async function* download(
  client: ControlClient,
  request: { readonly images: string[]; readonly platforms: string[] },
  line: StatusLine,
): AsyncGenerator<Buffer> {
  let [done, total] = [0, 0];
  for await (const { chunk, totalBytes } of client.follow(contents.ExportImages, request)) {
    total = Math.max(total, totalBytes);
    done += chunk.length;
    line.show(`${bytes(done)} of ${bytes(total)}`);
    if (chunk.length > 0) yield chunk;
  }
}

async function toFile(chunks: AsyncIterable<Buffer>, file: string): Promise<number> {
  const partial = `${file}.partial-${process.pid}`;
  let handle: FileHandle | undefined;
  try {
    let size = 0;
    for await (const chunk of chunks) {
      // Opened only now, so that a refused export touches nothing.
      handle ??= await open(partial, 'wx').catch(cannot('write', file));
      await handle.appendFile(chunk);
      size += chunk.length;
    }
    await handle?.sync();
    await handle?.close();
    if (handle === undefined) throw new Error('the daemon sent an empty archive');
    await rename(partial, file);
    return size;
  } catch (error) {
    await handle?.close().catch(() => undefined);
    if (handle !== undefined) await unlink(partial).catch(() => undefined);
    throw error;
  }
}

async function toStandardOutput(chunks: AsyncIterable<Buffer>): Promise<number> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    await new Promise<void>((resolve, reject) =>
      process.stdout.write(chunk, (error) => (error ? reject(error) : resolve())),
    );
  }
  return size;
}

export function importImages(file: string, options: ImportOptions, terminal: LiveTerminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const line = statusLine(terminal.screen);
    const answer = await client
      .upload(contents.ImportImages, upload(file, options.as ?? '', line))
      .finally(() => line.end());
    if (options.output === 'json') {
      terminal.out(toJson({ images: answer.images }));
      return 0;
    }
    const rows = answer.images.map((image) => [
      image.reference,
      shortDigest(image.digest),
      image.blobs,
      bytes(image.bytesAdded),
      bytes(image.bytesReused),
    ]);
    terminal.out(table(['IMAGE', 'DIGEST', 'BLOBS', 'ADDED', 'REUSED'], rows));
    return 0;
  });
}

async function* upload(
  file: string,
  image: string,
  line: StatusLine,
): AsyncGenerator<{ readonly image?: string; readonly chunk?: Buffer }> {
  const total = file === STANDARD ? undefined : (await stat(file).catch(cannot('read', file))).size;
  const bytesOf: AsyncIterable<Buffer> =
    file === STANDARD ? process.stdin : createReadStream(file, { highWaterMark: CHUNK });
  let done = 0;
  yield { image };
  for await (const chunk of bytesOf) {
    yield { chunk };
    done += chunk.length;
    line.show(total === undefined ? bytes(done) : `${bytes(done)} of ${bytes(total)}`);
  }
}

const cannot =
  (verb: string, file: string) =>
  (error: unknown): never => {
    throw new UsageError(`cannot ${verb} ${file}: ${systemCode(error) ?? String(error)}`);
  };
