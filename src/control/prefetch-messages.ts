/** Prefetch jobs as messages, none of which grows with the job: long lists are cut or sent in parts. */
import type {
  MissingBlob,
  OfflineReport,
  PrefetchedImage,
  PrefetchJob,
  PrefetchSpec,
} from '../cache/prefetch/prefetch.js';
import { formatImagePattern } from '../oci/image-pattern.js';
import type { CheckOfflineResponse } from './gen/cistern/v1/CheckOfflineResponse.js';
import type { MissingBlob as MissingMessage } from './gen/cistern/v1/MissingBlob.js';
import type { PrefetchedImage as ImageMessage } from './gen/cistern/v1/PrefetchedImage.js';
import type { PrefetchJob as JobMessage } from './gen/cistern/v1/PrefetchJob.js';
import type { WatchPrefetchJobResponse } from './gen/cistern/v1/WatchPrefetchJobResponse.js';
import { enumValue, timestampOf } from './values.js';

/** Of images in an answer that cannot be sent in parts. */
export const MAX_LISTED_IMAGES = 1000;
/** Of missing blobs; whoever lacks more knows enough. */
const MAX_MISSING = 1000;
/** Of an image's layers in a message. */
const MAX_LAYERS = 5000;
/** Images and layers in a message, about 100 bytes each. */
const MAX_ENTRIES = 2000;

export function jobMessage(job: PrefetchJob, images: ImageMessage[] = []): JobMessage {
  const { heldBack, error } = job;
  return {
    id: job.id,
    spec: specMessage(job.spec),
    origin: enumValue('JOB_ORIGIN', job.origin),
    state: enumValue('JOB_STATE', job.state),
    createdAt: timestampOf(job.createdAt),
    startedAt: timestampOf(job.startedAt),
    finishedAt: timestampOf(job.finishedAt),
    imageCount: job.images.length,
    images,
    heldBack: heldBack === undefined ? null : { ...heldBack, until: timestampOf(heldBack.until) },
    error: error ?? null,
  };
}

const specMessage = ({ images, platforms, ...rest }: PrefetchSpec) => ({
  ...rest,
  images: images.map(formatImagePattern),
  platforms: [...platforms.platforms],
  allPlatforms: platforms.all,
});

function imageMessage(image: PrefetchedImage, index: number): ImageMessage {
  const { digest, error, platforms, state, layers, ...rest } = image;
  return {
    ...rest,
    index,
    ...(digest !== undefined && { digest }),
    platforms: [...platforms],
    state: enumValue('JOB_STATE', state),
    layers: layers.slice(0, MAX_LAYERS).map((layer) => ({ ...layer, state: enumValue('JOB_STATE', layer.state) })),
    error: error ?? null,
  };
}

export const withoutLayers = (image: PrefetchedImage, index: number): ImageMessage =>
  imageMessage({ ...image, layers: [] }, index);

/** The job, with the images that are not the very objects of `sent`, in as many messages as it takes; at least one. */
export function* changesOf(
  job: PrefetchJob,
  sent: readonly PrefetchedImage[],
): Generator<WatchPrefetchJobResponse, void, undefined> {
  let part: ImageMessage[] = [];
  let entries = 0;
  for (const [index, image] of job.images.entries()) {
    if (image === sent[index]) continue;
    const size = 1 + Math.min(image.layers.length, MAX_LAYERS);
    if (part.length > 0 && entries + size > MAX_ENTRIES) {
      yield { job: jobMessage(job, part), more: true };
      part = [];
      entries = 0;
    }
    part.push(imageMessage(image, index));
    entries += size;
  }
  yield { job: jobMessage(job, part), more: false };
}

export const missingMessage = ({ digest, mediaType, size, why }: MissingBlob): MissingMessage => ({
  digest,
  mediaType,
  ...(size !== undefined && { size }),
  why: enumValue('MISSING_REASON', why),
});

export function offlineMessage({ digest, platforms, missing, ...rest }: OfflineReport): CheckOfflineResponse {
  return {
    ...rest,
    ...(digest !== undefined && { digest }),
    platforms: [...platforms],
    missing: missing.slice(0, MAX_MISSING).map(missingMessage),
    bytesMissing: missing.reduce((sum, { size = 0 }) => sum + size, 0),
  };
}
