// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface GetDiskUsageResponse {
  'blobs'?: (number | string | Long);
  'bytes'?: (number | string | Long);
  'maxBytes'?: (number | string | Long);
  'images'?: (number | string | Long);
  'sharedBytes'?: (number | string | Long);
  'uniqueBytes'?: (number | string | Long);
  'reclaimableBytes'?: (number | string | Long);
  'spoolBytes'?: (number | string | Long);
  'quarantinedBytes'?: (number | string | Long);
  'freeBytes'?: (number | string | Long);
}

export interface GetDiskUsageResponse__Output {
  'blobs': (number);
  'bytes': (number);
  'maxBytes': (number);
  'images': (number);
  'sharedBytes': (number);
  'uniqueBytes': (number);
  'reclaimableBytes': (number);
  'spoolBytes': (number);
  'quarantinedBytes': (number);
  'freeBytes': (number);
}
