// Original file: proto/cistern/v1/garbage_collection.proto

import type { RunningCollection as _cistern_v1_RunningCollection, RunningCollection__Output as _cistern_v1_RunningCollection__Output } from '../../cistern/v1/RunningCollection.js';
import type { CollectionReport as _cistern_v1_CollectionReport, CollectionReport__Output as _cistern_v1_CollectionReport__Output } from '../../cistern/v1/CollectionReport.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface GetCollectorStateResponse {
  'running'?: (_cistern_v1_RunningCollection | null);
  'last'?: (_cistern_v1_CollectionReport | null);
  'nextAt'?: (_google_protobuf_Timestamp | null);
}

export interface GetCollectorStateResponse__Output {
  'running': (_cistern_v1_RunningCollection__Output | null);
  'last': (_cistern_v1_CollectionReport__Output | null);
  'nextAt': (_google_protobuf_Timestamp__Output | null);
}
