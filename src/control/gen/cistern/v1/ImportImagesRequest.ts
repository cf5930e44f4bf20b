// Original file: proto/cistern/v1/contents.proto


export interface ImportImagesRequest {
  'image'?: (string);
  'chunk'?: (Buffer | Uint8Array | string);
}

export interface ImportImagesRequest__Output {
  'image': (string);
  'chunk': (Buffer);
}
