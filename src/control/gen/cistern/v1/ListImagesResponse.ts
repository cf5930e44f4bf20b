// Original file: proto/cistern/v1/contents.proto

import type { StoredImage as _cistern_v1_StoredImage, StoredImage__Output as _cistern_v1_StoredImage__Output } from '../../cistern/v1/StoredImage.js';

export interface ListImagesResponse {
  'images'?: (_cistern_v1_StoredImage)[];
  'nextPageToken'?: (string);
}

export interface ListImagesResponse__Output {
  'images': (_cistern_v1_StoredImage__Output)[];
  'nextPageToken': (string);
}
