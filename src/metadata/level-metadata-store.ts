/**
 * The index in an embedded LevelDB. It promises what the port does, on a disk that may fill up or fail: LevelDB silently
 * loses later `sync` writes after one that failed, so a handle takes no write after a failed one; it goes on serving
 * reads until `reopen` has put a new handle in its place, and reads wait at a gate for that moment. Damage is named
 * (AppError INDEX_CORRUPT), never repaired, and a lack of space is never taken for damage.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { seal, unseal } from './checksum.js';
import { openLevelDatabase, type LevelDatabase, type OpenLevel } from './level-database.js';
import { isDamage, isFullDisk, levelCode, readFailure } from './level-failures.js';
import { unsoundTables } from './level-tables.js';
import { setAside } from './set-aside.js';
import type { Entry, MetadataState, MetadataStore, Mutation, Part, WriteOptions } from './metadata-store.js';

/** A scan's first page is small because most scans ask whether there is anything at all. */
const FIRST_PAGE = 32;
const PAGE = 250;
/** Read at one visit to a thread; what a page needs beyond that takes another. */
const PAGE_BYTES = 64 * 1024;
/** Bytes that must be writable before a full index is opened again: room for LevelDB's log and new files. */
const PROBE = Buffer.alloc(8 * 1024 * 1024, 0x5a);
/** What a table that is not sound is called until it is known whether LevelDB misses it. */
const UNSOUND = '.unsound';

export interface LevelMetadataStoreOptions {
  readonly dir: string;
  readonly log: Logger;
  /** Resolves when there is room to write again. */
  readonly spaceProbe?: (() => Promise<void>) | undefined;
  readonly openLevel?: OpenLevel | undefined;
}

type Settings = { readonly [K in keyof LevelMetadataStoreOptions]-?: NonNullable<LevelMetadataStoreOptions[K]> };

export class LevelMetadataStore implements MetadataStore {
  readonly #options: Settings;
  /** Undefined after a reopen that closed the old handle and could not open a new one, and once closed. */
  #database: LevelDatabase | undefined;
  #state: MetadataState = 'ready';
  /** Whether `open` found no index and made one. */
  readonly created: boolean;
  /** Settles when the reopen under way ends; reads wait for it. */
  #gate: Promise<void> | undefined;
  /** Pages being read. A handle must not be closed under them. */
  readonly #reading = new Set<Promise<unknown>>();
  #closed = false;

  private constructor(options: Settings, database: LevelDatabase, created: boolean) {
    this.#options = options;
    this.#database = database;
    this.created = created;
  }

  /**
   * Nobody else may have the directory open (directory-lock.ts).
   * Throws AppError DIRECTORY_IN_USE (another process holds it), INDEX_CORRUPT (damaged: to be set aside) or
   * INDEX_FAILED (it could not be read; nothing is known to be damaged).
   */
  static async open(options: LevelMetadataStoreOptions): Promise<LevelMetadataStore> {
    const { dir, spaceProbe = () => probeSpace(`${dir}.probe`), openLevel = openLevelDatabase } = options;
    await mkdir(dir, { recursive: true });
    const createIfMissing = await isUnused(dir);
    await hideUnsound(dir, options.log);
    const database = await openDatabase(openLevel, dir, createIfMissing);
    await removeHidden(dir, options.log);
    return new LevelMetadataStore({ ...options, spaceProbe, openLevel }, database, createIfMissing);
  }

  get state(): MetadataState {
    return this.#state;
  }

  async get(key: string): Promise<string | undefined> {
    const database = await this.#handle();
    let sealed: string | undefined;
    try {
      sealed = database.getSync(key);
    } catch (error) {
      throw readFailure(error);
    }
    return sealed === undefined ? undefined : unseal(key, sealed);
  }

