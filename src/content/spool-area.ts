/**
 * The directory of all spools: those being filled, and partials, the kept beginnings of downloads that nobody waited
 * for. A data file has a random name; its sidecar says what it is. A start keeps partials with a sidecar that makes
 * sense and removes the rest. A partial is trusted only after its bytes were read back and found to be those noted.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { digestAlgorithm, digestOfHash, newHash, type Digest } from '../oci/digest.js';
import { nodeFileSystem, storageError, type FileSystem, type OpenFile } from './open-file.js';
import type { ReadBudget } from './read-budget.js';
import { readSidecar, sidecarPath, writeSidecar, type Sidecar } from './sidecar.js';
import { Spool, type VerifiedFile } from './spool.js';

const PARTIAL_LIFETIME = 24 * 60 * 60 * 1000;
/** Milliseconds without a write after which a file that belongs to nobody is a stray. */
const STRAY_AGE = 60 * 60 * 1000;
const READ_BACK = 256 * 1024;

export interface SpoolAreaOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
  /** Bytes of the file system that new spools leave free. */
  readonly minFree: number;
  readonly budget: ReadBudget;
  readonly fs?: FileSystem;
}

export interface Partial {
  readonly upstream: string;
  readonly digest: Digest;
  /** What can be resumed from. */
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly keptAt: number;
}

interface KeptPartial extends Partial {
  readonly path: string;
}

export class SpoolArea {
  readonly #options: SpoolAreaOptions;
  readonly #fs: FileSystem;
  readonly #spools = new Set<Spool>();
  /** By upstream and digest: bytes of one upstream are never given out as another's. */
  readonly #partials = new Map<string, KeptPartial>();

  private constructor(options: SpoolAreaOptions) {
    this.#options = options;
    this.#fs = options.fs ?? nodeFileSystem;
  }

  /** Creates the directory when there is none. What no partial needs is removed from it. */
  static async open(options: SpoolAreaOptions): Promise<SpoolArea> {
    const area = new SpoolArea(options);
    await mkdir(options.dir, { recursive: true });
    const names = new Set(await readdir(options.dir));
    for (const name of names) {
      const partial = names.has(sidecarPath(name)) ? await area.#readPartial(join(options.dir, name)) : undefined;
      if (partial) await area.#addPartial(partial);
      else if (!names.has(name.replace(/\.json$/, ''))) await rm(join(options.dir, name), { force: true });
      else if (!name.endsWith('.json')) await area.#remove(join(options.dir, name));
    }
    return area;
  }

