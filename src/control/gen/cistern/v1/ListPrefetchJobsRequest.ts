// Original file: proto/cistern/v1/prefetch.proto

import type { JobState as _cistern_v1_JobState, JobState__Output as _cistern_v1_JobState__Output } from '../../cistern/v1/JobState.js';

export interface ListPrefetchJobsRequest {
  'states'?: (_cistern_v1_JobState)[];
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListPrefetchJobsRequest__Output {
  'states': (_cistern_v1_JobState__Output)[];
  'pageSize': (number);
  'pageToken': (string);
}
