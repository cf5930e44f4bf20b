// Original file: proto/cistern/v1/upstreams.proto


export interface DiagnoseRequest {
  'upstreams'?: (string)[];
}

export interface DiagnoseRequest__Output {
  'upstreams': (string)[];
}
