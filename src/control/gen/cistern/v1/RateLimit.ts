// Original file: proto/cistern/v1/upstreams.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Long } from '@grpc/proto-loader';

export interface RateLimit {
  'limit'?: (number | string | Long);
  'remaining'?: (number | string | Long);
  'windowSeconds'?: (number | string | Long);
  'source'?: (string);
  'seenAt'?: (_google_protobuf_Timestamp | null);
  'resetsAt'?: (_google_protobuf_Timestamp | null);
  '_remaining'?: "remaining";
  '_windowSeconds'?: "windowSeconds";
}

export interface RateLimit__Output {
  'limit': (number);
  'remaining'?: (number);
  'windowSeconds'?: (number);
  'source': (string);
  'seenAt': (_google_protobuf_Timestamp__Output | null);
  'resetsAt': (_google_protobuf_Timestamp__Output | null);
  '_remaining'?: "remaining";
  '_windowSeconds'?: "windowSeconds";
}
