/**
 * Prefetch jobs as they are kept. A job's head is one record, each of its images another, and what an image consists of a
 * third, so that a list of jobs reads little and progress rewrites only what moved. Every change is one turn.
 */
import { AppError } from '../lib/errors.js';
import type { Catalog } from './catalog.js';
import { keys, prefixes } from './keys.js';
import type { JobBlobRecord, JobImageRecord, JobRecord } from './records.js';
import type { Transaction } from './transaction.js';

export interface JobImage {
  readonly number: number;
  readonly record: JobImageRecord;
  readonly blobs: readonly JobBlobRecord[];
}

export const hasEnded = ({ state }: Pick<JobRecord, 'state'>): boolean => state !== 'queued' && state !== 'running';

/** Ended jobs that are kept to be looked at. */
const KEPT = 200;
/** Jobs that have not ended. */
const MOST = 100;

export class Jobs {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /**
   * Writes a new job, or finds the one that `same` recognises. A job that its request id made before is given back; throws
   * REQUEST_ID_REUSED if it is not the same, OVERLOADED when there are too many. The oldest ended ones make room.
   */
  create(job: JobRecord, isSame: (known: JobRecord) => boolean): Promise<JobRecord> {
    const { requestId } = job;
    return this.#catalog.turn(async (tx) => {
      const jobs = await all(tx);
      if (requestId !== undefined) {
        const made = await tx.get(keys.jobRequest(requestId));
        const known = jobs.find(({ id }) => id === made);
        if (known && isSame(known)) return known;
        if (known) {
          const shown = JSON.stringify(requestId.slice(0, 100));
          const message = `request id ${shown} was used for another prefetch`;
          throw new AppError('REQUEST_ID_REUSED', message, { about: known.id });
        }
        tx.put(keys.jobRequest(requestId), job.id);
      }
      if (jobs.filter((each) => !hasEnded(each)).length >= MOST) {
        throw new AppError('OVERLOADED', `there are ${MOST} prefetch jobs that have not ended`);
      }
      const ended = jobs.filter(hasEnded).sort((a, b) => (b.finishedAt ?? 0) - (a.finishedAt ?? 0));
      for (const old of ended.slice(KEPT - 1)) await remove(tx, old);
      tx.put(keys.job(job.id), job);
      return job;
    });
  }

  /** Every job, the newest first. */
  list(): Promise<readonly JobRecord[]> {
    return this.#catalog.turn(all);
  }

  get(id: string): Promise<JobRecord | undefined> {
    return this.#catalog.turn((tx) => tx.get(keys.job(id)));
  }

  /** Its images in order, without what they consist of. */
  images(id: string): Promise<readonly JobImageRecord[]> {
    return this.#catalog.turn((tx) => values(tx.scan(prefixes.jobImages(id))));
  }

  /** What its images consist of, in the same order. */
  blobs(id: string): Promise<readonly (readonly JobBlobRecord[])[]> {
    return this.#catalog.turn((tx) => values(tx.scan(prefixes.jobBlobs(id))));
  }

  /** The head and some images, together. */
  save(job: JobRecord, images: readonly JobImage[]): Promise<void> {
    return this.#catalog.turn((tx) => {
      tx.put(keys.job(job.id), job);
      for (const { number, record, blobs } of images) {
        tx.put(keys.jobImage(job.id, number), record);
        tx.put(keys.jobBlobs(job.id, number), blobs);
      }
    });
  }
}

async function all(tx: Transaction): Promise<readonly JobRecord[]> {
  // They come in the order of their names, which those of one moment keep.
  const jobs = await values(tx.scan(prefixes.jobs));
  return jobs.reverse().sort((a, b) => b.createdAt - a.createdAt);
}

async function remove(tx: Transaction, { id, requestId }: JobRecord): Promise<void> {
  tx.delete(keys.job(id));
  await tx.deleteAll(prefixes.jobImages(id));
  await tx.deleteAll(prefixes.jobBlobs(id));
  if (requestId !== undefined) tx.delete(keys.jobRequest(requestId));
}

async function values<T>(entries: AsyncIterable<readonly [string, T]>): Promise<T[]> {
  const found: T[] = [];
  for await (const [, value] of entries) found.push(value);
  return found;
}
