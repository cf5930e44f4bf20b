// Original file: proto/cistern/v1/prefetch.proto

import type { PrefetchJob as _cistern_v1_PrefetchJob, PrefetchJob__Output as _cistern_v1_PrefetchJob__Output } from '../../cistern/v1/PrefetchJob.js';

export interface GetPrefetchJobResponse {
  'job'?: (_cistern_v1_PrefetchJob | null);
}

export interface GetPrefetchJobResponse__Output {
  'job': (_cistern_v1_PrefetchJob__Output | null);
}
