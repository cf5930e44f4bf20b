// Original file: proto/cistern/v1/prefetch.proto

import type { JobState as _cistern_v1_JobState, JobState__Output as _cistern_v1_JobState__Output } from '../../cistern/v1/JobState.js';
import type { LayerProgress as _cistern_v1_LayerProgress, LayerProgress__Output as _cistern_v1_LayerProgress__Output } from '../../cistern/v1/LayerProgress.js';
import type { JobError as _cistern_v1_JobError, JobError__Output as _cistern_v1_JobError__Output } from '../../cistern/v1/JobError.js';
import type { Long } from '@grpc/proto-loader';

export interface PrefetchedImage {
  'index'?: (number);
  'reference'?: (string);
  'digest'?: (string);
  'platforms'?: (string)[];
  'state'?: (_cistern_v1_JobState);
  'blobs'?: (number);
  'bytesTotal'?: (number | string | Long);
  'bytesFetched'?: (number | string | Long);
  'bytesReused'?: (number | string | Long);
  'layers'?: (_cistern_v1_LayerProgress)[];
  'error'?: (_cistern_v1_JobError | null);
  '_digest'?: "digest";
}

export interface PrefetchedImage__Output {
  'index': (number);
  'reference': (string);
  'digest'?: (string);
  'platforms': (string)[];
  'state': (_cistern_v1_JobState__Output);
  'blobs': (number);
  'bytesTotal': (number);
  'bytesFetched': (number);
  'bytesReused': (number);
  'layers': (_cistern_v1_LayerProgress__Output)[];
  'error': (_cistern_v1_JobError__Output | null);
  '_digest'?: "digest";
}
