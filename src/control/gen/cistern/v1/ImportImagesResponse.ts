// Original file: proto/cistern/v1/contents.proto

import type { ImportedImage as _cistern_v1_ImportedImage, ImportedImage__Output as _cistern_v1_ImportedImage__Output } from '../../cistern/v1/ImportedImage.js';

export interface ImportImagesResponse {
  'images'?: (_cistern_v1_ImportedImage)[];
}

export interface ImportImagesResponse__Output {
  'images': (_cistern_v1_ImportedImage__Output)[];
}
