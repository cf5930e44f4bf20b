// Original file: proto/cistern/v1/statistics.proto

import type { Tally as _cistern_v1_Tally, Tally__Output as _cistern_v1_Tally__Output } from '../../cistern/v1/Tally.js';

export interface StatisticsGroup {
  'key'?: (string);
  'tally'?: (_cistern_v1_Tally | null);
}

export interface StatisticsGroup__Output {
  'key': (string);
  'tally': (_cistern_v1_Tally__Output | null);
}
