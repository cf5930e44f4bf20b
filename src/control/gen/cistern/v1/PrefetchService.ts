// Original file: proto/cistern/v1/prefetch.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelPrefetchJobRequest as _cistern_v1_CancelPrefetchJobRequest, CancelPrefetchJobRequest__Output as _cistern_v1_CancelPrefetchJobRequest__Output } from '../../cistern/v1/CancelPrefetchJobRequest.js';
import type { CancelPrefetchJobResponse as _cistern_v1_CancelPrefetchJobResponse, CancelPrefetchJobResponse__Output as _cistern_v1_CancelPrefetchJobResponse__Output } from '../../cistern/v1/CancelPrefetchJobResponse.js';
import type { CheckOfflineRequest as _cistern_v1_CheckOfflineRequest, CheckOfflineRequest__Output as _cistern_v1_CheckOfflineRequest__Output } from '../../cistern/v1/CheckOfflineRequest.js';
import type { CheckOfflineResponse as _cistern_v1_CheckOfflineResponse, CheckOfflineResponse__Output as _cistern_v1_CheckOfflineResponse__Output } from '../../cistern/v1/CheckOfflineResponse.js';
import type { CreatePrefetchJobRequest as _cistern_v1_CreatePrefetchJobRequest, CreatePrefetchJobRequest__Output as _cistern_v1_CreatePrefetchJobRequest__Output } from '../../cistern/v1/CreatePrefetchJobRequest.js';
import type { CreatePrefetchJobResponse as _cistern_v1_CreatePrefetchJobResponse, CreatePrefetchJobResponse__Output as _cistern_v1_CreatePrefetchJobResponse__Output } from '../../cistern/v1/CreatePrefetchJobResponse.js';
import type { GetPrefetchJobRequest as _cistern_v1_GetPrefetchJobRequest, GetPrefetchJobRequest__Output as _cistern_v1_GetPrefetchJobRequest__Output } from '../../cistern/v1/GetPrefetchJobRequest.js';
import type { GetPrefetchJobResponse as _cistern_v1_GetPrefetchJobResponse, GetPrefetchJobResponse__Output as _cistern_v1_GetPrefetchJobResponse__Output } from '../../cistern/v1/GetPrefetchJobResponse.js';
import type { ListPrefetchJobsRequest as _cistern_v1_ListPrefetchJobsRequest, ListPrefetchJobsRequest__Output as _cistern_v1_ListPrefetchJobsRequest__Output } from '../../cistern/v1/ListPrefetchJobsRequest.js';
import type { ListPrefetchJobsResponse as _cistern_v1_ListPrefetchJobsResponse, ListPrefetchJobsResponse__Output as _cistern_v1_ListPrefetchJobsResponse__Output } from '../../cistern/v1/ListPrefetchJobsResponse.js';
import type { PlanPrefetchRequest as _cistern_v1_PlanPrefetchRequest, PlanPrefetchRequest__Output as _cistern_v1_PlanPrefetchRequest__Output } from '../../cistern/v1/PlanPrefetchRequest.js';
import type { PlanPrefetchResponse as _cistern_v1_PlanPrefetchResponse, PlanPrefetchResponse__Output as _cistern_v1_PlanPrefetchResponse__Output } from '../../cistern/v1/PlanPrefetchResponse.js';
import type { WatchPrefetchJobRequest as _cistern_v1_WatchPrefetchJobRequest, WatchPrefetchJobRequest__Output as _cistern_v1_WatchPrefetchJobRequest__Output } from '../../cistern/v1/WatchPrefetchJobRequest.js';
import type { WatchPrefetchJobResponse as _cistern_v1_WatchPrefetchJobResponse, WatchPrefetchJobResponse__Output as _cistern_v1_WatchPrefetchJobResponse__Output } from '../../cistern/v1/WatchPrefetchJobResponse.js';

