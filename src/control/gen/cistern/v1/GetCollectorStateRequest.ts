// Original file: proto/cistern/v1/garbage_collection.proto


export interface GetCollectorStateRequest {
}

export interface GetCollectorStateRequest__Output {
}
