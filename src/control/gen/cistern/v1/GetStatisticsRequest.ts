// Original file: proto/cistern/v1/statistics.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Grouping as _cistern_v1_Grouping, Grouping__Output as _cistern_v1_Grouping__Output } from '../../cistern/v1/Grouping.js';

export interface GetStatisticsRequest {
  'since'?: (_google_protobuf_Timestamp | null);
  'until'?: (_google_protobuf_Timestamp | null);
  'upstream'?: (string);
  'repository'?: (string);
  'by'?: (_cistern_v1_Grouping);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface GetStatisticsRequest__Output {
  'since': (_google_protobuf_Timestamp__Output | null);
  'until': (_google_protobuf_Timestamp__Output | null);
  'upstream': (string);
  'repository': (string);
  'by': (_cistern_v1_Grouping__Output);
  'pageSize': (number);
  'pageToken': (string);
}
