// Original file: proto/cistern/v1/garbage_collection.proto

import type { CollectionPhase as _cistern_v1_CollectionPhase, CollectionPhase__Output as _cistern_v1_CollectionPhase__Output } from '../../cistern/v1/CollectionPhase.js';
import type { CollectionCounts as _cistern_v1_CollectionCounts, CollectionCounts__Output as _cistern_v1_CollectionCounts__Output } from '../../cistern/v1/CollectionCounts.js';

export interface CollectionProgress {
  'phase'?: (_cistern_v1_CollectionPhase);
  'counts'?: (_cistern_v1_CollectionCounts | null);
}

export interface CollectionProgress__Output {
  'phase': (_cistern_v1_CollectionPhase__Output);
  'counts': (_cistern_v1_CollectionCounts__Output | null);
}
