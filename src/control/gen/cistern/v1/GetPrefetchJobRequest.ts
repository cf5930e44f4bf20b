// Original file: proto/cistern/v1/prefetch.proto


export interface GetPrefetchJobRequest {
  'id'?: (string);
}

export interface GetPrefetchJobRequest__Output {
  'id': (string);
}
