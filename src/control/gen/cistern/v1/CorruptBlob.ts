// Original file: proto/cistern/v1/contents.proto

import type { CorruptAction as _cistern_v1_CorruptAction, CorruptAction__Output as _cistern_v1_CorruptAction__Output } from '../../cistern/v1/CorruptAction.js';

export interface CorruptBlob {
  'digest'?: (string);
  'action'?: (_cistern_v1_CorruptAction);
  'message'?: (string);
}

export interface CorruptBlob__Output {
  'digest': (string);
  'action': (_cistern_v1_CorruptAction__Output);
  'message': (string);
}