export interface PrefetchServiceClient extends grpc.Client {
  CancelPrefetchJob(argument: _cistern_v1_CancelPrefetchJobRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CancelPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  CancelPrefetchJob(argument: _cistern_v1_CancelPrefetchJobRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_CancelPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  CancelPrefetchJob(argument: _cistern_v1_CancelPrefetchJobRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CancelPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  CancelPrefetchJob(argument: _cistern_v1_CancelPrefetchJobRequest, callback: grpc.requestCallback<_cistern_v1_CancelPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  cancelPrefetchJob(argument: _cistern_v1_CancelPrefetchJobRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CancelPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  cancelPrefetchJob(argument: _cistern_v1_CancelPrefetchJobRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_CancelPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  cancelPrefetchJob(argument: _cistern_v1_CancelPrefetchJobRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CancelPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  cancelPrefetchJob(argument: _cistern_v1_CancelPrefetchJobRequest, callback: grpc.requestCallback<_cistern_v1_CancelPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  
  CheckOffline(argument: _cistern_v1_CheckOfflineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CheckOfflineResponse__Output>): grpc.ClientUnaryCall;
  CheckOffline(argument: _cistern_v1_CheckOfflineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_CheckOfflineResponse__Output>): grpc.ClientUnaryCall;
  CheckOffline(argument: _cistern_v1_CheckOfflineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CheckOfflineResponse__Output>): grpc.ClientUnaryCall;
  CheckOffline(argument: _cistern_v1_CheckOfflineRequest, callback: grpc.requestCallback<_cistern_v1_CheckOfflineResponse__Output>): grpc.ClientUnaryCall;
  checkOffline(argument: _cistern_v1_CheckOfflineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CheckOfflineResponse__Output>): grpc.ClientUnaryCall;
  checkOffline(argument: _cistern_v1_CheckOfflineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_CheckOfflineResponse__Output>): grpc.ClientUnaryCall;
  checkOffline(argument: _cistern_v1_CheckOfflineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CheckOfflineResponse__Output>): grpc.ClientUnaryCall;
  checkOffline(argument: _cistern_v1_CheckOfflineRequest, callback: grpc.requestCallback<_cistern_v1_CheckOfflineResponse__Output>): grpc.ClientUnaryCall;
  
  CreatePrefetchJob(argument: _cistern_v1_CreatePrefetchJobRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CreatePrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  CreatePrefetchJob(argument: _cistern_v1_CreatePrefetchJobRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_CreatePrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  CreatePrefetchJob(argument: _cistern_v1_CreatePrefetchJobRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CreatePrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  CreatePrefetchJob(argument: _cistern_v1_CreatePrefetchJobRequest, callback: grpc.requestCallback<_cistern_v1_CreatePrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  createPrefetchJob(argument: _cistern_v1_CreatePrefetchJobRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CreatePrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  createPrefetchJob(argument: _cistern_v1_CreatePrefetchJobRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_CreatePrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  createPrefetchJob(argument: _cistern_v1_CreatePrefetchJobRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_CreatePrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  createPrefetchJob(argument: _cistern_v1_CreatePrefetchJobRequest, callback: grpc.requestCallback<_cistern_v1_CreatePrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  
  GetPrefetchJob(argument: _cistern_v1_GetPrefetchJobRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  GetPrefetchJob(argument: _cistern_v1_GetPrefetchJobRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_GetPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  GetPrefetchJob(argument: _cistern_v1_GetPrefetchJobRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  GetPrefetchJob(argument: _cistern_v1_GetPrefetchJobRequest, callback: grpc.requestCallback<_cistern_v1_GetPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  getPrefetchJob(argument: _cistern_v1_GetPrefetchJobRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  getPrefetchJob(argument: _cistern_v1_GetPrefetchJobRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_GetPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  getPrefetchJob(argument: _cistern_v1_GetPrefetchJobRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  getPrefetchJob(argument: _cistern_v1_GetPrefetchJobRequest, callback: grpc.requestCallback<_cistern_v1_GetPrefetchJobResponse__Output>): grpc.ClientUnaryCall;
  
  ListPrefetchJobs(argument: _cistern_v1_ListPrefetchJobsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListPrefetchJobsResponse__Output>): grpc.ClientUnaryCall;
  ListPrefetchJobs(argument: _cistern_v1_ListPrefetchJobsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ListPrefetchJobsResponse__Output>): grpc.ClientUnaryCall;
  ListPrefetchJobs(argument: _cistern_v1_ListPrefetchJobsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListPrefetchJobsResponse__Output>): grpc.ClientUnaryCall;
  ListPrefetchJobs(argument: _cistern_v1_ListPrefetchJobsRequest, callback: grpc.requestCallback<_cistern_v1_ListPrefetchJobsResponse__Output>): grpc.ClientUnaryCall;
  listPrefetchJobs(argument: _cistern_v1_ListPrefetchJobsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListPrefetchJobsResponse__Output>): grpc.ClientUnaryCall;
  listPrefetchJobs(argument: _cistern_v1_ListPrefetchJobsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ListPrefetchJobsResponse__Output>): grpc.ClientUnaryCall;
  listPrefetchJobs(argument: _cistern_v1_ListPrefetchJobsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListPrefetchJobsResponse__Output>): grpc.ClientUnaryCall;
  listPrefetchJobs(argument: _cistern_v1_ListPrefetchJobsRequest, callback: grpc.requestCallback<_cistern_v1_ListPrefetchJobsResponse__Output>): grpc.ClientUnaryCall;
  
  PlanPrefetch(argument: _cistern_v1_PlanPrefetchRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_PlanPrefetchResponse__Output>): grpc.ClientUnaryCall;
  PlanPrefetch(argument: _cistern_v1_PlanPrefetchRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_PlanPrefetchResponse__Output>): grpc.ClientUnaryCall;
  PlanPrefetch(argument: _cistern_v1_PlanPrefetchRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_PlanPrefetchResponse__Output>): grpc.ClientUnaryCall;
  PlanPrefetch(argument: _cistern_v1_PlanPrefetchRequest, callback: grpc.requestCallback<_cistern_v1_PlanPrefetchResponse__Output>): grpc.ClientUnaryCall;
  planPrefetch(argument: _cistern_v1_PlanPrefetchRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_PlanPrefetchResponse__Output>): grpc.ClientUnaryCall;
  planPrefetch(argument: _cistern_v1_PlanPrefetchRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_PlanPrefetchResponse__Output>): grpc.ClientUnaryCall;
  planPrefetch(argument: _cistern_v1_PlanPrefetchRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_PlanPrefetchResponse__Output>): grpc.ClientUnaryCall;
  planPrefetch(argument: _cistern_v1_PlanPrefetchRequest, callback: grpc.requestCallback<_cistern_v1_PlanPrefetchResponse__Output>): grpc.ClientUnaryCall;
  
  WatchPrefetchJob(argument: _cistern_v1_WatchPrefetchJobRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_WatchPrefetchJobResponse__Output>;
  WatchPrefetchJob(argument: _cistern_v1_WatchPrefetchJobRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_WatchPrefetchJobResponse__Output>;
  watchPrefetchJob(argument: _cistern_v1_WatchPrefetchJobRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_WatchPrefetchJobResponse__Output>;
  watchPrefetchJob(argument: _cistern_v1_WatchPrefetchJobRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_WatchPrefetchJobResponse__Output>;
  
}

export interface PrefetchServiceHandlers extends grpc.UntypedServiceImplementation {
  CancelPrefetchJob: grpc.handleUnaryCall<_cistern_v1_CancelPrefetchJobRequest__Output, _cistern_v1_CancelPrefetchJobResponse>;
  
  CheckOffline: grpc.handleUnaryCall<_cistern_v1_CheckOfflineRequest__Output, _cistern_v1_CheckOfflineResponse>;
  
  CreatePrefetchJob: grpc.handleUnaryCall<_cistern_v1_CreatePrefetchJobRequest__Output, _cistern_v1_CreatePrefetchJobResponse>;
  
  GetPrefetchJob: grpc.handleUnaryCall<_cistern_v1_GetPrefetchJobRequest__Output, _cistern_v1_GetPrefetchJobResponse>;
  
  ListPrefetchJobs: grpc.handleUnaryCall<_cistern_v1_ListPrefetchJobsRequest__Output, _cistern_v1_ListPrefetchJobsResponse>;
  
  PlanPrefetch: grpc.handleUnaryCall<_cistern_v1_PlanPrefetchRequest__Output, _cistern_v1_PlanPrefetchResponse>;
  
  WatchPrefetchJob: grpc.handleServerStreamingCall<_cistern_v1_WatchPrefetchJobRequest__Output, _cistern_v1_WatchPrefetchJobResponse>;
  
}

export interface PrefetchServiceDefinition extends grpc.ServiceDefinition {
  CancelPrefetchJob: MethodDefinition<_cistern_v1_CancelPrefetchJobRequest, _cistern_v1_CancelPrefetchJobResponse, _cistern_v1_CancelPrefetchJobRequest__Output, _cistern_v1_CancelPrefetchJobResponse__Output>
  CheckOffline: MethodDefinition<_cistern_v1_CheckOfflineRequest, _cistern_v1_CheckOfflineResponse, _cistern_v1_CheckOfflineRequest__Output, _cistern_v1_CheckOfflineResponse__Output>
  CreatePrefetchJob: MethodDefinition<_cistern_v1_CreatePrefetchJobRequest, _cistern_v1_CreatePrefetchJobResponse, _cistern_v1_CreatePrefetchJobRequest__Output, _cistern_v1_CreatePrefetchJobResponse__Output>
  GetPrefetchJob: MethodDefinition<_cistern_v1_GetPrefetchJobRequest, _cistern_v1_GetPrefetchJobResponse, _cistern_v1_GetPrefetchJobRequest__Output, _cistern_v1_GetPrefetchJobResponse__Output>
  ListPrefetchJobs: MethodDefinition<_cistern_v1_ListPrefetchJobsRequest, _cistern_v1_ListPrefetchJobsResponse, _cistern_v1_ListPrefetchJobsRequest__Output, _cistern_v1_ListPrefetchJobsResponse__Output>
  PlanPrefetch: MethodDefinition<_cistern_v1_PlanPrefetchRequest, _cistern_v1_PlanPrefetchResponse, _cistern_v1_PlanPrefetchRequest__Output, _cistern_v1_PlanPrefetchResponse__Output>
  WatchPrefetchJob: MethodDefinition<_cistern_v1_WatchPrefetchJobRequest, _cistern_v1_WatchPrefetchJobResponse, _cistern_v1_WatchPrefetchJobRequest__Output, _cistern_v1_WatchPrefetchJobResponse__Output>
}
