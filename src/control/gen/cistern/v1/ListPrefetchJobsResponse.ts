// Original file: proto/cistern/v1/prefetch.proto

import type { PrefetchJob as _cistern_v1_PrefetchJob, PrefetchJob__Output as _cistern_v1_PrefetchJob__Output } from '../../cistern/v1/PrefetchJob.js';

export interface ListPrefetchJobsResponse {
  'jobs'?: (_cistern_v1_PrefetchJob)[];
  'nextPageToken'?: (string);
}

export interface ListPrefetchJobsResponse__Output {
  'jobs': (_cistern_v1_PrefetchJob__Output)[];
  'nextPageToken': (string);
}
