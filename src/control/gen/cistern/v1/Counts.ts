// Original file: proto/cistern/v1/statistics.proto

import type { Long } from '@grpc/proto-loader';

export interface Counts {
  'requests'?: (number | string | Long);
  'hits'?: (number | string | Long);
  'misses'?: (number | string | Long);
  'collapsed'?: (number | string | Long);
  'revalidated'?: (number | string | Long);
  'stale'?: (number | string | Long);
  'bypassed'?: (number | string | Long);
  'hitRatio'?: (number | string);
  'bytesServed'?: (number | string | Long);
  'bytesFromUpstream'?: (number | string | Long);
  'byteHitRatio'?: (number | string);
  'bytesPrefetched'?: (number | string | Long);
  'upstreamGets'?: (number | string | Long);
  'savedGets'?: (number | string | Long);
}

export interface Counts__Output {
  'requests': (number);
  'hits': (number);
  'misses': (number);
  'collapsed': (number);
  'revalidated': (number);
  'stale': (number);
  'bypassed': (number);
  'hitRatio': (number);
  'bytesServed': (number);
  'bytesFromUpstream': (number);
  'byteHitRatio': (number);
  'bytesPrefetched': (number);
  'upstreamGets': (number);
  'savedGets': (number);
}
