// Original file: proto/cistern/v1/prefetch.proto

import type { PrefetchSpec as _cistern_v1_PrefetchSpec, PrefetchSpec__Output as _cistern_v1_PrefetchSpec__Output } from '../../cistern/v1/PrefetchSpec.js';

export interface CreatePrefetchJobRequest {
  'spec'?: (_cistern_v1_PrefetchSpec | null);
  'requestId'?: (string);
}

export interface CreatePrefetchJobRequest__Output {
  'spec': (_cistern_v1_PrefetchSpec__Output | null);
  'requestId': (string);
}
