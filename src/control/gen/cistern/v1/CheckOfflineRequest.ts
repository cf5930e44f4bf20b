// Original file: proto/cistern/v1/prefetch.proto


export interface CheckOfflineRequest {
  'image'?: (string);
  'platforms'?: (string)[];
  'allPlatforms'?: (boolean);
}

export interface CheckOfflineRequest__Output {
  'image': (string);
  'platforms': (string)[];
  'allPlatforms': (boolean);
}
