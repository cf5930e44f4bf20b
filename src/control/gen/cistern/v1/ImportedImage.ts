// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface ImportedImage {
  'reference'?: (string);
  'digest'?: (string);
  'blobs'?: (number | string | Long);
  'bytesAdded'?: (number | string | Long);
  'bytesReused'?: (number | string | Long);
}

export interface ImportedImage__Output {
  'reference': (string);
  'digest': (string);
  'blobs': (number);
  'bytesAdded': (number);
  'bytesReused': (number);
}
