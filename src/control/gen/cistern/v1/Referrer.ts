// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface Referrer {
  'digest'?: (string);
  'artifactType'?: (string);
  'size'?: (number | string | Long);
}

export interface Referrer__Output {
  'digest': (string);
  'artifactType': (string);
  'size': (number);
}
