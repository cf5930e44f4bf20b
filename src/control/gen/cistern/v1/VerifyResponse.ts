// Original file: proto/cistern/v1/contents.proto

import type { VerifyProgress as _cistern_v1_VerifyProgress, VerifyProgress__Output as _cistern_v1_VerifyProgress__Output } from '../../cistern/v1/VerifyProgress.js';
import type { CorruptBlob as _cistern_v1_CorruptBlob, CorruptBlob__Output as _cistern_v1_CorruptBlob__Output } from '../../cistern/v1/CorruptBlob.js';
import type { VerifyReport as _cistern_v1_VerifyReport, VerifyReport__Output as _cistern_v1_VerifyReport__Output } from '../../cistern/v1/VerifyReport.js';

export interface VerifyResponse {
  'progress'?: (_cistern_v1_VerifyProgress | null);
  'corrupt'?: (_cistern_v1_CorruptBlob | null);
  'report'?: (_cistern_v1_VerifyReport | null);
  'event'?: "progress"|"corrupt"|"report";
}

export interface VerifyResponse__Output {
  'progress'?: (_cistern_v1_VerifyProgress__Output | null);
  'corrupt'?: (_cistern_v1_CorruptBlob__Output | null);
  'report'?: (_cistern_v1_VerifyReport__Output | null);
  'event'?: "progress"|"corrupt"|"report";
}
