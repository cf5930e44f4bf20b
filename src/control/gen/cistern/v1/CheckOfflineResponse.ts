// Original file: proto/cistern/v1/prefetch.proto

import type { MissingBlob as _cistern_v1_MissingBlob, MissingBlob__Output as _cistern_v1_MissingBlob__Output } from '../../cistern/v1/MissingBlob.js';
import type { Long } from '@grpc/proto-loader';

export interface CheckOfflineResponse {
  'reference'?: (string);
  'digest'?: (string);
  'platforms'?: (string)[];
  'whole'?: (boolean);
  'missing'?: (_cistern_v1_MissingBlob)[];
  'bytesMissing'?: (number | string | Long);
  '_digest'?: "digest";
}

export interface CheckOfflineResponse__Output {
  'reference': (string);
  'digest'?: (string);
  'platforms': (string)[];
  'whole': (boolean);
  'missing': (_cistern_v1_MissingBlob__Output)[];
  'bytesMissing': (number);
  '_digest'?: "digest";
}
