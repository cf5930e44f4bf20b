// Original file: proto/cistern/v1/contents.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { InspectedLayer as _cistern_v1_InspectedLayer, InspectedLayer__Output as _cistern_v1_InspectedLayer__Output } from '../../cistern/v1/InspectedLayer.js';
import type { HistoryEntry as _cistern_v1_HistoryEntry, HistoryEntry__Output as _cistern_v1_HistoryEntry__Output } from '../../cistern/v1/HistoryEntry.js';
import type { Long } from '@grpc/proto-loader';

export interface InspectedPlatform {
  'platform'?: (string);
  'digest'?: (string);
  'mediaType'?: (string);
  'stored'?: (boolean);
  'whole'?: (boolean);
  'size'?: (number | string | Long);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'labels'?: ({[key: string]: string});
  'layers'?: (_cistern_v1_InspectedLayer)[];
  'history'?: (_cistern_v1_HistoryEntry)[];
}

export interface InspectedPlatform__Output {
  'platform': (string);
  'digest': (string);
  'mediaType': (string);
  'stored': (boolean);
  'whole': (boolean);
  'size': (number);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'labels': ({[key: string]: string});
  'layers': (_cistern_v1_InspectedLayer__Output)[];
  'history': (_cistern_v1_HistoryEntry__Output)[];
}
