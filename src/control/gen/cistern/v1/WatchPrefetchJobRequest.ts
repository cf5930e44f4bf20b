// Original file: proto/cistern/v1/prefetch.proto


export interface WatchPrefetchJobRequest {
  'id'?: (string);
}

export interface WatchPrefetchJobRequest__Output {
  'id': (string);
}
