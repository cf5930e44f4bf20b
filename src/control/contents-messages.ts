/** Images and what is known of them as messages. */
import type { InspectedImage, InspectedPlatform, StoredImage, VerifyEvent } from '../cache/contents/contents.js';
import type { InspectedPlatform as PlatformMessage } from './gen/cistern/v1/InspectedPlatform.js';
import type { InspectImageResponse } from './gen/cistern/v1/InspectImageResponse.js';
import type { StoredImage as ImageMessage } from './gen/cistern/v1/StoredImage.js';
import type { VerifyResponse } from './gen/cistern/v1/VerifyResponse.js';
import { enumValue, timestampOf } from './values.js';

export function imageMessage(image: StoredImage): ImageMessage {
  const { upstream, repository, tag, digest, mediaType, platforms, size, fetchedAt, lastPulledAt, pulls, pinned } =
    image;
  return {
    upstream,
    repository,
    ...(tag !== undefined && { tag }),
    digest,
    mediaType,
    platforms: [...platforms],
    size,
    fetchedAt: timestampOf(fetchedAt),
    lastPulledAt: timestampOf(lastPulledAt),
    pulls,
    pinned,
  };
}

export const inspectionMessage = (image: InspectedImage): InspectImageResponse => ({
  image: imageMessage(image),
  checkedAt: timestampOf(image.checkedAt),
  annotations: { ...image.annotations },
  platforms: image.images.map(platformMessage),
  referrers: image.referrers.map((referrer) => ({ ...referrer })),
  past: image.past.map(({ from, until, ...past }) => ({ ...past, from: timestampOf(from), until: timestampOf(until) })),
});

const platformMessage = ({ createdAt, labels, layers, history, ...platform }: InspectedPlatform): PlatformMessage => ({
  ...platform,
  createdAt: timestampOf(createdAt),
  labels: { ...labels },
  layers: layers.map(({ sharedWith, ...layer }) => ({ ...layer, sharedWith: [...sharedWith] })),
  history: history.map(({ createdAt: at, layer, ...entry }) => ({
    ...entry,
    createdAt: timestampOf(at),
    ...(layer !== undefined && { layer }),
  })),
});

export function verifyMessage(event: VerifyEvent): VerifyResponse {
  switch (event.kind) {
    case 'progress':
      return { progress: { ...event.counts, totalBlobs: event.totalBlobs, totalBytes: event.totalBytes } };
    case 'corrupt': {
      const { digest, action, message = '' } = event.blob;
      return { corrupt: { digest, action: enumValue('CORRUPT_ACTION', action), message } };
    }
    case 'done':
      return { report: { ...event.counts, durationMs: Math.round(event.durationMs) } };
  }
}
