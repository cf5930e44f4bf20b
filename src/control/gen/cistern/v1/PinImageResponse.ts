// Original file: proto/cistern/v1/contents.proto

import type { StoredImage as _cistern_v1_StoredImage, StoredImage__Output as _cistern_v1_StoredImage__Output } from '../../cistern/v1/StoredImage.js';

export interface PinImageResponse {
  'image'?: (_cistern_v1_StoredImage | null);
}

export interface PinImageResponse__Output {
  'image': (_cistern_v1_StoredImage__Output | null);
}
