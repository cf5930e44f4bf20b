// Original file: proto/cistern/v1/garbage_collection.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CollectGarbageRequest as _cistern_v1_CollectGarbageRequest, CollectGarbageRequest__Output as _cistern_v1_CollectGarbageRequest__Output } from '../../cistern/v1/CollectGarbageRequest.js';
import type { CollectGarbageResponse as _cistern_v1_CollectGarbageResponse, CollectGarbageResponse__Output as _cistern_v1_CollectGarbageResponse__Output } from '../../cistern/v1/CollectGarbageResponse.js';
import type { GetCollectorStateRequest as _cistern_v1_GetCollectorStateRequest, GetCollectorStateRequest__Output as _cistern_v1_GetCollectorStateRequest__Output } from '../../cistern/v1/GetCollectorStateRequest.js';
import type { GetCollectorStateResponse as _cistern_v1_GetCollectorStateResponse, GetCollectorStateResponse__Output as _cistern_v1_GetCollectorStateResponse__Output } from '../../cistern/v1/GetCollectorStateResponse.js';

export interface GarbageCollectionServiceClient extends grpc.Client {
  CollectGarbage(argument: _cistern_v1_CollectGarbageRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_CollectGarbageResponse__Output>;
  CollectGarbage(argument: _cistern_v1_CollectGarbageRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_CollectGarbageResponse__Output>;
  collectGarbage(argument: _cistern_v1_CollectGarbageRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_CollectGarbageResponse__Output>;
  collectGarbage(argument: _cistern_v1_CollectGarbageRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_CollectGarbageResponse__Output>;
  
  GetCollectorState(argument: _cistern_v1_GetCollectorStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetCollectorStateResponse__Output>): grpc.ClientUnaryCall;
  GetCollectorState(argument: _cistern_v1_GetCollectorStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_GetCollectorStateResponse__Output>): grpc.ClientUnaryCall;
  GetCollectorState(argument: _cistern_v1_GetCollectorStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetCollectorStateResponse__Output>): grpc.ClientUnaryCall;
  GetCollectorState(argument: _cistern_v1_GetCollectorStateRequest, callback: grpc.requestCallback<_cistern_v1_GetCollectorStateResponse__Output>): grpc.ClientUnaryCall;
  getCollectorState(argument: _cistern_v1_GetCollectorStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetCollectorStateResponse__Output>): grpc.ClientUnaryCall;
  getCollectorState(argument: _cistern_v1_GetCollectorStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_GetCollectorStateResponse__Output>): grpc.ClientUnaryCall;
  getCollectorState(argument: _cistern_v1_GetCollectorStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetCollectorStateResponse__Output>): grpc.ClientUnaryCall;
  getCollectorState(argument: _cistern_v1_GetCollectorStateRequest, callback: grpc.requestCallback<_cistern_v1_GetCollectorStateResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface GarbageCollectionServiceHandlers extends grpc.UntypedServiceImplementation {
  CollectGarbage: grpc.handleServerStreamingCall<_cistern_v1_CollectGarbageRequest__Output, _cistern_v1_CollectGarbageResponse>;
  
  GetCollectorState: grpc.handleUnaryCall<_cistern_v1_GetCollectorStateRequest__Output, _cistern_v1_GetCollectorStateResponse>;
  
}

export interface GarbageCollectionServiceDefinition extends grpc.ServiceDefinition {
  CollectGarbage: MethodDefinition<_cistern_v1_CollectGarbageRequest, _cistern_v1_CollectGarbageResponse, _cistern_v1_CollectGarbageRequest__Output, _cistern_v1_CollectGarbageResponse__Output>
  GetCollectorState: MethodDefinition<_cistern_v1_GetCollectorStateRequest, _cistern_v1_GetCollectorStateResponse, _cistern_v1_GetCollectorStateRequest__Output, _cistern_v1_GetCollectorStateResponse__Output>
}
