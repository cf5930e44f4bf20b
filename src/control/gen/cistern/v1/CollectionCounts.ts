// Original file: proto/cistern/v1/garbage_collection.proto

import type { Long } from '@grpc/proto-loader';

export interface CollectionCounts {
  'scannedBlobs'?: (number | string | Long);
  'reachableBlobs'?: (number | string | Long);
  'sweptBlobs'?: (number | string | Long);
  'sweptBytes'?: (number | string | Long);
  'keptByGrace'?: (number | string | Long);
  'leftoverFiles'?: (number | string | Long);
  'leftoverBytes'?: (number | string | Long);
}

export interface CollectionCounts__Output {
  'scannedBlobs': (number);
  'reachableBlobs': (number);
  'sweptBlobs': (number);
  'sweptBytes': (number);
  'keptByGrace': (number);
  'leftoverFiles': (number);
  'leftoverBytes': (number);
}
