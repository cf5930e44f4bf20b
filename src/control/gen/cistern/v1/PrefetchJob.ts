// Original file: proto/cistern/v1/prefetch.proto

import type { PrefetchSpec as _cistern_v1_PrefetchSpec, PrefetchSpec__Output as _cistern_v1_PrefetchSpec__Output } from '../../cistern/v1/PrefetchSpec.js';
import type { JobOrigin as _cistern_v1_JobOrigin, JobOrigin__Output as _cistern_v1_JobOrigin__Output } from '../../cistern/v1/JobOrigin.js';
import type { JobState as _cistern_v1_JobState, JobState__Output as _cistern_v1_JobState__Output } from '../../cistern/v1/JobState.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { PrefetchedImage as _cistern_v1_PrefetchedImage, PrefetchedImage__Output as _cistern_v1_PrefetchedImage__Output } from '../../cistern/v1/PrefetchedImage.js';
import type { HeldBack as _cistern_v1_HeldBack, HeldBack__Output as _cistern_v1_HeldBack__Output } from '../../cistern/v1/HeldBack.js';
import type { JobError as _cistern_v1_JobError, JobError__Output as _cistern_v1_JobError__Output } from '../../cistern/v1/JobError.js';

export interface PrefetchJob {
  'id'?: (string);
  'spec'?: (_cistern_v1_PrefetchSpec | null);
  'origin'?: (_cistern_v1_JobOrigin);
  'state'?: (_cistern_v1_JobState);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'startedAt'?: (_google_protobuf_Timestamp | null);
  'finishedAt'?: (_google_protobuf_Timestamp | null);
  'imageCount'?: (number);
  'images'?: (_cistern_v1_PrefetchedImage)[];
  'heldBack'?: (_cistern_v1_HeldBack | null);
  'error'?: (_cistern_v1_JobError | null);
}

export interface PrefetchJob__Output {
  'id': (string);
  'spec': (_cistern_v1_PrefetchSpec__Output | null);
  'origin': (_cistern_v1_JobOrigin__Output);
  'state': (_cistern_v1_JobState__Output);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'startedAt': (_google_protobuf_Timestamp__Output | null);
  'finishedAt': (_google_protobuf_Timestamp__Output | null);
  'imageCount': (number);
  'images': (_cistern_v1_PrefetchedImage__Output)[];
  'heldBack': (_cistern_v1_HeldBack__Output | null);
  'error': (_cistern_v1_JobError__Output | null);
}
