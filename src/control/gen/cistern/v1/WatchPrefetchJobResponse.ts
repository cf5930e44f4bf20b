// Original file: proto/cistern/v1/prefetch.proto

import type { PrefetchJob as _cistern_v1_PrefetchJob, PrefetchJob__Output as _cistern_v1_PrefetchJob__Output } from '../../cistern/v1/PrefetchJob.js';

export interface WatchPrefetchJobResponse {
  'job'?: (_cistern_v1_PrefetchJob | null);
  'more'?: (boolean);
}

export interface WatchPrefetchJobResponse__Output {
  'job': (_cistern_v1_PrefetchJob__Output | null);
  'more': (boolean);
}
