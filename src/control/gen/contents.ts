import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { CancelPrefetchJobRequest as _cistern_v1_CancelPrefetchJobRequest, CancelPrefetchJobRequest__Output as _cistern_v1_CancelPrefetchJobRequest__Output } from './cistern/v1/CancelPrefetchJobRequest.js';
import type { CancelPrefetchJobResponse as _cistern_v1_CancelPrefetchJobResponse, CancelPrefetchJobResponse__Output as _cistern_v1_CancelPrefetchJobResponse__Output } from './cistern/v1/CancelPrefetchJobResponse.js';
import type { CheckOfflineRequest as _cistern_v1_CheckOfflineRequest, CheckOfflineRequest__Output as _cistern_v1_CheckOfflineRequest__Output } from './cistern/v1/CheckOfflineRequest.js';
import type { CheckOfflineResponse as _cistern_v1_CheckOfflineResponse, CheckOfflineResponse__Output as _cistern_v1_CheckOfflineResponse__Output } from './cistern/v1/CheckOfflineResponse.js';
import type { ContentsServiceClient as _cistern_v1_ContentsServiceClient, ContentsServiceDefinition as _cistern_v1_ContentsServiceDefinition } from './cistern/v1/ContentsService.js';
import type { CorruptBlob as _cistern_v1_CorruptBlob, CorruptBlob__Output as _cistern_v1_CorruptBlob__Output } from './cistern/v1/CorruptBlob.js';
import type { CreatePrefetchJobRequest as _cistern_v1_CreatePrefetchJobRequest, CreatePrefetchJobRequest__Output as _cistern_v1_CreatePrefetchJobRequest__Output } from './cistern/v1/CreatePrefetchJobRequest.js';
import type { CreatePrefetchJobResponse as _cistern_v1_CreatePrefetchJobResponse, CreatePrefetchJobResponse__Output as _cistern_v1_CreatePrefetchJobResponse__Output } from './cistern/v1/CreatePrefetchJobResponse.js';
import type { EvictImageRequest as _cistern_v1_EvictImageRequest, EvictImageRequest__Output as _cistern_v1_EvictImageRequest__Output } from './cistern/v1/EvictImageRequest.js';
import type { EvictImageResponse as _cistern_v1_EvictImageResponse, EvictImageResponse__Output as _cistern_v1_EvictImageResponse__Output } from './cistern/v1/EvictImageResponse.js';
import type { ExplainRequest as _cistern_v1_ExplainRequest, ExplainRequest__Output as _cistern_v1_ExplainRequest__Output } from './cistern/v1/ExplainRequest.js';
import type { ExplainResponse as _cistern_v1_ExplainResponse, ExplainResponse__Output as _cistern_v1_ExplainResponse__Output } from './cistern/v1/ExplainResponse.js';
import type { ExplainedFill as _cistern_v1_ExplainedFill, ExplainedFill__Output as _cistern_v1_ExplainedFill__Output } from './cistern/v1/ExplainedFill.js';
import type { ExplainedLink as _cistern_v1_ExplainedLink, ExplainedLink__Output as _cistern_v1_ExplainedLink__Output } from './cistern/v1/ExplainedLink.js';
import type { ExplainedTag as _cistern_v1_ExplainedTag, ExplainedTag__Output as _cistern_v1_ExplainedTag__Output } from './cistern/v1/ExplainedTag.js';
import type { ExportImagesRequest as _cistern_v1_ExportImagesRequest, ExportImagesRequest__Output as _cistern_v1_ExportImagesRequest__Output } from './cistern/v1/ExportImagesRequest.js';
import type { ExportImagesResponse as _cistern_v1_ExportImagesResponse, ExportImagesResponse__Output as _cistern_v1_ExportImagesResponse__Output } from './cistern/v1/ExportImagesResponse.js';
import type { GetDiskUsageRequest as _cistern_v1_GetDiskUsageRequest, GetDiskUsageRequest__Output as _cistern_v1_GetDiskUsageRequest__Output } from './cistern/v1/GetDiskUsageRequest.js';
import type { GetDiskUsageResponse as _cistern_v1_GetDiskUsageResponse, GetDiskUsageResponse__Output as _cistern_v1_GetDiskUsageResponse__Output } from './cistern/v1/GetDiskUsageResponse.js';
import type { GetPrefetchJobRequest as _cistern_v1_GetPrefetchJobRequest, GetPrefetchJobRequest__Output as _cistern_v1_GetPrefetchJobRequest__Output } from './cistern/v1/GetPrefetchJobRequest.js';
import type { GetPrefetchJobResponse as _cistern_v1_GetPrefetchJobResponse, GetPrefetchJobResponse__Output as _cistern_v1_GetPrefetchJobResponse__Output } from './cistern/v1/GetPrefetchJobResponse.js';
import type { HeldBack as _cistern_v1_HeldBack, HeldBack__Output as _cistern_v1_HeldBack__Output } from './cistern/v1/HeldBack.js';
import type { HistoryEntry as _cistern_v1_HistoryEntry, HistoryEntry__Output as _cistern_v1_HistoryEntry__Output } from './cistern/v1/HistoryEntry.js';
import type { ImportImagesRequest as _cistern_v1_ImportImagesRequest, ImportImagesRequest__Output as _cistern_v1_ImportImagesRequest__Output } from './cistern/v1/ImportImagesRequest.js';
import type { ImportImagesResponse as _cistern_v1_ImportImagesResponse, ImportImagesResponse__Output as _cistern_v1_ImportImagesResponse__Output } from './cistern/v1/ImportImagesResponse.js';
import type { ImportedImage as _cistern_v1_ImportedImage, ImportedImage__Output as _cistern_v1_ImportedImage__Output } from './cistern/v1/ImportedImage.js';
import type { InspectImageRequest as _cistern_v1_InspectImageRequest, InspectImageRequest__Output as _cistern_v1_InspectImageRequest__Output } from './cistern/v1/InspectImageRequest.js';
import type { InspectImageResponse as _cistern_v1_InspectImageResponse, InspectImageResponse__Output as _cistern_v1_InspectImageResponse__Output } from './cistern/v1/InspectImageResponse.js';
import type { InspectedLayer as _cistern_v1_InspectedLayer, InspectedLayer__Output as _cistern_v1_InspectedLayer__Output } from './cistern/v1/InspectedLayer.js';
import type { InspectedPlatform as _cistern_v1_InspectedPlatform, InspectedPlatform__Output as _cistern_v1_InspectedPlatform__Output } from './cistern/v1/InspectedPlatform.js';
import type { JobError as _cistern_v1_JobError, JobError__Output as _cistern_v1_JobError__Output } from './cistern/v1/JobError.js';
import type { Keeper as _cistern_v1_Keeper, Keeper__Output as _cistern_v1_Keeper__Output } from './cistern/v1/Keeper.js';
import type { LastAnswer as _cistern_v1_LastAnswer, LastAnswer__Output as _cistern_v1_LastAnswer__Output } from './cistern/v1/LastAnswer.js';
import type { LayerProgress as _cistern_v1_LayerProgress, LayerProgress__Output as _cistern_v1_LayerProgress__Output } from './cistern/v1/LayerProgress.js';
import type { ListImagesRequest as _cistern_v1_ListImagesRequest, ListImagesRequest__Output as _cistern_v1_ListImagesRequest__Output } from './cistern/v1/ListImagesRequest.js';
import type { ListImagesResponse as _cistern_v1_ListImagesResponse, ListImagesResponse__Output as _cistern_v1_ListImagesResponse__Output } from './cistern/v1/ListImagesResponse.js';
import type { ListPrefetchJobsRequest as _cistern_v1_ListPrefetchJobsRequest, ListPrefetchJobsRequest__Output as _cistern_v1_ListPrefetchJobsRequest__Output } from './cistern/v1/ListPrefetchJobsRequest.js';
import type { ListPrefetchJobsResponse as _cistern_v1_ListPrefetchJobsResponse, ListPrefetchJobsResponse__Output as _cistern_v1_ListPrefetchJobsResponse__Output } from './cistern/v1/ListPrefetchJobsResponse.js';
import type { MissingBlob as _cistern_v1_MissingBlob, MissingBlob__Output as _cistern_v1_MissingBlob__Output } from './cistern/v1/MissingBlob.js';
import type { PastDigest as _cistern_v1_PastDigest, PastDigest__Output as _cistern_v1_PastDigest__Output } from './cistern/v1/PastDigest.js';
import type { PinImageRequest as _cistern_v1_PinImageRequest, PinImageRequest__Output as _cistern_v1_PinImageRequest__Output } from './cistern/v1/PinImageRequest.js';
import type { PinImageResponse as _cistern_v1_PinImageResponse, PinImageResponse__Output as _cistern_v1_PinImageResponse__Output } from './cistern/v1/PinImageResponse.js';
import type { PlanPrefetchRequest as _cistern_v1_PlanPrefetchRequest, PlanPrefetchRequest__Output as _cistern_v1_PlanPrefetchRequest__Output } from './cistern/v1/PlanPrefetchRequest.js';
import type { PlanPrefetchResponse as _cistern_v1_PlanPrefetchResponse, PlanPrefetchResponse__Output as _cistern_v1_PlanPrefetchResponse__Output } from './cistern/v1/PlanPrefetchResponse.js';
import type { PlannedImage as _cistern_v1_PlannedImage, PlannedImage__Output as _cistern_v1_PlannedImage__Output } from './cistern/v1/PlannedImage.js';
import type { PrefetchJob as _cistern_v1_PrefetchJob, PrefetchJob__Output as _cistern_v1_PrefetchJob__Output } from './cistern/v1/PrefetchJob.js';
import type { PrefetchServiceClient as _cistern_v1_PrefetchServiceClient, PrefetchServiceDefinition as _cistern_v1_PrefetchServiceDefinition } from './cistern/v1/PrefetchService.js';
import type { PrefetchSpec as _cistern_v1_PrefetchSpec, PrefetchSpec__Output as _cistern_v1_PrefetchSpec__Output } from './cistern/v1/PrefetchSpec.js';
import type { PrefetchedImage as _cistern_v1_PrefetchedImage, PrefetchedImage__Output as _cistern_v1_PrefetchedImage__Output } from './cistern/v1/PrefetchedImage.js';
import type { Referrer as _cistern_v1_Referrer, Referrer__Output as _cistern_v1_Referrer__Output } from './cistern/v1/Referrer.js';
import type { StoredImage as _cistern_v1_StoredImage, StoredImage__Output as _cistern_v1_StoredImage__Output } from './cistern/v1/StoredImage.js';
import type { UnpinImageRequest as _cistern_v1_UnpinImageRequest, UnpinImageRequest__Output as _cistern_v1_UnpinImageRequest__Output } from './cistern/v1/UnpinImageRequest.js';
import type { UnpinImageResponse as _cistern_v1_UnpinImageResponse, UnpinImageResponse__Output as _cistern_v1_UnpinImageResponse__Output } from './cistern/v1/UnpinImageResponse.js';
import type { VerifyProgress as _cistern_v1_VerifyProgress, VerifyProgress__Output as _cistern_v1_VerifyProgress__Output } from './cistern/v1/VerifyProgress.js';
import type { VerifyReport as _cistern_v1_VerifyReport, VerifyReport__Output as _cistern_v1_VerifyReport__Output } from './cistern/v1/VerifyReport.js';
import type { VerifyRequest as _cistern_v1_VerifyRequest, VerifyRequest__Output as _cistern_v1_VerifyRequest__Output } from './cistern/v1/VerifyRequest.js';
import type { VerifyResponse as _cistern_v1_VerifyResponse, VerifyResponse__Output as _cistern_v1_VerifyResponse__Output } from './cistern/v1/VerifyResponse.js';
import type { WatchPrefetchJobRequest as _cistern_v1_WatchPrefetchJobRequest, WatchPrefetchJobRequest__Output as _cistern_v1_WatchPrefetchJobRequest__Output } from './cistern/v1/WatchPrefetchJobRequest.js';
import type { WatchPrefetchJobResponse as _cistern_v1_WatchPrefetchJobResponse, WatchPrefetchJobResponse__Output as _cistern_v1_WatchPrefetchJobResponse__Output } from './cistern/v1/WatchPrefetchJobResponse.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  cistern: {
    v1: {
      CancelPrefetchJobRequest: MessageTypeDefinition<_cistern_v1_CancelPrefetchJobRequest, _cistern_v1_CancelPrefetchJobRequest__Output>
      CancelPrefetchJobResponse: MessageTypeDefinition<_cistern_v1_CancelPrefetchJobResponse, _cistern_v1_CancelPrefetchJobResponse__Output>
      CheckOfflineRequest: MessageTypeDefinition<_cistern_v1_CheckOfflineRequest, _cistern_v1_CheckOfflineRequest__Output>
      CheckOfflineResponse: MessageTypeDefinition<_cistern_v1_CheckOfflineResponse, _cistern_v1_CheckOfflineResponse__Output>
      ContentsService: SubtypeConstructor<typeof grpc.Client, _cistern_v1_ContentsServiceClient> & { service: _cistern_v1_ContentsServiceDefinition }
      CorruptAction: EnumTypeDefinition
      CorruptBlob: MessageTypeDefinition<_cistern_v1_CorruptBlob, _cistern_v1_CorruptBlob__Output>
      CreatePrefetchJobRequest: MessageTypeDefinition<_cistern_v1_CreatePrefetchJobRequest, _cistern_v1_CreatePrefetchJobRequest__Output>
      CreatePrefetchJobResponse: MessageTypeDefinition<_cistern_v1_CreatePrefetchJobResponse, _cistern_v1_CreatePrefetchJobResponse__Output>
      EvictImageRequest: MessageTypeDefinition<_cistern_v1_EvictImageRequest, _cistern_v1_EvictImageRequest__Output>
      EvictImageResponse: MessageTypeDefinition<_cistern_v1_EvictImageResponse, _cistern_v1_EvictImageResponse__Output>
      ExplainRequest: MessageTypeDefinition<_cistern_v1_ExplainRequest, _cistern_v1_ExplainRequest__Output>
      ExplainResponse: MessageTypeDefinition<_cistern_v1_ExplainResponse, _cistern_v1_ExplainResponse__Output>
      ExplainedFill: MessageTypeDefinition<_cistern_v1_ExplainedFill, _cistern_v1_ExplainedFill__Output>
      ExplainedLink: MessageTypeDefinition<_cistern_v1_ExplainedLink, _cistern_v1_ExplainedLink__Output>
      ExplainedTag: MessageTypeDefinition<_cistern_v1_ExplainedTag, _cistern_v1_ExplainedTag__Output>
      ExportImagesRequest: MessageTypeDefinition<_cistern_v1_ExportImagesRequest, _cistern_v1_ExportImagesRequest__Output>
      ExportImagesResponse: MessageTypeDefinition<_cistern_v1_ExportImagesResponse, _cistern_v1_ExportImagesResponse__Output>
      GetDiskUsageRequest: MessageTypeDefinition<_cistern_v1_GetDiskUsageRequest, _cistern_v1_GetDiskUsageRequest__Output>
      GetDiskUsageResponse: MessageTypeDefinition<_cistern_v1_GetDiskUsageResponse, _cistern_v1_GetDiskUsageResponse__Output>
      GetPrefetchJobRequest: MessageTypeDefinition<_cistern_v1_GetPrefetchJobRequest, _cistern_v1_GetPrefetchJobRequest__Output>
      GetPrefetchJobResponse: MessageTypeDefinition<_cistern_v1_GetPrefetchJobResponse, _cistern_v1_GetPrefetchJobResponse__Output>
      HeldBack: MessageTypeDefinition<_cistern_v1_HeldBack, _cistern_v1_HeldBack__Output>
      HistoryEntry: MessageTypeDefinition<_cistern_v1_HistoryEntry, _cistern_v1_HistoryEntry__Output>
      ImportImagesRequest: MessageTypeDefinition<_cistern_v1_ImportImagesRequest, _cistern_v1_ImportImagesRequest__Output>
      ImportImagesResponse: MessageTypeDefinition<_cistern_v1_ImportImagesResponse, _cistern_v1_ImportImagesResponse__Output>
      ImportedImage: MessageTypeDefinition<_cistern_v1_ImportedImage, _cistern_v1_ImportedImage__Output>
      InspectImageRequest: MessageTypeDefinition<_cistern_v1_InspectImageRequest, _cistern_v1_InspectImageRequest__Output>
      InspectImageResponse: MessageTypeDefinition<_cistern_v1_InspectImageResponse, _cistern_v1_InspectImageResponse__Output>
      InspectedLayer: MessageTypeDefinition<_cistern_v1_InspectedLayer, _cistern_v1_InspectedLayer__Output>
      InspectedPlatform: MessageTypeDefinition<_cistern_v1_InspectedPlatform, _cistern_v1_InspectedPlatform__Output>
      JobError: MessageTypeDefinition<_cistern_v1_JobError, _cistern_v1_JobError__Output>
      JobOrigin: EnumTypeDefinition
      JobState: EnumTypeDefinition
      Keeper: MessageTypeDefinition<_cistern_v1_Keeper, _cistern_v1_Keeper__Output>
      KeeperKind: EnumTypeDefinition
      LastAnswer: MessageTypeDefinition<_cistern_v1_LastAnswer, _cistern_v1_LastAnswer__Output>
      LayerProgress: MessageTypeDefinition<_cistern_v1_LayerProgress, _cistern_v1_LayerProgress__Output>
      ListImagesRequest: MessageTypeDefinition<_cistern_v1_ListImagesRequest, _cistern_v1_ListImagesRequest__Output>
      ListImagesResponse: MessageTypeDefinition<_cistern_v1_ListImagesResponse, _cistern_v1_ListImagesResponse__Output>
      ListPrefetchJobsRequest: MessageTypeDefinition<_cistern_v1_ListPrefetchJobsRequest, _cistern_v1_ListPrefetchJobsRequest__Output>
      ListPrefetchJobsResponse: MessageTypeDefinition<_cistern_v1_ListPrefetchJobsResponse, _cistern_v1_ListPrefetchJobsResponse__Output>
      MissingBlob: MessageTypeDefinition<_cistern_v1_MissingBlob, _cistern_v1_MissingBlob__Output>
      MissingReason: EnumTypeDefinition
      PastDigest: MessageTypeDefinition<_cistern_v1_PastDigest, _cistern_v1_PastDigest__Output>
      PinImageRequest: MessageTypeDefinition<_cistern_v1_PinImageRequest, _cistern_v1_PinImageRequest__Output>
      PinImageResponse: MessageTypeDefinition<_cistern_v1_PinImageResponse, _cistern_v1_PinImageResponse__Output>
      PlanPrefetchRequest: MessageTypeDefinition<_cistern_v1_PlanPrefetchRequest, _cistern_v1_PlanPrefetchRequest__Output>
      PlanPrefetchResponse: MessageTypeDefinition<_cistern_v1_PlanPrefetchResponse, _cistern_v1_PlanPrefetchResponse__Output>
      PlannedImage: MessageTypeDefinition<_cistern_v1_PlannedImage, _cistern_v1_PlannedImage__Output>
      PrefetchJob: MessageTypeDefinition<_cistern_v1_PrefetchJob, _cistern_v1_PrefetchJob__Output>
      PrefetchService: SubtypeConstructor<typeof grpc.Client, _cistern_v1_PrefetchServiceClient> & { service: _cistern_v1_PrefetchServiceDefinition }
      PrefetchSpec: MessageTypeDefinition<_cistern_v1_PrefetchSpec, _cistern_v1_PrefetchSpec__Output>
      PrefetchedImage: MessageTypeDefinition<_cistern_v1_PrefetchedImage, _cistern_v1_PrefetchedImage__Output>
      Presence: EnumTypeDefinition
      Referrer: MessageTypeDefinition<_cistern_v1_Referrer, _cistern_v1_Referrer__Output>
      Remover: EnumTypeDefinition
      StoredImage: MessageTypeDefinition<_cistern_v1_StoredImage, _cistern_v1_StoredImage__Output>
      UnpinImageRequest: MessageTypeDefinition<_cistern_v1_UnpinImageRequest, _cistern_v1_UnpinImageRequest__Output>
      UnpinImageResponse: MessageTypeDefinition<_cistern_v1_UnpinImageResponse, _cistern_v1_UnpinImageResponse__Output>
      VerifyProgress: MessageTypeDefinition<_cistern_v1_VerifyProgress, _cistern_v1_VerifyProgress__Output>
      VerifyReport: MessageTypeDefinition<_cistern_v1_VerifyReport, _cistern_v1_VerifyReport__Output>
      VerifyRequest: MessageTypeDefinition<_cistern_v1_VerifyRequest, _cistern_v1_VerifyRequest__Output>
      VerifyResponse: MessageTypeDefinition<_cistern_v1_VerifyResponse, _cistern_v1_VerifyResponse__Output>
      WatchPrefetchJobRequest: MessageTypeDefinition<_cistern_v1_WatchPrefetchJobRequest, _cistern_v1_WatchPrefetchJobRequest__Output>
      WatchPrefetchJobResponse: MessageTypeDefinition<_cistern_v1_WatchPrefetchJobResponse, _cistern_v1_WatchPrefetchJobResponse__Output>
    }
  }
  google: {
    protobuf: {
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

