// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface VerifyReport {
  'checked'?: (number | string | Long);
  'bytes'?: (number | string | Long);
  'durationMs'?: (number | string | Long);
}

export interface VerifyReport__Output {
  'checked': (number);
  'bytes': (number);
  'durationMs': (number);
}
