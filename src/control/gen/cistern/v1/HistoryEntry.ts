// Original file: proto/cistern/v1/contents.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Long } from '@grpc/proto-loader';

export interface HistoryEntry {
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'createdBy'?: (string);
  'comment'?: (string);
  'emptyLayer'?: (boolean);
  'layer'?: (string);
  'size'?: (number | string | Long);
  '_layer'?: "layer";
}

export interface HistoryEntry__Output {
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'createdBy': (string);
  'comment': (string);
  'emptyLayer': (boolean);
  'layer'?: (string);
  'size': (number);
  '_layer'?: "layer";
}
