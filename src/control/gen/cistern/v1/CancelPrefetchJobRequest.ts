// Original file: proto/cistern/v1/prefetch.proto


export interface CancelPrefetchJobRequest {
  'id'?: (string);
}

export interface CancelPrefetchJobRequest__Output {
  'id': (string);
}
