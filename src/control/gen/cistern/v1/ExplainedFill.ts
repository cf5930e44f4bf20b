// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface ExplainedFill {
  'digest'?: (string);
  'upstream'?: (string);
  'repository'?: (string);
  'received'?: (number | string | Long);
  'size'?: (number | string | Long);
  'clients'?: (number);
  'prefetches'?: (number);
  '_size'?: "size";
}

export interface ExplainedFill__Output {
  'digest': (string);
  'upstream': (string);
  'repository': (string);
  'received': (number);
  'size'?: (number);
  'clients': (number);
  'prefetches': (number);
  '_size'?: "size";
}
