// Original file: proto/cistern/v1/contents.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { EvictImageRequest as _cistern_v1_EvictImageRequest, EvictImageRequest__Output as _cistern_v1_EvictImageRequest__Output } from '../../cistern/v1/EvictImageRequest.js';
import type { EvictImageResponse as _cistern_v1_EvictImageResponse, EvictImageResponse__Output as _cistern_v1_EvictImageResponse__Output } from '../../cistern/v1/EvictImageResponse.js';
import type { ExplainRequest as _cistern_v1_ExplainRequest, ExplainRequest__Output as _cistern_v1_ExplainRequest__Output } from '../../cistern/v1/ExplainRequest.js';
import type { ExplainResponse as _cistern_v1_ExplainResponse, ExplainResponse__Output as _cistern_v1_ExplainResponse__Output } from '../../cistern/v1/ExplainResponse.js';
import type { ExportImagesRequest as _cistern_v1_ExportImagesRequest, ExportImagesRequest__Output as _cistern_v1_ExportImagesRequest__Output } from '../../cistern/v1/ExportImagesRequest.js';
import type { ExportImagesResponse as _cistern_v1_ExportImagesResponse, ExportImagesResponse__Output as _cistern_v1_ExportImagesResponse__Output } from '../../cistern/v1/ExportImagesResponse.js';
import type { GetDiskUsageRequest as _cistern_v1_GetDiskUsageRequest, GetDiskUsageRequest__Output as _cistern_v1_GetDiskUsageRequest__Output } from '../../cistern/v1/GetDiskUsageRequest.js';
import type { GetDiskUsageResponse as _cistern_v1_GetDiskUsageResponse, GetDiskUsageResponse__Output as _cistern_v1_GetDiskUsageResponse__Output } from '../../cistern/v1/GetDiskUsageResponse.js';
import type { ImportImagesRequest as _cistern_v1_ImportImagesRequest, ImportImagesRequest__Output as _cistern_v1_ImportImagesRequest__Output } from '../../cistern/v1/ImportImagesRequest.js';
import type { ImportImagesResponse as _cistern_v1_ImportImagesResponse, ImportImagesResponse__Output as _cistern_v1_ImportImagesResponse__Output } from '../../cistern/v1/ImportImagesResponse.js';
import type { InspectImageRequest as _cistern_v1_InspectImageRequest, InspectImageRequest__Output as _cistern_v1_InspectImageRequest__Output } from '../../cistern/v1/InspectImageRequest.js';
import type { InspectImageResponse as _cistern_v1_InspectImageResponse, InspectImageResponse__Output as _cistern_v1_InspectImageResponse__Output } from '../../cistern/v1/InspectImageResponse.js';
import type { ListImagesRequest as _cistern_v1_ListImagesRequest, ListImagesRequest__Output as _cistern_v1_ListImagesRequest__Output } from '../../cistern/v1/ListImagesRequest.js';
import type { ListImagesResponse as _cistern_v1_ListImagesResponse, ListImagesResponse__Output as _cistern_v1_ListImagesResponse__Output } from '../../cistern/v1/ListImagesResponse.js';
import type { PinImageRequest as _cistern_v1_PinImageRequest, PinImageRequest__Output as _cistern_v1_PinImageRequest__Output } from '../../cistern/v1/PinImageRequest.js';
import type { PinImageResponse as _cistern_v1_PinImageResponse, PinImageResponse__Output as _cistern_v1_PinImageResponse__Output } from '../../cistern/v1/PinImageResponse.js';
import type { UnpinImageRequest as _cistern_v1_UnpinImageRequest, UnpinImageRequest__Output as _cistern_v1_UnpinImageRequest__Output } from '../../cistern/v1/UnpinImageRequest.js';
import type { UnpinImageResponse as _cistern_v1_UnpinImageResponse, UnpinImageResponse__Output as _cistern_v1_UnpinImageResponse__Output } from '../../cistern/v1/UnpinImageResponse.js';
import type { VerifyRequest as _cistern_v1_VerifyRequest, VerifyRequest__Output as _cistern_v1_VerifyRequest__Output } from '../../cistern/v1/VerifyRequest.js';
import type { VerifyResponse as _cistern_v1_VerifyResponse, VerifyResponse__Output as _cistern_v1_VerifyResponse__Output } from '../../cistern/v1/VerifyResponse.js';

