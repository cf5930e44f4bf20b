// Original file: proto/cistern/v1/prefetch.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Long } from '@grpc/proto-loader';

export interface HeldBack {
  'upstream'?: (string);
  'limit'?: (number | string | Long);
  'remaining'?: (number | string | Long);
  'until'?: (_google_protobuf_Timestamp | null);
}

export interface HeldBack__Output {
  'upstream': (string);
  'limit': (number);
  'remaining': (number);
  'until': (_google_protobuf_Timestamp__Output | null);
}
