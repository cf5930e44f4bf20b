/**
 * What a blob directory holds, for the rebuild of a lost index: every blob's size, and what each manifest refers to.
 * The walk runs in a worker with synchronous reads, several times as fast as asynchronous ones, and the daemon goes on
 * serving meanwhile. Nothing is hashed again. Pages are asked for one ahead, so a slow consumer bounds the memory. Each is
 * all of a range of digests, so that what is not in it is known not to be stored.
 */
import type { Worker } from 'node:worker_threads';
import { AppError } from '../lib/errors.js';
import type { Digest } from '../oci/digest.js';
import { startWorker } from '../lib/start-worker.js';

export interface SurveyedBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Undefined for what is no manifest. */
  readonly manifest?: {
    readonly mediaType: string;
    readonly children: readonly Digest[];
    readonly subject?: Digest;
  };
}

/** All that is stored whose digest begins with `prefix`. */
export interface SurveyPage {
  readonly prefix: string;
  readonly blobs: readonly SurveyedBlob[];
}

/** From the worker, as JSON: a page, or the end; it sends one for each message it gets. */
export type SurveyMessage = SurveyPage | 'end';

/** The pages' prefixes make up all digests. Ends early only by throwing AppError STORE_FAILED. Blobs that come or go meanwhile may be missed or be gone. */
export async function* survey(blobsDir: string): AsyncGenerator<SurveyPage, undefined> {
  const worker = startWorker(import.meta.url, 'survey-worker', blobsDir);
  try {
    let ahead = nextPage(worker);
    for (;;) {
      const page = await ahead;
      if (page === 'end') return;
      ahead = nextPage(worker);
      // The consumer may leave before it is awaited.
      ahead.catch(() => undefined);
      yield page;
    }
  } finally {
    await worker.terminate();
  }
}

function nextPage(worker: Worker): Promise<SurveyMessage> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) => {
      reject(new AppError('STORE_FAILED', 'the stored blobs cannot be surveyed', { cause }));
    };
    const settle = (message: string) => {
      worker.off('error', failed).off('exit', failed);
      resolve(JSON.parse(message) as SurveyMessage);
    };
    worker.once('message', settle).once('error', failed).once('exit', failed);
    worker.postMessage('next');
  });
}
