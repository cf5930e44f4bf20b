// Original file: proto/cistern/v1/upstreams.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DiagnoseRequest as _cistern_v1_DiagnoseRequest, DiagnoseRequest__Output as _cistern_v1_DiagnoseRequest__Output } from '../../cistern/v1/DiagnoseRequest.js';
import type { DiagnoseResponse as _cistern_v1_DiagnoseResponse, DiagnoseResponse__Output as _cistern_v1_DiagnoseResponse__Output } from '../../cistern/v1/DiagnoseResponse.js';
import type { ListUpstreamsRequest as _cistern_v1_ListUpstreamsRequest, ListUpstreamsRequest__Output as _cistern_v1_ListUpstreamsRequest__Output } from '../../cistern/v1/ListUpstreamsRequest.js';
import type { ListUpstreamsResponse as _cistern_v1_ListUpstreamsResponse, ListUpstreamsResponse__Output as _cistern_v1_ListUpstreamsResponse__Output } from '../../cistern/v1/ListUpstreamsResponse.js';

export interface UpstreamsServiceClient extends grpc.Client {
  Diagnose(argument: _cistern_v1_DiagnoseRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_DiagnoseResponse__Output>;
  Diagnose(argument: _cistern_v1_DiagnoseRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_DiagnoseResponse__Output>;
  diagnose(argument: _cistern_v1_DiagnoseRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_DiagnoseResponse__Output>;
  diagnose(argument: _cistern_v1_DiagnoseRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_DiagnoseResponse__Output>;
  
  ListUpstreams(argument: _cistern_v1_ListUpstreamsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListUpstreamsResponse__Output>): grpc.ClientUnaryCall;
  ListUpstreams(argument: _cistern_v1_ListUpstreamsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ListUpstreamsResponse__Output>): grpc.ClientUnaryCall;
  ListUpstreams(argument: _cistern_v1_ListUpstreamsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListUpstreamsResponse__Output>): grpc.ClientUnaryCall;
  ListUpstreams(argument: _cistern_v1_ListUpstreamsRequest, callback: grpc.requestCallback<_cistern_v1_ListUpstreamsResponse__Output>): grpc.ClientUnaryCall;
  listUpstreams(argument: _cistern_v1_ListUpstreamsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListUpstreamsResponse__Output>): grpc.ClientUnaryCall;
  listUpstreams(argument: _cistern_v1_ListUpstreamsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ListUpstreamsResponse__Output>): grpc.ClientUnaryCall;
  listUpstreams(argument: _cistern_v1_ListUpstreamsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListUpstreamsResponse__Output>): grpc.ClientUnaryCall;
  listUpstreams(argument: _cistern_v1_ListUpstreamsRequest, callback: grpc.requestCallback<_cistern_v1_ListUpstreamsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface UpstreamsServiceHandlers extends grpc.UntypedServiceImplementation {
  Diagnose: grpc.handleServerStreamingCall<_cistern_v1_DiagnoseRequest__Output, _cistern_v1_DiagnoseResponse>;
  
  ListUpstreams: grpc.handleUnaryCall<_cistern_v1_ListUpstreamsRequest__Output, _cistern_v1_ListUpstreamsResponse>;
  
}

export interface UpstreamsServiceDefinition extends grpc.ServiceDefinition {
  Diagnose: MethodDefinition<_cistern_v1_DiagnoseRequest, _cistern_v1_DiagnoseResponse, _cistern_v1_DiagnoseRequest__Output, _cistern_v1_DiagnoseResponse__Output>
  ListUpstreams: MethodDefinition<_cistern_v1_ListUpstreamsRequest, _cistern_v1_ListUpstreamsResponse, _cistern_v1_ListUpstreamsRequest__Output, _cistern_v1_ListUpstreamsResponse__Output>
}
