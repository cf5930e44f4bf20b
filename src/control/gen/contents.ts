import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ContentsServiceClient as _cistern_v1_ContentsServiceClient, ContentsServiceDefinition as _cistern_v1_ContentsServiceDefinition } from './cistern/v1/ContentsService.js';
import type { CorruptBlob as _cistern_v1_CorruptBlob, CorruptBlob__Output as _cistern_v1_CorruptBlob__Output } from './cistern/v1/CorruptBlob.js';
import type { EvictImageRequest as _cistern_v1_EvictImageRequest, EvictImageRequest__Output as _cistern_v1_EvictImageRequest__Output } from './cistern/v1/EvictImageRequest.js';
import type { EvictImageResponse as _cistern_v1_EvictImageResponse, EvictImageResponse__Output as _cistern_v1_EvictImageResponse__Output } from './cistern/v1/EvictImageResponse.js';
import type { ExportImagesRequest as _cistern_v1_ExportImagesRequest, ExportImagesRequest__Output as _cistern_v1_ExportImagesRequest__Output } from './cistern/v1/ExportImagesRequest.js';
import type { ExportImagesResponse as _cistern_v1_ExportImagesResponse, ExportImagesResponse__Output as _cistern_v1_ExportImagesResponse__Output } from './cistern/v1/ExportImagesResponse.js';
import type { GetDiskUsageRequest as _cistern_v1_GetDiskUsageRequest, GetDiskUsageRequest__Output as _cistern_v1_GetDiskUsageRequest__Output } from './cistern/v1/GetDiskUsageRequest.js';
import type { GetDiskUsageResponse as _cistern_v1_GetDiskUsageResponse, GetDiskUsageResponse__Output as _cistern_v1_GetDiskUsageResponse__Output } from './cistern/v1/GetDiskUsageResponse.js';
import type { HistoryEntry as _cistern_v1_HistoryEntry, HistoryEntry__Output as _cistern_v1_HistoryEntry__Output } from './cistern/v1/HistoryEntry.js';
import type { ImportImagesRequest as _cistern_v1_ImportImagesRequest, ImportImagesRequest__Output as _cistern_v1_ImportImagesRequest__Output } from './cistern/v1/ImportImagesRequest.js';
import type { ImportImagesResponse as _cistern_v1_ImportImagesResponse, ImportImagesResponse__Output as _cistern_v1_ImportImagesResponse__Output } from './cistern/v1/ImportImagesResponse.js';
import type { ImportedImage as _cistern_v1_ImportedImage, ImportedImage__Output as _cistern_v1_ImportedImage__Output } from './cistern/v1/ImportedImage.js';
import type { InspectImageRequest as _cistern_v1_InspectImageRequest, InspectImageRequest__Output as _cistern_v1_InspectImageRequest__Output } from './cistern/v1/InspectImageRequest.js';
import type { InspectImageResponse as _cistern_v1_InspectImageResponse, InspectImageResponse__Output as _cistern_v1_InspectImageResponse__Output } from './cistern/v1/InspectImageResponse.js';
import type { InspectedLayer as _cistern_v1_InspectedLayer, InspectedLayer__Output as _cistern_v1_InspectedLayer__Output } from './cistern/v1/InspectedLayer.js';
import type { InspectedPlatform as _cistern_v1_InspectedPlatform, InspectedPlatform__Output as _cistern_v1_InspectedPlatform__Output } from './cistern/v1/InspectedPlatform.js';
import type { ListImagesRequest as _cistern_v1_ListImagesRequest, ListImagesRequest__Output as _cistern_v1_ListImagesRequest__Output } from './cistern/v1/ListImagesRequest.js';
import type { ListImagesResponse as _cistern_v1_ListImagesResponse, ListImagesResponse__Output as _cistern_v1_ListImagesResponse__Output } from './cistern/v1/ListImagesResponse.js';
import type { PastDigest as _cistern_v1_PastDigest, PastDigest__Output as _cistern_v1_PastDigest__Output } from './cistern/v1/PastDigest.js';
import type { PinImageRequest as _cistern_v1_PinImageRequest, PinImageRequest__Output as _cistern_v1_PinImageRequest__Output } from './cistern/v1/PinImageRequest.js';
import type { PinImageResponse as _cistern_v1_PinImageResponse, PinImageResponse__Output as _cistern_v1_PinImageResponse__Output } from './cistern/v1/PinImageResponse.js';
import type { Referrer as _cistern_v1_Referrer, Referrer__Output as _cistern_v1_Referrer__Output } from './cistern/v1/Referrer.js';
import type { StoredImage as _cistern_v1_StoredImage, StoredImage__Output as _cistern_v1_StoredImage__Output } from './cistern/v1/StoredImage.js';
import type { UnpinImageRequest as _cistern_v1_UnpinImageRequest, UnpinImageRequest__Output as _cistern_v1_UnpinImageRequest__Output } from './cistern/v1/UnpinImageRequest.js';
import type { UnpinImageResponse as _cistern_v1_UnpinImageResponse, UnpinImageResponse__Output as _cistern_v1_UnpinImageResponse__Output } from './cistern/v1/UnpinImageResponse.js';
import type { VerifyProgress as _cistern_v1_VerifyProgress, VerifyProgress__Output as _cistern_v1_VerifyProgress__Output } from './cistern/v1/VerifyProgress.js';
import type { VerifyReport as _cistern_v1_VerifyReport, VerifyReport__Output as _cistern_v1_VerifyReport__Output } from './cistern/v1/VerifyReport.js';
import type { VerifyRequest as _cistern_v1_VerifyRequest, VerifyRequest__Output as _cistern_v1_VerifyRequest__Output } from './cistern/v1/VerifyRequest.js';
import type { VerifyResponse as _cistern_v1_VerifyResponse, VerifyResponse__Output as _cistern_v1_VerifyResponse__Output } from './cistern/v1/VerifyResponse.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  cistern: {
    v1: {
      ContentsService: SubtypeConstructor<typeof grpc.Client, _cistern_v1_ContentsServiceClient> & { service: _cistern_v1_ContentsServiceDefinition }
      CorruptAction: EnumTypeDefinition
      CorruptBlob: MessageTypeDefinition<_cistern_v1_CorruptBlob, _cistern_v1_CorruptBlob__Output>
      EvictImageRequest: MessageTypeDefinition<_cistern_v1_EvictImageRequest, _cistern_v1_EvictImageRequest__Output>
      EvictImageResponse: MessageTypeDefinition<_cistern_v1_EvictImageResponse, _cistern_v1_EvictImageResponse__Output>
      ExportImagesRequest: MessageTypeDefinition<_cistern_v1_ExportImagesRequest, _cistern_v1_ExportImagesRequest__Output>
      ExportImagesResponse: MessageTypeDefinition<_cistern_v1_ExportImagesResponse, _cistern_v1_ExportImagesResponse__Output>
      GetDiskUsageRequest: MessageTypeDefinition<_cistern_v1_GetDiskUsageRequest, _cistern_v1_GetDiskUsageRequest__Output>
      GetDiskUsageResponse: MessageTypeDefinition<_cistern_v1_GetDiskUsageResponse, _cistern_v1_GetDiskUsageResponse__Output>
      HistoryEntry: MessageTypeDefinition<_cistern_v1_HistoryEntry, _cistern_v1_HistoryEntry__Output>
      ImportImagesRequest: MessageTypeDefinition<_cistern_v1_ImportImagesRequest, _cistern_v1_ImportImagesRequest__Output>
      ImportImagesResponse: MessageTypeDefinition<_cistern_v1_ImportImagesResponse, _cistern_v1_ImportImagesResponse__Output>
      ImportedImage: MessageTypeDefinition<_cistern_v1_ImportedImage, _cistern_v1_ImportedImage__Output>
      InspectImageRequest: MessageTypeDefinition<_cistern_v1_InspectImageRequest, _cistern_v1_InspectImageRequest__Output>
      InspectImageResponse: MessageTypeDefinition<_cistern_v1_InspectImageResponse, _cistern_v1_InspectImageResponse__Output>
      InspectedLayer: MessageTypeDefinition<_cistern_v1_InspectedLayer, _cistern_v1_InspectedLayer__Output>
      InspectedPlatform: MessageTypeDefinition<_cistern_v1_InspectedPlatform, _cistern_v1_InspectedPlatform__Output>
      ListImagesRequest: MessageTypeDefinition<_cistern_v1_ListImagesRequest, _cistern_v1_ListImagesRequest__Output>
      ListImagesResponse: MessageTypeDefinition<_cistern_v1_ListImagesResponse, _cistern_v1_ListImagesResponse__Output>
      PastDigest: MessageTypeDefinition<_cistern_v1_PastDigest, _cistern_v1_PastDigest__Output>
      PinImageRequest: MessageTypeDefinition<_cistern_v1_PinImageRequest, _cistern_v1_PinImageRequest__Output>
      PinImageResponse: MessageTypeDefinition<_cistern_v1_PinImageResponse, _cistern_v1_PinImageResponse__Output>
      Referrer: MessageTypeDefinition<_cistern_v1_Referrer, _cistern_v1_Referrer__Output>
      StoredImage: MessageTypeDefinition<_cistern_v1_StoredImage, _cistern_v1_StoredImage__Output>
      UnpinImageRequest: MessageTypeDefinition<_cistern_v1_UnpinImageRequest, _cistern_v1_UnpinImageRequest__Output>
      UnpinImageResponse: MessageTypeDefinition<_cistern_v1_UnpinImageResponse, _cistern_v1_UnpinImageResponse__Output>
      VerifyProgress: MessageTypeDefinition<_cistern_v1_VerifyProgress, _cistern_v1_VerifyProgress__Output>
      VerifyReport: MessageTypeDefinition<_cistern_v1_VerifyReport, _cistern_v1_VerifyReport__Output>
      VerifyRequest: MessageTypeDefinition<_cistern_v1_VerifyRequest, _cistern_v1_VerifyRequest__Output>
      VerifyResponse: MessageTypeDefinition<_cistern_v1_VerifyResponse, _cistern_v1_VerifyResponse__Output>
    }
  }
  google: {
    protobuf: {
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

