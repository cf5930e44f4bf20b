// Original file: proto/cistern/v1/contents.proto


export interface InspectImageRequest {
  'image'?: (string);
}

export interface InspectImageRequest__Output {
  'image': (string);
}
