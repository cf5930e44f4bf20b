// Original file: proto/cistern/v1/statistics.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetStatisticsRequest as _cistern_v1_GetStatisticsRequest, GetStatisticsRequest__Output as _cistern_v1_GetStatisticsRequest__Output } from '../../cistern/v1/GetStatisticsRequest.js';
import type { GetStatisticsResponse as _cistern_v1_GetStatisticsResponse, GetStatisticsResponse__Output as _cistern_v1_GetStatisticsResponse__Output } from '../../cistern/v1/GetStatisticsResponse.js';

export interface StatisticsServiceClient extends grpc.Client {
  GetStatistics(argument: _cistern_v1_GetStatisticsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetStatisticsResponse__Output>): grpc.ClientUnaryCall;
  GetStatistics(argument: _cistern_v1_GetStatisticsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_GetStatisticsResponse__Output>): grpc.ClientUnaryCall;
  GetStatistics(argument: _cistern_v1_GetStatisticsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetStatisticsResponse__Output>): grpc.ClientUnaryCall;
  GetStatistics(argument: _cistern_v1_GetStatisticsRequest, callback: grpc.requestCallback<_cistern_v1_GetStatisticsResponse__Output>): grpc.ClientUnaryCall;
  getStatistics(argument: _cistern_v1_GetStatisticsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetStatisticsResponse__Output>): grpc.ClientUnaryCall;
  getStatistics(argument: _cistern_v1_GetStatisticsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_GetStatisticsResponse__Output>): grpc.ClientUnaryCall;
  getStatistics(argument: _cistern_v1_GetStatisticsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetStatisticsResponse__Output>): grpc.ClientUnaryCall;
  getStatistics(argument: _cistern_v1_GetStatisticsRequest, callback: grpc.requestCallback<_cistern_v1_GetStatisticsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface StatisticsServiceHandlers extends grpc.UntypedServiceImplementation {
  GetStatistics: grpc.handleUnaryCall<_cistern_v1_GetStatisticsRequest__Output, _cistern_v1_GetStatisticsResponse>;
  
}

export interface StatisticsServiceDefinition extends grpc.ServiceDefinition {
  GetStatistics: MethodDefinition<_cistern_v1_GetStatisticsRequest, _cistern_v1_GetStatisticsResponse, _cistern_v1_GetStatisticsRequest__Output, _cistern_v1_GetStatisticsResponse__Output>
}
