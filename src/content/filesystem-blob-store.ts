/**
 * Blobs as read-only files, `<dir>/<algorithm>/<first two hex digits>/<hex>`, on the file system of the spools.
 *
 * A blob appears whole and for good or not at all: the file is synced, checked, renamed into place (a rename replaces a
 * corrupt file; a link would fail and keep it), and its directory synced. A failed sync is never tried again. Open
 * sources outlive a delete, because the system keeps an unlinked file until its last descriptor is closed.
 */
import { chmod, mkdir, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, systemCode } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { digestAlgorithm, digestHex, isDigest, type Digest, type DigestAlgorithm } from '../oci/digest.js';
import { blobPath } from './blob-path.js';
import type { BlobInfo, BlobSource, BlobStore, ByteRange } from './blob-store.js';
import { FileSource } from './file-source.js';
import {
  nodeFileSystem,
  readError,
  storageError,
  syncDirectory,
  type FileStat,
  type FileSystem,
  type OpenFile,
} from './open-file.js';
import type { ReadBudget } from './read-budget.js';
import type { VerifiedFile } from './spool.js';

/** In the order of `list`. */
const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512'];
const STATS_AT_ONCE = 64;

export interface FilesystemBlobStoreOptions {
  readonly dir: string;
  /** Where bad blobs are set aside; on the same file system. */
  readonly quarantineDir: string;
  readonly budget: ReadBudget;
  readonly log: Pick<Logger, 'warn'>;
  readonly fs?: FileSystem;
}

export class FilesystemBlobStore implements BlobStore {
  readonly #dir: string;
  readonly #quarantineDir: string;
  readonly #budget: ReadBudget;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #fs: FileSystem;
  /** Directories that are there and known to survive a power cut. */
  readonly #shards = new Map<string, Promise<void>>();
  readonly #publishing = new Set<Promise<void>>();

  /** Blobs set aside since the start. */
  quarantined = 0;

  private constructor(options: FilesystemBlobStoreOptions) {
    this.#dir = options.dir;
    this.#quarantineDir = options.quarantineDir;
    this.#budget = options.budget;
    this.#log = options.log;
    this.#fs = options.fs ?? nodeFileSystem;
  }

  /** Creates its directories when there are none. */
  static async open(options: FilesystemBlobStoreOptions): Promise<FilesystemBlobStore> {
    const store = new FilesystemBlobStore(options);
    for (const algorithm of ALGORITHMS) await mkdir(join(options.dir, algorithm), { recursive: true });
    await mkdir(options.quarantineDir, { recursive: true });
    for (const dir of [options.dir, dirname(options.dir)]) await syncDirectory(store.#fs, dir);
    return store;
  }

  async stat(digest: Digest): Promise<BlobInfo | undefined> {
    const found = await absentAsUndefined(stat(this.#path(digest)), 'looking for a blob');
    return found && { digest, size: found.size };
  }

  async open(digest: Digest, range?: ByteRange): Promise<BlobSource | undefined> {
    const file = await absentAsUndefined(this.#fs.open(this.#path(digest), 'r'), 'opening a blob', readError);
    if (!file) return undefined;
    const opened = await statOf(file);
    const { size } = opened;
    const start = Math.min(Math.max(range?.start ?? 0, 0), size);
    const end = Math.min(range?.end ?? size, size);
    const isCurrent = () => this.#isStill(digest, opened);
    return new FileSource(file, this.#budget, { path: blobPath('', digest), size, start, end, isCurrent });
  }

  publish(file: VerifiedFile): Promise<void> {
    const publishing = this.#publish(file).finally(() => this.#publishing.delete(publishing));
    this.#publishing.add(publishing);
    return publishing;
  }

  async delete(digest: Digest): Promise<boolean> {
    return (
      (await absentAsUndefined(
        unlink(this.#path(digest)).then(() => true),
        'deleting a blob',
      )) ?? false
    );
  }

  async quarantine(digest: Digest): Promise<boolean> {
    const aside = join(this.#quarantineDir, `${digestAlgorithm(digest)}-${digestHex(digest)}`);
    try {
      await rename(this.#path(digest), aside);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') this.#log.warn({ digest, err: error }, 'a bad blob could not be set aside');
      return false;
    }
    this.quarantined++;
    this.#log.warn({ digest, path: aside }, 'a bad blob was set aside');
    return true;
  }

  digests(): AsyncIterable<readonly Digest[]> {
    return this.#sortedShards(undefined);
  }

  async *list(after?: Digest): AsyncIterable<BlobInfo> {
    for await (const digests of this.#sortedShards(after)) {
      for (let at = 0; at < digests.length; at += STATS_AT_ONCE) {
        const page = await Promise.all(digests.slice(at, at + STATS_AT_ONCE).map((digest) => this.stat(digest)));
        for (const info of page) if (info) yield info;
      }
    }
  }

  async *#sortedShards(after: Digest | undefined): AsyncIterable<readonly Digest[]> {
    for (const algorithm of ALGORITHMS) {
      const shards = (await readdir(join(this.#dir, algorithm))).sort();
      for (const shard of shards) {
        if (after !== undefined && `${algorithm}:${shard}` < after.slice(0, algorithm.length + 3)) continue;
        yield (await readdir(join(this.#dir, algorithm, shard)))
          .map((hex) => `${algorithm}:${hex}`)
          .filter(isDigest)
          .filter((digest) => after === undefined || digest > after)
          .sort();
      }
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#publishing);
  }

  async #publish(file: VerifiedFile): Promise<void> {
    file.take();
    try {
      await file.sync();
      const { size } = await stat(file.path);
      if (size !== file.size) throw new AppError('STORE_FAILED', `${size} of ${file.size} bytes of a blob are stored`);
      const path = this.#path(file.digest);
      await this.#ensureShard(dirname(path));
      await chmod(file.path, 0o444);
      await rename(file.path, path);
      file.moved();
      await syncDirectory(this.#fs, dirname(path));
    } catch (error) {
      throw storageError(error, 'publishing a blob');
    } finally {
      await file.release();
    }
  }

  /** An inode's number is used again once its file is gone; with the time of writing it is not. */
  async #isStill(digest: Digest, { ino, mtimeMs }: FileStat): Promise<boolean> {
    const found = await absentAsUndefined(stat(this.#path(digest)), 'looking for a blob');
    return found?.ino === ino && found.mtimeMs === mtimeMs;
  }

  /** Synced by whoever needs it first, also when it is there: the one who made it may have been killed before. */
  async #ensureShard(shard: string): Promise<void> {
    let ensured = this.#shards.get(shard);
    if (!ensured) {
      ensured = mkdir(shard, { recursive: true }).then(() => syncDirectory(this.#fs, dirname(shard)));
      this.#shards.set(shard, ensured);
    }
    try {
      await ensured;
    } catch (error) {
      this.#shards.delete(shard);
      throw error;
    }
  }

  #path(digest: Digest): string {
    return blobPath(this.#dir, digest);
  }
}

async function statOf(file: OpenFile): Promise<FileStat> {
  try {
    return await file.stat();
  } catch (error) {
    await file.close();
    throw readError(error, 'opening a blob');
  }
}

async function absentAsUndefined<T>(result: Promise<T>, doing: string, failure = storageError): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw failure(error, doing);
  }
}
