// Original file: proto/cistern/v1/contents.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface ListImagesRequest {
  'upstream'?: (string);
  'repository'?: (string);
  'untagged'?: (boolean);
  'pulledBefore'?: (_google_protobuf_Timestamp | null);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListImagesRequest__Output {
  'upstream': (string);
  'repository': (string);
  'untagged': (boolean);
  'pulledBefore': (_google_protobuf_Timestamp__Output | null);
  'pageSize': (number);
  'pageToken': (string);
}
