// Original file: proto/cistern/v1/statistics.proto

import type { Counts as _cistern_v1_Counts, Counts__Output as _cistern_v1_Counts__Output } from '../../cistern/v1/Counts.js';

export interface Tally {
  'all'?: (_cistern_v1_Counts | null);
  'manifests'?: (_cistern_v1_Counts | null);
  'blobs'?: (_cistern_v1_Counts | null);
}

export interface Tally__Output {
  'all': (_cistern_v1_Counts__Output | null);
  'manifests': (_cistern_v1_Counts__Output | null);
  'blobs': (_cistern_v1_Counts__Output | null);
}
