// Original file: proto/cistern/v1/garbage_collection.proto

import type { CollectionReason as _cistern_v1_CollectionReason, CollectionReason__Output as _cistern_v1_CollectionReason__Output } from '../../cistern/v1/CollectionReason.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Long } from '@grpc/proto-loader';

export interface CollectedImage {
  'reference'?: (string);
  'digest'?: (string);
  'reason'?: (_cistern_v1_CollectionReason);
  'bytes'?: (number | string | Long);
  'lastPulledAt'?: (_google_protobuf_Timestamp | null);
}

export interface CollectedImage__Output {
  'reference': (string);
  'digest': (string);
  'reason': (_cistern_v1_CollectionReason__Output);
  'bytes': (number);
  'lastPulledAt': (_google_protobuf_Timestamp__Output | null);
}
