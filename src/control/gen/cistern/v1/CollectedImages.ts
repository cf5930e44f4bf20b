// Original file: proto/cistern/v1/garbage_collection.proto

import type { CollectedImage as _cistern_v1_CollectedImage, CollectedImage__Output as _cistern_v1_CollectedImage__Output } from '../../cistern/v1/CollectedImage.js';

export interface CollectedImages {
  'images'?: (_cistern_v1_CollectedImage)[];
}

export interface CollectedImages__Output {
  'images': (_cistern_v1_CollectedImage__Output)[];
}
