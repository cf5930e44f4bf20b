// Original file: proto/cistern/v1/contents.proto


export interface ExplainRequest {
  'image'?: (string);
  'digest'?: (string);
  'target'?: "image"|"digest";
}

export interface ExplainRequest__Output {
  'image'?: (string);
  'digest'?: (string);
  'target'?: "image"|"digest";
}
