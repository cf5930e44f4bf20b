// Original file: proto/cistern/v1/upstreams.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface UpstreamCredential {
  'about'?: (string);
  'validUntil'?: (_google_protobuf_Timestamp | null);
  'failure'?: (string);
}

export interface UpstreamCredential__Output {
  'about': (string);
  'validUntil': (_google_protobuf_Timestamp__Output | null);
  'failure': (string);
}
