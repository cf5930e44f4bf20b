// Original file: proto/cistern/v1/contents.proto


export interface EvictImageRequest {
  'image'?: (string);
}

export interface EvictImageRequest__Output {
  'image': (string);
}
