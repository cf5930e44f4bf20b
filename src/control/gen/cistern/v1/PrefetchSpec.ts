// Original file: proto/cistern/v1/prefetch.proto


export interface PrefetchSpec {
  'images'?: (string)[];
  'platforms'?: (string)[];
  'allPlatforms'?: (boolean);
  'attestations'?: (boolean);
  'signatures'?: (boolean);
  'referrers'?: (boolean);
}

export interface PrefetchSpec__Output {
  'images': (string)[];
  'platforms': (string)[];
  'allPlatforms': (boolean);
  'attestations': (boolean);
  'signatures': (boolean);
  'referrers': (boolean);
}
