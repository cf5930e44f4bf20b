// Original file: proto/cistern/v1/prefetch.proto

import type { MissingReason as _cistern_v1_MissingReason, MissingReason__Output as _cistern_v1_MissingReason__Output } from '../../cistern/v1/MissingReason.js';
import type { Long } from '@grpc/proto-loader';

export interface MissingBlob {
  'digest'?: (string);
  'size'?: (number | string | Long);
  'mediaType'?: (string);
  'why'?: (_cistern_v1_MissingReason);
  '_size'?: "size";
}

export interface MissingBlob__Output {
  'digest': (string);
  'size'?: (number);
  'mediaType': (string);
  'why': (_cistern_v1_MissingReason__Output);
  '_size'?: "size";
}
