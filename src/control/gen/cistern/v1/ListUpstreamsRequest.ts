// Original file: proto/cistern/v1/upstreams.proto


export interface ListUpstreamsRequest {
}

export interface ListUpstreamsRequest__Output {
}
