// Original file: proto/cistern/v1/contents.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface LastAnswer {
  'upstream'?: (string);
  'repository'?: (string);
  'reference'?: (string);
  'method'?: (string);
  'at'?: (_google_protobuf_Timestamp | null);
  'outcome'?: (string);
  'reason'?: (string);
  'meaning'?: (string);
}

export interface LastAnswer__Output {
  'upstream': (string);
  'repository': (string);
  'reference': (string);
  'method': (string);
  'at': (_google_protobuf_Timestamp__Output | null);
  'outcome': (string);
  'reason': (string);
  'meaning': (string);
}
