// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface VerifyProgress {
  'checked'?: (number | string | Long);
  'bytes'?: (number | string | Long);
  'totalBlobs'?: (number | string | Long);
  'totalBytes'?: (number | string | Long);
}

export interface VerifyProgress__Output {
  'checked': (number);
  'bytes': (number);
  'totalBlobs': (number);
  'totalBytes': (number);
}
