/**
 * What a blob directory holds, for the rebuild of a lost index: every blob's size, and what each manifest refers to.
 * The walk runs in a worker with synchronous reads, several times as fast as asynchronous ones, and the daemon goes on
 * serving meanwhile. Nothing is hashed again. Few pages are asked for ahead, so a slow consumer bounds the memory. Each is
 * all of a range of digests, so that what is not in it is known not to be stored.
 */
import { on } from 'node:events';
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

/** Pages asked for before they are needed. */
const AHEAD = 3;

/** The pages' prefixes make up all digests. Ends early only by throwing AppError STORE_FAILED. Blobs that come or go meanwhile may be missed or be gone. */
export async function* survey(blobsDir: string): AsyncGenerator<SurveyPage, undefined> {
  const worker = startWorker(import.meta.url, 'survey-worker', blobsDir);
  // Also once the loop below is left: an error that nobody listens to would end the daemon.
  worker.on('error', () => undefined);
  try {
    for (let asked = 0; asked < AHEAD; asked++) worker.postMessage('next');
    for await (const [message] of on(worker, 'message', { close: ['exit'] }) as AsyncIterable<[string]>) {
      worker.postMessage('next');
      const page = JSON.parse(message) as SurveyMessage;
      if (page === 'end') return;
      yield page;
    }
    throw new Error('its thread has ended');
  } catch (cause) {
    throw new AppError('STORE_FAILED', 'the stored blobs cannot be surveyed', { cause });
  } finally {
    await worker.terminate();
  }
}
