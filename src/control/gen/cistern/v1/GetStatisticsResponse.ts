// Original file: proto/cistern/v1/statistics.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Tally as _cistern_v1_Tally, Tally__Output as _cistern_v1_Tally__Output } from '../../cistern/v1/Tally.js';
import type { StatisticsGroup as _cistern_v1_StatisticsGroup, StatisticsGroup__Output as _cistern_v1_StatisticsGroup__Output } from '../../cistern/v1/StatisticsGroup.js';

export interface GetStatisticsResponse {
  'from'?: (_google_protobuf_Timestamp | null);
  'to'?: (_google_protobuf_Timestamp | null);
  'total'?: (_cistern_v1_Tally | null);
  'groups'?: (_cistern_v1_StatisticsGroup)[];
  'nextPageToken'?: (string);
}

export interface GetStatisticsResponse__Output {
  'from': (_google_protobuf_Timestamp__Output | null);
  'to': (_google_protobuf_Timestamp__Output | null);
  'total': (_cistern_v1_Tally__Output | null);
  'groups': (_cistern_v1_StatisticsGroup__Output)[];
  'nextPageToken': (string);
}