  async write(batch: readonly Mutation[], { durable = true }: WriteOptions = {}): Promise<void> {
    const database = await this.#handle();
    if (this.#state === 'full') throw new AppError('STORE_FULL', 'the index takes no writes: its disk is full');
    if (this.#state === 'failed')
      throw new AppError('INDEX_FAILED', 'the index takes no writes: an earlier one failed');
    const operations = batch.map((mutation) =>
      mutation.type === 'put'
        ? { type: 'put' as const, key: mutation.key, value: seal(mutation.key, mutation.value) }
        : { type: 'del' as const, key: mutation.key },
    );
    try {
      // A log that is full is left for a new one without a sync, which the next one's sync does not make up for.
      if (durable === 'all') await database.emptyLog();
      await database.batch(operations, { sync: durable !== false });
    } catch (error) {
      // Set before anything is awaited: from here on this handle would lose writes.
      this.#state = 'failed';
      if (await this.#isFull(error)) {
        this.#state = 'full';
        throw new AppError('STORE_FULL', 'the index could not be written: its disk is full', { cause: error });
      }
      throw new AppError('INDEX_FAILED', 'the index could not be written', { cause: error });
    }
  }

  async *scan(prefix: string, after?: string): AsyncIterable<Entry> {
    const from = after === undefined || after < prefix ? { gte: prefix } : { gt: after };
    for await (const page of this.#pages(from, endOf(prefix), FIRST_PAGE)) yield* page;
  }

  pages(prefix: string, part?: Part): AsyncIterable<readonly Entry[]> {
    return this.#pages({ gte: prefix + (part?.from ?? '') }, part ? prefix + part.before : endOf(prefix), PAGE);
  }

  async reopen(): Promise<void> {
    if (this.#closed) throw closed();
    if (this.#gate) {
      await this.#gate;
      return;
    }
    if (this.#state === 'full') {
      try {
        await this.#options.spaceProbe();
      } catch (error) {
        throw new AppError('STORE_FULL', 'the index stays closed to writes: its disk is still full', { cause: error });
      }
    }
    const { dir, log, openLevel } = this.#options;
    // Never created here: an index whose CURRENT is gone would open empty and lose its tables.
    await this.#behindGate(() => openDatabase(openLevel, dir, false));
    log.info({ dir }, 'index opened again');
  }

  /** Sets a damaged index aside and goes on with an empty one. Reads wait meanwhile. Resolves to where the old one lies. */
  async startOver(at: number): Promise<string> {
    if (this.#closed) throw closed();
    await this.#gate;
    const { dir, openLevel } = this.#options;
    let aside = '';
    await this.#behindGate(async () => {
      aside = await setAside(dir, at);
      await mkdir(dir);
      return openDatabase(openLevel, dir, true);
    });
    return aside;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#gate;
    await Promise.allSettled(this.#reading);
    const database = this.#database;
    this.#database = undefined;
    // LevelDB leaves out what is damaged in a log without a word; of tables it tells, or the checksums do.
    if (this.#state === 'ready') await database?.emptyLog();
    await database?.close();
  }

  /** Closes the handle and puts what `open` gives in its place. */
  async #behindGate(open: () => Promise<LevelDatabase>): Promise<void> {
    const replaced = this.#replaceHandle(open);
    this.#gate = replaced.catch(() => undefined);
    try {
      await replaced;
    } finally {
      this.#gate = undefined;
    }
  }

  async #replaceHandle(open: () => Promise<LevelDatabase>): Promise<void> {
    await Promise.allSettled(this.#reading);
    const old = this.#database;
    this.#database = undefined;
    await old?.close();
    this.#database = await open();
    this.#state = 'ready';
  }

  async #handle(): Promise<LevelDatabase> {
    while (this.#gate) await this.#gate;
    if (this.#closed) throw closed();
    if (!this.#database) throw new AppError('INDEX_FAILED', 'the index is not open');
    return this.#database;
  }

  async *#pages(
    from: { gt: string } | { gte: string },
    end: string | undefined,
    first: number,
  ): AsyncIterable<readonly Entry[]> {
    const read = (after: typeof from, limit: number) =>
      this.#page({ ...after, ...(end !== undefined && { lt: end }), limit });
    let next = read(from, first);
    for (let limit = first; ; limit = PAGE) {
      const page = await next;
      const last = page.length < limit ? undefined : page.at(-1);
      // Whoever came as far as a large page reads on: the next one is fetched while this one is looked at.
      const ahead = last && limit === PAGE ? read({ gt: last[0] }, PAGE) : undefined;
      ahead?.catch(() => undefined);
      // In place: a page is made for whoever asked, and making a second one of it is much of what reading costs.
      for (const entry of page) entry[1] = unseal(entry[0], entry[1]);
      yield page;
      if (!last) return;
      next = ahead ?? read({ gt: last[0] }, PAGE);
    }
  }

  async #page(range: { gt?: string; gte?: string; lt?: string; limit: number }): Promise<[string, string][]> {
    const database = await this.#handle();
    // Whoever reads much reads it once: it is not to push out of LevelDB's cache what clients ask for all the time.
    const fillCache = range.limit < PAGE;
    const page = database.iterator({ ...range, fillCache, highWaterMarkBytes: PAGE_BYTES }).all();
    this.#reading.add(page);
    try {
      return await page;
    } catch (error) {
      throw readFailure(error);
    } finally {
      this.#reading.delete(page);
    }
  }

  /** LevelDB does not say why a write failed other than in prose, so the disk is asked. */
  async #isFull(error: unknown): Promise<boolean> {
    if (isFullDisk(error)) return true;
    try {
      await this.#options.spaceProbe();
      return false;
    } catch (probeError) {
      return isFullDisk(probeError);
    }
  }
}

/** The first key after all that begin with `prefix`; undefined when there is none. Prefixes are ASCII. */
function endOf(prefix: string): string | undefined {
  if (prefix === '') return undefined;
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

async function isUnused(dir: string): Promise<boolean> {
  const names = await readdir(dir);
  return !names.some((name) => /^(CURRENT|MANIFEST-.*|.*\.(ldb|sst|log))$/.test(name));
}

/**
 * LevelDB refuses an index without a table that it needs, and deletes those that it does not: a kill leaves some, written
 * in part.
 */
async function hideUnsound(dir: string, log: Logger): Promise<void> {
  try {
    const tables = await unsoundTables(dir);
    if (tables.length > 0) log.info({ dir, tables }, 'tables of the index are not sound');
    for (const name of tables) await rename(join(dir, name), join(dir, name + UNSOUND));
  } catch (error) {
    throw new AppError('INDEX_FAILED', `the index in ${dir} could not be read`, { cause: error });
  }
}

/** What LevelDB did not miss. A failure is left to the next start: it is litter. */
async function removeHidden(dir: string, log: Logger): Promise<void> {
  try {
    for (const name of await readdir(dir)) {
      if (name.endsWith(UNSOUND)) await rm(join(dir, name), { force: true });
    }
  } catch (error) {
    log.warn({ err: error, dir }, 'tables that are not needed were not removed');
  }
}

async function openDatabase(openLevel: OpenLevel, dir: string, createIfMissing: boolean): Promise<LevelDatabase> {
  try {
    return await openLevel(dir, { createIfMissing });
  } catch (error) {
    const code = levelCode(error);
    if (code === 'LEVEL_LOCKED') {
      throw new AppError('DIRECTORY_IN_USE', `${dir} is in use by another process`, { cause: error });
    }
    if (isDamage(error) || code === 'LEVEL_INVALID' || !(await hasManifest(dir))) throw corrupt(dir, error);
    throw new AppError('INDEX_FAILED', `the index in ${dir} could not be opened`, { cause: error });
  }
}

/** Whether CURRENT is there and names a file that is there. */
async function hasManifest(dir: string): Promise<boolean> {
  const names = await readdir(dir);
  if (!names.includes('CURRENT')) return false;
  const current = await readFile(join(dir, 'CURRENT'), 'latin1');
  return names.includes(current.trim());
}

const corrupt = (dir: string, cause: unknown): AppError =>
  new AppError('INDEX_CORRUPT', `the index in ${dir} is damaged`, { cause });

const closed = (): AppError => new AppError('INDEX_FAILED', 'the index is closed');

async function probeSpace(path: string): Promise<void> {
  try {
    const file = await open(path, 'w');
    try {
      await file.writeFile(PROBE);
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}
