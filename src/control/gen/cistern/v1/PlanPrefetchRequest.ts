// Original file: proto/cistern/v1/prefetch.proto

import type { PrefetchSpec as _cistern_v1_PrefetchSpec, PrefetchSpec__Output as _cistern_v1_PrefetchSpec__Output } from '../../cistern/v1/PrefetchSpec.js';

export interface PlanPrefetchRequest {
  'spec'?: (_cistern_v1_PrefetchSpec | null);
}

export interface PlanPrefetchRequest__Output {
  'spec': (_cistern_v1_PrefetchSpec__Output | null);
}
