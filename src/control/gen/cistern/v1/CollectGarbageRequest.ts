// Original file: proto/cistern/v1/garbage_collection.proto


export interface CollectGarbageRequest {
  'dryRun'?: (boolean);
}

export interface CollectGarbageRequest__Output {
  'dryRun': (boolean);
}
