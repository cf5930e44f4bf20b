// Original file: proto/cistern/v1/contents.proto


export interface ExportImagesRequest {
  'images'?: (string)[];
  'platforms'?: (string)[];
}

export interface ExportImagesRequest__Output {
  'images': (string)[];
  'platforms': (string)[];
}
