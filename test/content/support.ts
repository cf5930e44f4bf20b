/** What the tests of the content part share: seeded bytes, a spool area in a fresh directory, and a disk that fails on demand. */
import { join } from 'node:path';
import { newHash, parseDigest, type Digest } from '../../src/oci/digest.js';
import { nodeFileSystem, type FileSystem, type OpenFile } from '../../src/content/open-file.js';
import { ReadBudget } from '../../src/content/read-budget.js';
import { SpoolArea } from '../../src/content/spool-area.js';
import type { Spool } from '../../src/content/spool.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** Bytes that differ at every offset, so that a shifted or repeated read is seen. The same for the same seed. */
export function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export const sha256 = (bytes: Buffer): Digest => {
  const any = parseDigest(`sha256:${'0'.repeat(64)}`);
  return parseDigest(`sha256:${newHash(any).update(bytes).digest('hex')}`);
};

export const upstream = 'docker.io';
export const BLOB = bytesOf(300 * KIB);
export const DIGEST = sha256(BLOB);

export const never = (): AbortSignal => new AbortController().signal;

/** All that a reader is given. Chunks are copied, as they are only lent. */
export async function collect(bytes: Buffer | AsyncIterable<Buffer>): Promise<Buffer> {
  if (Buffer.isBuffer(bytes)) return bytes;
  const chunks: Buffer[] = [];
  for await (const chunk of bytes) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Like `collect`, for readers that are expected to fail: what they got, and the failure. */
export async function collectUntilFailure(bytes: AsyncIterable<Buffer>): Promise<{ got: Buffer; failure: unknown }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of bytes) chunks.push(Buffer.from(chunk));
  } catch (failure) {
    return { got: Buffer.concat(chunks), failure };
  }
  return { got: Buffer.concat(chunks), failure: undefined };
}

export async function appendAll(spool: Spool, bytes: Buffer, chunk = 64 * KIB): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunk) await spool.append(bytes.subarray(at, at + chunk));
}

/** A macrotask: everything that can happen without the disk or a timer has happened. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const systemError = (code: string): Error => Object.assign(new Error(`${code}, as the test wants`), { code });

export interface TestArea {
  readonly area: SpoolArea;
  readonly clock: ManualClock;
  readonly budget: ReadBudget;
  readonly warnings: string[];
  readonly dir: string;
}

interface AreaOptions {
  readonly fs?: FileSystem;
  readonly minFree?: number;
  readonly clock?: ManualClock;
  readonly budget?: ReadBudget;
}

/** In a directory that is there already, or in a fresh one. */
export async function openArea(where: string | Scope, options: AreaOptions = {}): Promise<TestArea> {
  const { fs = nodeFileSystem, minFree = 0, clock = new ManualClock(), budget = new ReadBudget() } = options;
  const warnings: string[] = [];
  const dir = join(typeof where === 'string' ? where : await temporaryDirectory(where), 'spool');
  const log = { warn: (_: object, message: string) => void warnings.push(message) };
  return { area: await SpoolArea.open({ dir, clock, log, minFree, budget, fs }), clock, budget, warnings, dir };
}

/** A spool that waits for `BLOB`, in an area of its own. */
export async function openSpool(
  scope: Scope,
  options: AreaOptions = {},
): Promise<TestArea & { readonly spool: Spool }> {
  const opened = await openArea(scope, options);
  return { ...opened, spool: await opened.area.create({ upstream, digest: DIGEST, size: BLOB.length }) };
}

/** A file system whose calls go through to the disk unless a test puts something in their place. */
export class FaultyDisk implements FileSystem {
  /** Bytes that can still be written before the disk is full. */
  room = Number.POSITIVE_INFINITY;
  /** The most that one write takes. */
  longestWrite = Number.POSITIVE_INFINITY;
  /** Instead of the call of this name; `undefined` lets it through. */
  readonly fail: { [call in keyof OpenFile]?: ((path: string) => Error | undefined) | undefined } = {};
  readonly calls: string[] = [];
  /** Held until the test releases it. */
  gate: Promise<void> | undefined;
  freeBytes: number | undefined;
  open = async (path: string, flags: string): Promise<OpenFile> =>
    this.#wrap(await nodeFileSystem.open(path, flags), path);
  free = async (path: string): Promise<number> => this.freeBytes ?? nodeFileSystem.free(path);

  #wrap(file: OpenFile, path: string): OpenFile {
    const through = async <T>(call: keyof OpenFile, go: () => Promise<T>): Promise<T> => {
      this.calls.push(call);
      await this.gate;
      const failure = this.fail[call]?.(path);
      if (failure) throw failure;
      return go();
    };
    return {
      writev: (buffers, position) =>
        through('writev', async () => {
          const most = Math.min(this.room, this.longestWrite);
          if (most === 0) throw systemError('ENOSPC');
          const bytes = Buffer.concat(buffers).subarray(0, most);
          const written = await file.writev([bytes], position);
          this.room -= written.bytesWritten;
          return written;
        }),
      read: (...parts) => through('read', () => file.read(...parts)),
      sync: () => through('sync', () => file.sync()),
      datasync: () => through('datasync', () => file.datasync()),
      truncate: (length) => through('truncate', () => file.truncate(length)),
      stat: () => through('stat', () => file.stat()),
      // Not through: what failed before must not keep a file open.
      close: () => {
        this.calls.push('close');
        return file.close();
      },
    };
  }
}