export interface ContentsServiceClient extends grpc.Client {
  EvictImage(argument: _cistern_v1_EvictImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_EvictImageResponse__Output>): grpc.ClientUnaryCall;
  EvictImage(argument: _cistern_v1_EvictImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_EvictImageResponse__Output>): grpc.ClientUnaryCall;
  EvictImage(argument: _cistern_v1_EvictImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_EvictImageResponse__Output>): grpc.ClientUnaryCall;
  EvictImage(argument: _cistern_v1_EvictImageRequest, callback: grpc.requestCallback<_cistern_v1_EvictImageResponse__Output>): grpc.ClientUnaryCall;
  evictImage(argument: _cistern_v1_EvictImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_EvictImageResponse__Output>): grpc.ClientUnaryCall;
  evictImage(argument: _cistern_v1_EvictImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_EvictImageResponse__Output>): grpc.ClientUnaryCall;
  evictImage(argument: _cistern_v1_EvictImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_EvictImageResponse__Output>): grpc.ClientUnaryCall;
  evictImage(argument: _cistern_v1_EvictImageRequest, callback: grpc.requestCallback<_cistern_v1_EvictImageResponse__Output>): grpc.ClientUnaryCall;
  
  Explain(argument: _cistern_v1_ExplainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _cistern_v1_ExplainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _cistern_v1_ExplainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _cistern_v1_ExplainRequest, callback: grpc.requestCallback<_cistern_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _cistern_v1_ExplainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _cistern_v1_ExplainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _cistern_v1_ExplainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _cistern_v1_ExplainRequest, callback: grpc.requestCallback<_cistern_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  
  ExportImages(argument: _cistern_v1_ExportImagesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_ExportImagesResponse__Output>;
  ExportImages(argument: _cistern_v1_ExportImagesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_ExportImagesResponse__Output>;
  exportImages(argument: _cistern_v1_ExportImagesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_ExportImagesResponse__Output>;
  exportImages(argument: _cistern_v1_ExportImagesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_ExportImagesResponse__Output>;
  
  GetDiskUsage(argument: _cistern_v1_GetDiskUsageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetDiskUsageResponse__Output>): grpc.ClientUnaryCall;
  GetDiskUsage(argument: _cistern_v1_GetDiskUsageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_GetDiskUsageResponse__Output>): grpc.ClientUnaryCall;
  GetDiskUsage(argument: _cistern_v1_GetDiskUsageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetDiskUsageResponse__Output>): grpc.ClientUnaryCall;
  GetDiskUsage(argument: _cistern_v1_GetDiskUsageRequest, callback: grpc.requestCallback<_cistern_v1_GetDiskUsageResponse__Output>): grpc.ClientUnaryCall;
  getDiskUsage(argument: _cistern_v1_GetDiskUsageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetDiskUsageResponse__Output>): grpc.ClientUnaryCall;
  getDiskUsage(argument: _cistern_v1_GetDiskUsageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_GetDiskUsageResponse__Output>): grpc.ClientUnaryCall;
  getDiskUsage(argument: _cistern_v1_GetDiskUsageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_GetDiskUsageResponse__Output>): grpc.ClientUnaryCall;
  getDiskUsage(argument: _cistern_v1_GetDiskUsageRequest, callback: grpc.requestCallback<_cistern_v1_GetDiskUsageResponse__Output>): grpc.ClientUnaryCall;
  
  ImportImages(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ImportImagesResponse__Output>): grpc.ClientWritableStream<_cistern_v1_ImportImagesRequest>;
  ImportImages(metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ImportImagesResponse__Output>): grpc.ClientWritableStream<_cistern_v1_ImportImagesRequest>;
  ImportImages(options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ImportImagesResponse__Output>): grpc.ClientWritableStream<_cistern_v1_ImportImagesRequest>;
  ImportImages(callback: grpc.requestCallback<_cistern_v1_ImportImagesResponse__Output>): grpc.ClientWritableStream<_cistern_v1_ImportImagesRequest>;
  importImages(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ImportImagesResponse__Output>): grpc.ClientWritableStream<_cistern_v1_ImportImagesRequest>;
  importImages(metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ImportImagesResponse__Output>): grpc.ClientWritableStream<_cistern_v1_ImportImagesRequest>;
  importImages(options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ImportImagesResponse__Output>): grpc.ClientWritableStream<_cistern_v1_ImportImagesRequest>;
  importImages(callback: grpc.requestCallback<_cistern_v1_ImportImagesResponse__Output>): grpc.ClientWritableStream<_cistern_v1_ImportImagesRequest>;
  
  InspectImage(argument: _cistern_v1_InspectImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_InspectImageResponse__Output>): grpc.ClientUnaryCall;
  InspectImage(argument: _cistern_v1_InspectImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_InspectImageResponse__Output>): grpc.ClientUnaryCall;
  InspectImage(argument: _cistern_v1_InspectImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_InspectImageResponse__Output>): grpc.ClientUnaryCall;
  InspectImage(argument: _cistern_v1_InspectImageRequest, callback: grpc.requestCallback<_cistern_v1_InspectImageResponse__Output>): grpc.ClientUnaryCall;
  inspectImage(argument: _cistern_v1_InspectImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_InspectImageResponse__Output>): grpc.ClientUnaryCall;
  inspectImage(argument: _cistern_v1_InspectImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_InspectImageResponse__Output>): grpc.ClientUnaryCall;
  inspectImage(argument: _cistern_v1_InspectImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_InspectImageResponse__Output>): grpc.ClientUnaryCall;
  inspectImage(argument: _cistern_v1_InspectImageRequest, callback: grpc.requestCallback<_cistern_v1_InspectImageResponse__Output>): grpc.ClientUnaryCall;
  
  ListImages(argument: _cistern_v1_ListImagesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  ListImages(argument: _cistern_v1_ListImagesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  ListImages(argument: _cistern_v1_ListImagesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  ListImages(argument: _cistern_v1_ListImagesRequest, callback: grpc.requestCallback<_cistern_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  listImages(argument: _cistern_v1_ListImagesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  listImages(argument: _cistern_v1_ListImagesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  listImages(argument: _cistern_v1_ListImagesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  listImages(argument: _cistern_v1_ListImagesRequest, callback: grpc.requestCallback<_cistern_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  
  PinImage(argument: _cistern_v1_PinImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_PinImageResponse__Output>): grpc.ClientUnaryCall;
  PinImage(argument: _cistern_v1_PinImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_PinImageResponse__Output>): grpc.ClientUnaryCall;
  PinImage(argument: _cistern_v1_PinImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_PinImageResponse__Output>): grpc.ClientUnaryCall;
  PinImage(argument: _cistern_v1_PinImageRequest, callback: grpc.requestCallback<_cistern_v1_PinImageResponse__Output>): grpc.ClientUnaryCall;
  pinImage(argument: _cistern_v1_PinImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_PinImageResponse__Output>): grpc.ClientUnaryCall;
  pinImage(argument: _cistern_v1_PinImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_PinImageResponse__Output>): grpc.ClientUnaryCall;
  pinImage(argument: _cistern_v1_PinImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_PinImageResponse__Output>): grpc.ClientUnaryCall;
  pinImage(argument: _cistern_v1_PinImageRequest, callback: grpc.requestCallback<_cistern_v1_PinImageResponse__Output>): grpc.ClientUnaryCall;
  
  UnpinImage(argument: _cistern_v1_UnpinImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_UnpinImageResponse__Output>): grpc.ClientUnaryCall;
  UnpinImage(argument: _cistern_v1_UnpinImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_UnpinImageResponse__Output>): grpc.ClientUnaryCall;
  UnpinImage(argument: _cistern_v1_UnpinImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_UnpinImageResponse__Output>): grpc.ClientUnaryCall;
  UnpinImage(argument: _cistern_v1_UnpinImageRequest, callback: grpc.requestCallback<_cistern_v1_UnpinImageResponse__Output>): grpc.ClientUnaryCall;
  unpinImage(argument: _cistern_v1_UnpinImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_UnpinImageResponse__Output>): grpc.ClientUnaryCall;
  unpinImage(argument: _cistern_v1_UnpinImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_cistern_v1_UnpinImageResponse__Output>): grpc.ClientUnaryCall;
  unpinImage(argument: _cistern_v1_UnpinImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_cistern_v1_UnpinImageResponse__Output>): grpc.ClientUnaryCall;
  unpinImage(argument: _cistern_v1_UnpinImageRequest, callback: grpc.requestCallback<_cistern_v1_UnpinImageResponse__Output>): grpc.ClientUnaryCall;
  
  Verify(argument: _cistern_v1_VerifyRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_VerifyResponse__Output>;
  Verify(argument: _cistern_v1_VerifyRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_VerifyResponse__Output>;
  verify(argument: _cistern_v1_VerifyRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_VerifyResponse__Output>;
  verify(argument: _cistern_v1_VerifyRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_cistern_v1_VerifyResponse__Output>;
  
}

export interface ContentsServiceHandlers extends grpc.UntypedServiceImplementation {
  EvictImage: grpc.handleUnaryCall<_cistern_v1_EvictImageRequest__Output, _cistern_v1_EvictImageResponse>;
  
  Explain: grpc.handleUnaryCall<_cistern_v1_ExplainRequest__Output, _cistern_v1_ExplainResponse>;
  
  ExportImages: grpc.handleServerStreamingCall<_cistern_v1_ExportImagesRequest__Output, _cistern_v1_ExportImagesResponse>;
  
  GetDiskUsage: grpc.handleUnaryCall<_cistern_v1_GetDiskUsageRequest__Output, _cistern_v1_GetDiskUsageResponse>;
  
  ImportImages: grpc.handleClientStreamingCall<_cistern_v1_ImportImagesRequest__Output, _cistern_v1_ImportImagesResponse>;
  
  InspectImage: grpc.handleUnaryCall<_cistern_v1_InspectImageRequest__Output, _cistern_v1_InspectImageResponse>;
  
  ListImages: grpc.handleUnaryCall<_cistern_v1_ListImagesRequest__Output, _cistern_v1_ListImagesResponse>;
  
  PinImage: grpc.handleUnaryCall<_cistern_v1_PinImageRequest__Output, _cistern_v1_PinImageResponse>;
  
  UnpinImage: grpc.handleUnaryCall<_cistern_v1_UnpinImageRequest__Output, _cistern_v1_UnpinImageResponse>;
  
  Verify: grpc.handleServerStreamingCall<_cistern_v1_VerifyRequest__Output, _cistern_v1_VerifyResponse>;
  
}

export interface ContentsServiceDefinition extends grpc.ServiceDefinition {
  EvictImage: MethodDefinition<_cistern_v1_EvictImageRequest, _cistern_v1_EvictImageResponse, _cistern_v1_EvictImageRequest__Output, _cistern_v1_EvictImageResponse__Output>
  Explain: MethodDefinition<_cistern_v1_ExplainRequest, _cistern_v1_ExplainResponse, _cistern_v1_ExplainRequest__Output, _cistern_v1_ExplainResponse__Output>
  ExportImages: MethodDefinition<_cistern_v1_ExportImagesRequest, _cistern_v1_ExportImagesResponse, _cistern_v1_ExportImagesRequest__Output, _cistern_v1_ExportImagesResponse__Output>
  GetDiskUsage: MethodDefinition<_cistern_v1_GetDiskUsageRequest, _cistern_v1_GetDiskUsageResponse, _cistern_v1_GetDiskUsageRequest__Output, _cistern_v1_GetDiskUsageResponse__Output>
  ImportImages: MethodDefinition<_cistern_v1_ImportImagesRequest, _cistern_v1_ImportImagesResponse, _cistern_v1_ImportImagesRequest__Output, _cistern_v1_ImportImagesResponse__Output>
  InspectImage: MethodDefinition<_cistern_v1_InspectImageRequest, _cistern_v1_InspectImageResponse, _cistern_v1_InspectImageRequest__Output, _cistern_v1_InspectImageResponse__Output>
  ListImages: MethodDefinition<_cistern_v1_ListImagesRequest, _cistern_v1_ListImagesResponse, _cistern_v1_ListImagesRequest__Output, _cistern_v1_ListImagesResponse__Output>
  PinImage: MethodDefinition<_cistern_v1_PinImageRequest, _cistern_v1_PinImageResponse, _cistern_v1_PinImageRequest__Output, _cistern_v1_PinImageResponse__Output>
  UnpinImage: MethodDefinition<_cistern_v1_UnpinImageRequest, _cistern_v1_UnpinImageResponse, _cistern_v1_UnpinImageRequest__Output, _cistern_v1_UnpinImageResponse__Output>
  Verify: MethodDefinition<_cistern_v1_VerifyRequest, _cistern_v1_VerifyResponse, _cistern_v1_VerifyRequest__Output, _cistern_v1_VerifyResponse__Output>
}
