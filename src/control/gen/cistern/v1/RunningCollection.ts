// Original file: proto/cistern/v1/garbage_collection.proto

import type { CollectionTrigger as _cistern_v1_CollectionTrigger, CollectionTrigger__Output as _cistern_v1_CollectionTrigger__Output } from '../../cistern/v1/CollectionTrigger.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface RunningCollection {
  'trigger'?: (_cistern_v1_CollectionTrigger);
  'dryRun'?: (boolean);
  'startedAt'?: (_google_protobuf_Timestamp | null);
}

export interface RunningCollection__Output {
  'trigger': (_cistern_v1_CollectionTrigger__Output);
  'dryRun': (boolean);
  'startedAt': (_google_protobuf_Timestamp__Output | null);
}
