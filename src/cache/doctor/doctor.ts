/**
 * Looks closer than health checks do, when an operator asks: is the configuration still good, is there room, is the index
 * well, and can each upstream be pulled from. It changes nothing and keeps nothing; whatever fails is a finding.
 */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import prettyBytes from 'pretty-bytes';
import type { Catalog, CatalogHealth } from '../../catalog/catalog.js';
import { counted } from '../../lib/counted.js';
import { AppError, toAppError } from '../../lib/errors.js';
import {
  stateOf,
  type ConfiguredUpstream,
  type Finding,
  type Upstreams,
  type UpstreamState,
} from './upstream-states.js';
import { examine } from './upstream-examination.js';

const MiB = 1024 * 1024;

/** Less than this is no room to work in, whatever `minFree` says. */
const LEAST_SPACE = 64 * MiB;
const LITTLE_SPACE = 1024 * MiB;

export interface DoctorParts {
  /** As configured at present, in that order. */
  readonly upstreams: () => readonly ConfiguredUpstream[];
  /** Reads the configuration anew: whether it is what is in force. Throws CONFIG_INVALID, a problem a line. */
  readonly config: () => { readonly inForce: boolean };
  readonly dataDir: string;
  /** Bytes. */
  readonly minFree: number;
  /** Bytes free on the file system of the data directory. */
  readonly free: () => Promise<number>;
  readonly catalog: Catalog;
}

export class Doctor implements Upstreams {
  readonly #parts: DoctorParts;

  constructor(parts: DoctorParts) {
    this.#parts = parts;
  }

  list(): Promise<readonly UpstreamState[]> {
    return Promise.resolve(this.#parts.upstreams().map(stateOf));
  }

  async *diagnose(names: readonly string[], signal: AbortSignal): AsyncGenerator<Finding, void, undefined> {
    const upstreams = this.#named(names);
    yield* this.#config();
    yield* this.#disk();
    yield await this.#index();
    for (const { upstream } of upstreams) {
      signal.throwIfAborted();
      yield* examine(upstream, this.#parts.catalog, signal);
    }
  }

  #named(names: readonly string[]): readonly ConfiguredUpstream[] {
    const all = this.#parts.upstreams();
    if (names.length === 0) return all;
    const found = names.map((name) => {
      const one = all.find(({ upstream, aliases }) => upstream.name === name || aliases.includes(name));
      if (!one) throw new AppError('NAME_UNKNOWN', `no upstream is named ${name}`, { about: name });
      return one;
    });
    return [...new Set(found)];
  }

  *#config(): Generator<Finding, void, undefined> {
    const part = 'config';
    const check = 'file';
    try {
      const { inForce } = this.#parts.config();
      yield inForce
        ? { part, check, result: 'ok', message: 'valid, and in force' }
        : {
            part,
            check,
            result: 'warning',
            message: 'valid, but not what is in force: it has changed since it was read',
            advice: 'reload with SIGHUP, or restart the daemon',
          };
    } catch (error) {
      const advice = 'correct it: until then a reload is refused, and a restart would fail';
      for (const message of toAppError(error).message.split('\n'))
        yield { part, check, result: 'failed', message, advice };
    }
  }

  async *#disk(): AsyncGenerator<Finding, void, undefined> {
    const part = 'disk';
    const { minFree, dataDir } = this.#parts;
    const free = await this.#parts.free().catch(toAppError);
    if (typeof free === 'number') {
      const message = `${size(free)} free`;
      const advice = 'make room, or lower storage.maxSize';
      if (free >= LITTLE_SPACE) yield { part, check: 'space', result: 'ok', message };
      else yield { part, check: 'space', result: free < LEAST_SPACE ? 'failed' : 'warning', message, advice };
      yield minFreeFinding(free, minFree);
    } else {
      yield { part, check: 'space', result: 'failed', message: free.message, advice: `look at ${dataDir}` };
    }
    const broken = await writeTrial(join(dataDir, 'doctor-trial'));
    yield broken === undefined
      ? { part, check: 'writable', result: 'ok', message: `${dataDir} takes writes` }
      : {
          part,
          check: 'writable',
          result: 'failed',
          message: `${dataDir}: ${broken}`,
          advice: 'look at its owner, its mount options and the disk itself',
        };
  }

  async #index(): Promise<Finding> {
    const { catalog } = this.#parts;
    const found = { part: 'index', check: 'state' } as const;
    const { result, message, advice } = HEALTH[catalog.health];
    try {
      const { blobs, bytes } = await catalog.stored();
      return { ...found, result, message: `${message}: ${counted(blobs, 'blob')}, ${size(bytes)}`, advice };
    } catch (error) {
      return { ...found, result: 'failed', message: toAppError(error).message, advice: advice ?? 'look at the log' };
    }
  }
}

const HEALTH: Record<CatalogHealth, Pick<Finding, 'result' | 'message' | 'advice'>> = {
  ready: { result: 'ok', message: 'ready' },
  rebuilding: {
    result: 'warning',
    message: 'being rebuilt from the stored blobs',
    advice: 'nothing to do: it serves meanwhile, and nothing is deleted until it is done',
  },
  full: { result: 'failed', message: 'takes no writes for lack of space', advice: 'make room: it recovers by itself' },
  failed: {
    result: 'failed',
    message: 'takes no writes',
    advice: 'look for the cause in the log; it is tried again each second',
  },
};

function minFreeFinding(free: number, minFree: number): Finding {
  const found = { part: 'disk', check: 'min-free' } as const;
  const message = `storage.minFree is ${size(minFree)}`;
  if (free < minFree)
    return {
      ...found,
      result: 'failed',
      message: `${message}: pulls go past the store until more is free`,
      advice: 'make room, or lower storage.minFree',
    };
  if (free < 2 * minFree)
    return {
      ...found,
      result: 'warning',
      message: `${message}, and not twice that is left`,
      advice: 'make room, or lower storage.maxSize so that eviction begins earlier',
    };
  return { ...found, result: 'ok', message };
}

/** Undefined when a file can be written, synced and removed again. */
async function writeTrial(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, 'w', 0o600);
    try {
      await file.writeFile('may be removed\n');
      await file.sync();
    } finally {
      await file.close();
    }
    await rm(path);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const size = (bytes: number): string => prettyBytes(bytes, { binary: true });
