// Original file: proto/cistern/v1/contents.proto


export interface PinImageRequest {
  'image'?: (string);
}

export interface PinImageRequest__Output {
  'image': (string);
}
