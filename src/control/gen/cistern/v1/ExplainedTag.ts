// Original file: proto/cistern/v1/contents.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface ExplainedTag {
  'checkedAt'?: (_google_protobuf_Timestamp | null);
  'freshUntil'?: (_google_protobuf_Timestamp | null);
  'servedUntil'?: (_google_protobuf_Timestamp | null);
}

export interface ExplainedTag__Output {
  'checkedAt': (_google_protobuf_Timestamp__Output | null);
  'freshUntil': (_google_protobuf_Timestamp__Output | null);
  'servedUntil': (_google_protobuf_Timestamp__Output | null);
}
