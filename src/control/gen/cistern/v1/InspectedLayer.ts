// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface InspectedLayer {
  'digest'?: (string);
  'mediaType'?: (string);
  'size'?: (number | string | Long);
  'stored'?: (boolean);
  'sharedWith'?: (string)[];
  'sharedCount'?: (number);
}

export interface InspectedLayer__Output {
  'digest': (string);
  'mediaType': (string);
  'size': (number);
  'stored': (boolean);
  'sharedWith': (string)[];
  'sharedCount': (number);
}