  /** Bytes of all spools and partials. */
  get bytes(): number {
    let bytes = 0;
    for (const spool of this.#spools) bytes += spool.written;
    for (const partial of this.#partials.values()) bytes += partial.bytes;
    return bytes;
  }

  /** Bytes that the file system has left. */
  free(): Promise<number> {
    return this.#fs.free(this.#options.dir);
  }

  /** Whether `bytes` more would leave `minFree`. */
  async hasRoom(bytes: number): Promise<boolean> {
    return (await this.free()) - bytes >= this.#options.minFree;
  }

  /** Rejects with STORE_FULL when there is no space, or less than `minFree` would be left of it. */
  async create(want: {
    readonly upstream: string;
    readonly digest: Digest;
    readonly size: number | undefined;
  }): Promise<Spool> {
    const path = join(this.#options.dir, randomUUID());
    try {
      if (!(await this.hasRoom(want.size ?? 0))) {
        throw new AppError('STORE_FULL', 'too little space is left to store another blob');
      }
      const file = await this.#fs.open(path, 'wx+');
      return this.#spool(want, { path, file, written: 0, hash: newHash(want.digest) });
    } catch (error) {
      throw storageError(error, 'creating a spool');
    }
  }

  /** Rejects with STORE_FULL when all that is being filled, as far as sizes are known, would leave less than `minFree`. */
  async requireRoom(): Promise<void> {
    let toCome = 0;
    for (const { size, written } of this.#spools) toCome += Math.max((size ?? 0) - written, 0);
    if ((await this.free()) - toCome >= this.#options.minFree) return;
    throw new AppError('STORE_FULL', 'too little space is left to store another blob');
  }

  /** Bytes that are all there already, such as a manifest's, as a file to publish. */
  async verified(digest: Digest, bytes: Buffer): Promise<VerifiedFile> {
    const spool = await this.create({ upstream: '', digest, size: bytes.length });
    try {
      await spool.append(bytes);
      return await spool.verify();
    } catch (error) {
      await spool.discard(error);
      throw error;
    }
  }

  /**
   * Goes on with a partial from where it was last synced. Undefined when there is none, or it is not what was noted;
   * then it is removed. Either way it is a partial no more.
   */
  async resume(upstream: string, digest: Digest): Promise<Spool | undefined> {
    const partial = this.#partials.get(keyOf({ upstream, digest }));
    if (!partial) return undefined;
    this.#partials.delete(keyOf(partial));
    const sidecar = await readSidecar(partial.path);
    let file: OpenFile | undefined;
    try {
      if (!sidecar) throw new Error('its sidecar is gone');
      file = await this.#fs.open(partial.path, 'r+');
      const hash = await hashBack(file, sidecar);
      await file.truncate(sidecar.offset);
      return this.#spool(sidecar, { path: partial.path, file, written: sidecar.offset, hash });
    } catch (error) {
      this.#options.log.warn({ err: error, upstream, digest }, 'a partial download cannot be resumed and is dropped');
      await file?.close();
      await this.#remove(partial.path);
      return undefined;
    }
  }

  partials(): readonly Partial[] {
    return [...this.#partials.values()].map(({ upstream, digest, bytes, keptAt }) => ({
      upstream,
      digest,
      bytes,
      keptAt,
    }));
  }

  /** Removes partials kept for longer than `olderThan` ms, or the oldest until `bytes` are freed. Resolves to the bytes freed. */
  async dropPartials(which: { readonly olderThan: number } | { readonly bytes: number }): Promise<number> {
    const oldestFirst = [...this.#partials.values()].sort((a, b) => a.keptAt - b.keptAt);
    const now = this.#options.clock.now();
    let freed = 0;
    for (const partial of oldestFirst) {
      if ('bytes' in which ? freed >= which.bytes : now - partial.keptAt <= which.olderThan) break;
      // One that was resumed or replaced meanwhile is not ours to remove.
      if (this.#partials.get(keyOf(partial)) !== partial) continue;
      this.#partials.delete(keyOf(partial));
      await this.#remove(partial.path);
      freed += partial.bytes;
    }
    return freed;
  }

  /**
   * Removes partials kept for longer than `olderThan` ms, and files that are neither a spool nor a partial: those could not
   * be removed when they should have been. In a dry run it only counts them.
   */
  async dropStale(olderThan: number, dryRun: boolean): Promise<{ readonly files: number; readonly bytes: number }> {
    const now = this.#options.clock.now();
    const old = [...this.#partials.values()].filter(({ keptAt }) => now - keptAt > olderThan);
    let bytes = old.reduce((sum, partial) => sum + partial.bytes, 0);
    if (!dryRun) await this.dropPartials({ olderThan });
    const strays = await this.#strays();
    for (const { path, size } of strays) {
      bytes += size;
      if (!dryRun) await this.#remove(path);
    }
    return { files: old.length + strays.length, bytes };
  }

  /** Keeps what is still being filled. */
  async close(): Promise<void> {
    await Promise.all([...this.#spools].map((spool) => spool.keep()));
  }

  #spool(
    want: { readonly upstream: string; readonly digest: Digest; readonly size: number | undefined },
    data: Pick<ConstructorParameters<typeof Spool>[0], 'path' | 'file' | 'written' | 'hash'>,
  ): Spool {
    const spool = new Spool({
      ...want,
      ...data,
      budget: this.#options.budget,
      onCheckpoint: (self, offset, prefix) =>
        writeSidecar(self.path, {
          upstream: self.upstream,
          digest: self.digest,
          size: self.size,
          offset,
          prefix,
          keptAt: this.#options.clock.now(),
        }),
      onEnd: async (self, kept) => {
        this.#spools.delete(self);
        const { upstream, digest, path } = self;
        if (kept !== undefined) {
          await this.#addPartial({ upstream, digest, path, bytes: kept, keptAt: this.#options.clock.now() });
        }
      },
    });
    this.#spools.add(spool);
    return spool;
  }

  /** Data files that belong to nobody. A spool is opened a moment before it is known, so new files are left alone. */
  async #strays(): Promise<readonly { readonly path: string; readonly size: number }[]> {
    const strays = [];
    for (const name of await readdir(this.#options.dir)) {
      const path = join(this.#options.dir, name);
      if (name.includes('.')) continue;
      const found = await stat(path).catch(() => undefined);
      // Undefined for a file that has gone meanwhile.
      if (found && Date.now() - found.mtimeMs >= STRAY_AGE && !this.#isKnown(path)) {
        strays.push({ path, size: found.size });
      }
    }
    return strays;
  }

  #isKnown(path: string): boolean {
    const has = (each: { readonly path: string }) => each.path === path;
    return [...this.#spools].some(has) || [...this.#partials.values()].some(has);
  }

  /** The longer of two partials of one blob stays. */
  async #addPartial(partial: KeptPartial): Promise<void> {
    const other = this.#partials.get(keyOf(partial));
    if (other && other.bytes >= partial.bytes) return this.#remove(partial.path);
    this.#partials.set(keyOf(partial), partial);
    if (other) await this.#remove(other.path);
  }

  async #readPartial(path: string): Promise<KeptPartial | undefined> {
    const sidecar = await readSidecar(path);
    if (!sidecar || this.#options.clock.now() - sidecar.keptAt > PARTIAL_LIFETIME) return undefined;
    const { size } = await stat(path);
    const { upstream, digest, offset, keptAt } = sidecar;
    return offset === 0 || size < offset ? undefined : { upstream, digest, path, bytes: offset, keptAt };
  }

  async #remove(path: string): Promise<void> {
    await rm(path, { force: true });
    await rm(sidecarPath(path), { force: true });
  }
}

const keyOf = ({ upstream, digest }: { readonly upstream: string; readonly digest: Digest }): string =>
  `${upstream} ${digest}`;

/** The hash of the noted prefix. Rejects when the file does not hold it. */
async function hashBack(file: OpenFile, sidecar: Sidecar): Promise<ReturnType<typeof newHash>> {
  const hash = newHash(sidecar.digest);
  const buffer = Buffer.allocUnsafe(READ_BACK);
  for (let at = 0; at < sidecar.offset;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, sidecar.offset - at), at);
    if (bytesRead === 0) throw new Error('it is shorter than noted');
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  const found = digestOfHash(digestAlgorithm(sidecar.digest), hash.copy());
  if (found !== sidecar.prefix) throw new Error('its bytes are not those that were noted');
  return hash;
}
