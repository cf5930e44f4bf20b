/**
 * A counter kept twice, in the index and in a marker file beside it, to notice an index that is not the one this directory
 * had: lost (LevelDB opens an empty one and says nothing), or an old copy put back. It is raised in the index first, so a
 * crash between the two leaves the index ahead, never behind.
 */
import { readFile } from 'node:fs/promises';
import { AppError, systemCode } from '../lib/errors.js';
import type { MetadataStore } from '../metadata/metadata-store.js';
import { writeAtomically } from './atomic-file.js';
import { keys } from './keys.js';
import type { EpochRecord } from './records.js';

/** Of the keys and values. An index of another format is rebuilt. 2: it holds the total of what is stored. */
const FORMAT = 2;

export class Epoch {
  readonly #file: string;
  #current: number;

  private constructor(file: string, current: number) {
    this.#file = file;
    this.#current = current;
  }

  /** A marker that is missing or unreadable proves nothing against an index. */
  static async open(file: string): Promise<Epoch> {
    return new Epoch(file, await readMarker(file));
  }

  /** Throws AppError INDEX_CORRUPT when the index is older than the marker, has no epoch, or is of another format. */
  async check(store: MetadataStore): Promise<void> {
    const record = await readRecord(store);
    if (record?.format === FORMAT && record.epoch >= this.#current) return;
    const found = record ? `epoch ${record.epoch}, format ${record.format}` : 'no epoch';
    throw new AppError(
      'INDEX_CORRUPT',
      `the index is not the last one: it has ${found}; expected epoch ${this.#current}`,
    );
  }

  async raise(store: MetadataStore): Promise<void> {
    const epoch = Math.max(this.#current, (await readRecord(store))?.epoch ?? 0) + 1;
    const record: EpochRecord = { epoch, format: FORMAT };
    await store.write([{ type: 'put', key: keys.epoch, value: JSON.stringify(record) }]);
    await writeAtomically(this.#file, [`${epoch}\n`]);
    this.#current = epoch;
  }
}

async function readRecord(store: MetadataStore): Promise<EpochRecord | undefined> {
  const text = await store.get(keys.epoch);
  return text === undefined ? undefined : (JSON.parse(text) as EpochRecord);
}

async function readMarker(file: string): Promise<number> {
  try {
    const text = await readFile(file, 'utf8');
    return /^\d{1,15}\n$/.test(text) ? Number(text) : 0;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw new AppError('INDEX_FAILED', `${file} could not be read`, { cause: error });
  }
}
