// Original file: proto/cistern/v1/prefetch.proto

import type { PlannedImage as _cistern_v1_PlannedImage, PlannedImage__Output as _cistern_v1_PlannedImage__Output } from '../../cistern/v1/PlannedImage.js';
import type { Long } from '@grpc/proto-loader';

export interface PlanPrefetchResponse {
  'images'?: (_cistern_v1_PlannedImage)[];
  'bytesMissing'?: (number | string | Long);
}

export interface PlanPrefetchResponse__Output {
  'images': (_cistern_v1_PlannedImage__Output)[];
  'bytesMissing': (number);
}
