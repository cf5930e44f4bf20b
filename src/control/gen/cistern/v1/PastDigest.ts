// Original file: proto/cistern/v1/contents.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface PastDigest {
  'digest'?: (string);
  'from'?: (_google_protobuf_Timestamp | null);
  'until'?: (_google_protobuf_Timestamp | null);
  'stored'?: (boolean);
}

export interface PastDigest__Output {
  'digest': (string);
  'from': (_google_protobuf_Timestamp__Output | null);
  'until': (_google_protobuf_Timestamp__Output | null);
  'stored': (boolean);
}
