// Original file: proto/cistern/v1/contents.proto


export interface GetDiskUsageRequest {
}

export interface GetDiskUsageRequest__Output {
}
