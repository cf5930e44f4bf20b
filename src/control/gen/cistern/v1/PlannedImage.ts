// Original file: proto/cistern/v1/prefetch.proto

import type { Long } from '@grpc/proto-loader';

export interface PlannedImage {
  'reference'?: (string);
  'digest'?: (string);
  'platforms'?: (string)[];
  'blobs'?: (number);
  'bytesTotal'?: (number | string | Long);
  'bytesMissing'?: (number | string | Long);
}

export interface PlannedImage__Output {
  'reference': (string);
  'digest': (string);
  'platforms': (string)[];
  'blobs': (number);
  'bytesTotal': (number);
  'bytesMissing': (number);
}
