// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface VerifyRequest {
  'image'?: (string);
  'digest'?: (string);
  'rate'?: (number | string | Long);
  'target'?: "image"|"digest";
}

export interface VerifyRequest__Output {
  'image'?: (string);
  'digest'?: (string);
  'rate': (number);
  'target'?: "image"|"digest";
}
