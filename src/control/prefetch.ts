/**
 * The prefetch service: jobs that bring images here before anybody pulls them. A job belongs to nobody: it outlives the
 * call that made it, and any number of callers watch it.
 */
import type { JobState, PrefetchedImage, Prefetches, PrefetchSpec } from '../cache/prefetch/prefetch.js';
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import { parseImagePattern } from '../oci/image-pattern.js';
import type { Calls } from './calls.js';
import type { JobState__Output } from './gen/cistern/v1/JobState.js';
import type { PrefetchServiceHandlers } from './gen/cistern/v1/PrefetchService.js';
import type { PrefetchSpec__Output } from './gen/cistern/v1/PrefetchSpec.js';
import type { WatchPrefetchJobResponse } from './gen/cistern/v1/WatchPrefetchJobResponse.js';
import { pageRequest, pageTokenOf } from './page.js';
import { changesOf, jobMessage, MAX_LISTED_IMAGES, offlineMessage, withoutLayers } from './prefetch-messages.js';
import { imageOf, imagesOf, inField, invalid, platformChoice } from './requests.js';
import { enumValue } from './values.js';

const JOB_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const satisfies readonly JobState[];

/** How often a watcher is told, at most. */
const WATCH_MS = 200;
const REQUEST_ID = /^[\x21-\x7e]{0,64}$/;

export function prefetchService(prefetches: Prefetches, calls: Calls, clock: Clock): PrefetchServiceHandlers {
  return {
    CreatePrefetchJob: calls.unary(async ({ spec, requestId }) => {
      if (!REQUEST_ID.test(requestId)) throw invalid('request_id', 'expected at most 64 printable ASCII characters');
      const job = await prefetches.create(specOf(spec), requestId === '' ? undefined : requestId);
      return { job: jobMessage(job) };
    }),

    PlanPrefetch: calls.unary(async ({ spec }, signal) => {
      const images = await prefetches.plan(specOf(spec), signal);
      return {
        images: images.map((image) => ({ ...image, platforms: [...image.platforms] })),
        bytesMissing: images.reduce((sum, { bytesMissing }) => sum + bytesMissing, 0),
      };
    }),

    GetPrefetchJob: calls.unary(async ({ id }) => {
      const job = known(await prefetches.get(id), id);
      return { job: jobMessage(job, job.images.slice(0, MAX_LISTED_IMAGES).map(withoutLayers)) };
    }),

    ListPrefetchJobs: calls.unary(async (request) => {
      const { items, next } = await prefetches.list(request.states.map(stateOf), pageRequest(request));
      return { jobs: items.map((job) => jobMessage(job)), nextPageToken: pageTokenOf(next) };
    }),

    WatchPrefetchJob: calls.stream(({ id }, signal) => watch(prefetches, id, clock, signal), { watch: true }),

    CancelPrefetchJob: calls.unary(async ({ id }) => ({ job: jobMessage(known(await prefetches.cancel(id), id)) })),

    CheckOffline: calls.unary(async ({ image, platforms, allPlatforms }, signal) => {
      const choice = platformChoice(platforms, allPlatforms, 'platforms');
      return offlineMessage(await prefetches.offline(imageOf(image), choice, signal));
    }),
  };
}

async function* watch(
  prefetches: Prefetches,
  id: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<WatchPrefetchJobResponse> {
  let sent: readonly PrefetchedImage[] = [];
  for await (const job of known(await prefetches.watch(id, signal), id)) {
    yield* changesOf(job, sent);
    sent = job.images;
    // Meanwhile newer snapshots replace each other.
    if (!isEnded(job.state)) await clock.sleep(WATCH_MS, signal);
  }
}

function specOf(spec: PrefetchSpec__Output | null): PrefetchSpec {
  if (spec === null) throw invalid('spec', 'is required');
  return {
    images: imagesOf(spec.images, 'spec.images', (text, field) => inField(field, () => parseImagePattern(text))),
    platforms: platformChoice(spec.platforms, spec.allPlatforms, 'spec.platforms'),
    attestations: spec.attestations,
    signatures: spec.signatures,
    referrers: spec.referrers,
  };
}

function stateOf(state: JobState__Output, i: number): JobState {
  const found = JOB_STATES.find((name) => enumValue('JOB_STATE', name) === state);
  if (found === undefined) throw invalid(`states[${i}]`, `${state} is no state of a job`);
  return found;
}

function known<T>(found: T | undefined, id: string): T {
  if (found !== undefined) return found;
  throw new AppError('JOB_UNKNOWN', `there is no prefetch job ${JSON.stringify(id.slice(0, 100))}`, { about: id });
}

const isEnded = (state: JobState): boolean => state !== 'queued' && state !== 'running';
