// Original file: proto/cistern/v1/contents.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Long } from '@grpc/proto-loader';

export interface StoredImage {
  'upstream'?: (string);
  'repository'?: (string);
  'tag'?: (string);
  'digest'?: (string);
  'mediaType'?: (string);
  'platforms'?: (string)[];
  'size'?: (number | string | Long);
  'fetchedAt'?: (_google_protobuf_Timestamp | null);
  'lastPulledAt'?: (_google_protobuf_Timestamp | null);
  'pulls'?: (number | string | Long);
  'pinned'?: (boolean);
  '_tag'?: "tag";
}

export interface StoredImage__Output {
  'upstream': (string);
  'repository': (string);
  'tag'?: (string);
  'digest': (string);
  'mediaType': (string);
  'platforms': (string)[];
  'size': (number);
  'fetchedAt': (_google_protobuf_Timestamp__Output | null);
  'lastPulledAt': (_google_protobuf_Timestamp__Output | null);
  'pulls': (number);
  'pinned': (boolean);
  '_tag'?: "tag";
}
