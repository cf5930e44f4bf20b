// Original file: proto/cistern/v1/contents.proto


export interface UnpinImageRequest {
  'image'?: (string);
}

export interface UnpinImageRequest__Output {
  'image': (string);
}
