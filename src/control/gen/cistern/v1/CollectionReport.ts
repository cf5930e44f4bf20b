// Original file: proto/cistern/v1/garbage_collection.proto

import type { CollectionTrigger as _cistern_v1_CollectionTrigger, CollectionTrigger__Output as _cistern_v1_CollectionTrigger__Output } from '../../cistern/v1/CollectionTrigger.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { CollectionCounts as _cistern_v1_CollectionCounts, CollectionCounts__Output as _cistern_v1_CollectionCounts__Output } from '../../cistern/v1/CollectionCounts.js';
import type { Long } from '@grpc/proto-loader';

export interface CollectionReport {
  'dryRun'?: (boolean);
  'trigger'?: (_cistern_v1_CollectionTrigger);
  'startedAt'?: (_google_protobuf_Timestamp | null);
  'durationMs'?: (number | string | Long);
  'counts'?: (_cistern_v1_CollectionCounts | null);
  'images'?: (number | string | Long);
}

export interface CollectionReport__Output {
  'dryRun': (boolean);
  'trigger': (_cistern_v1_CollectionTrigger__Output);
  'startedAt': (_google_protobuf_Timestamp__Output | null);
  'durationMs': (number);
  'counts': (_cistern_v1_CollectionCounts__Output | null);
  'images': (number);
}
