// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface EvictImageResponse {
  'digest'?: (string);
  'blobs'?: (number | string | Long);
  'bytes'?: (number | string | Long);
  'keptBlobs'?: (number | string | Long);
  'keptBytes'?: (number | string | Long);
}

export interface EvictImageResponse__Output {
  'digest': (string);
  'blobs': (number);
  'bytes': (number);
  'keptBlobs': (number);
  'keptBytes': (number);
}
