// Original file: proto/cistern/v1/garbage_collection.proto

import type { CollectionProgress as _cistern_v1_CollectionProgress, CollectionProgress__Output as _cistern_v1_CollectionProgress__Output } from '../../cistern/v1/CollectionProgress.js';
import type { CollectedImages as _cistern_v1_CollectedImages, CollectedImages__Output as _cistern_v1_CollectedImages__Output } from '../../cistern/v1/CollectedImages.js';
import type { CollectionReport as _cistern_v1_CollectionReport, CollectionReport__Output as _cistern_v1_CollectionReport__Output } from '../../cistern/v1/CollectionReport.js';

export interface CollectGarbageResponse {
  'progress'?: (_cistern_v1_CollectionProgress | null);
  'images'?: (_cistern_v1_CollectedImages | null);
  'report'?: (_cistern_v1_CollectionReport | null);
  'event'?: "progress"|"images"|"report";
}

export interface CollectGarbageResponse__Output {
  'progress'?: (_cistern_v1_CollectionProgress__Output | null);
  'images'?: (_cistern_v1_CollectedImages__Output | null);
  'report'?: (_cistern_v1_CollectionReport__Output | null);
  'event'?: "progress"|"images"|"report";
}
