// Original file: proto/cistern/v1/upstreams.proto

import type { DiagnosedPart as _cistern_v1_DiagnosedPart, DiagnosedPart__Output as _cistern_v1_DiagnosedPart__Output } from '../../cistern/v1/DiagnosedPart.js';
import type { DiagnosisResult as _cistern_v1_DiagnosisResult, DiagnosisResult__Output as _cistern_v1_DiagnosisResult__Output } from '../../cistern/v1/DiagnosisResult.js';

export interface DiagnoseResponse {
  'part'?: (_cistern_v1_DiagnosedPart);
  'upstream'?: (string);
  'check'?: (string);
  'result'?: (_cistern_v1_DiagnosisResult);
  'message'?: (string);
  'advice'?: (string);
}

export interface DiagnoseResponse__Output {
  'part': (_cistern_v1_DiagnosedPart__Output);
  'upstream': (string);
  'check': (string);
  'result': (_cistern_v1_DiagnosisResult__Output);
  'message': (string);
  'advice': (string);
}
