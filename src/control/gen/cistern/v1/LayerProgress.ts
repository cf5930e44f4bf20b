// Original file: proto/cistern/v1/prefetch.proto

import type { JobState as _cistern_v1_JobState, JobState__Output as _cistern_v1_JobState__Output } from '../../cistern/v1/JobState.js';
import type { Long } from '@grpc/proto-loader';

export interface LayerProgress {
  'digest'?: (string);
  'size'?: (number | string | Long);
  'received'?: (number | string | Long);
  'state'?: (_cistern_v1_JobState);
}

export interface LayerProgress__Output {
  'digest': (string);
  'size': (number);
  'received': (number);
  'state': (_cistern_v1_JobState__Output);
}
