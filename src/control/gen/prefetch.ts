import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { CancelPrefetchJobRequest as _cistern_v1_CancelPrefetchJobRequest, CancelPrefetchJobRequest__Output as _cistern_v1_CancelPrefetchJobRequest__Output } from './cistern/v1/CancelPrefetchJobRequest.js';
import type { CancelPrefetchJobResponse as _cistern_v1_CancelPrefetchJobResponse, CancelPrefetchJobResponse__Output as _cistern_v1_CancelPrefetchJobResponse__Output } from './cistern/v1/CancelPrefetchJobResponse.js';
import type { CheckOfflineRequest as _cistern_v1_CheckOfflineRequest, CheckOfflineRequest__Output as _cistern_v1_CheckOfflineRequest__Output } from './cistern/v1/CheckOfflineRequest.js';
import type { CheckOfflineResponse as _cistern_v1_CheckOfflineResponse, CheckOfflineResponse__Output as _cistern_v1_CheckOfflineResponse__Output } from './cistern/v1/CheckOfflineResponse.js';
import type { CreatePrefetchJobRequest as _cistern_v1_CreatePrefetchJobRequest, CreatePrefetchJobRequest__Output as _cistern_v1_CreatePrefetchJobRequest__Output } from './cistern/v1/CreatePrefetchJobRequest.js';
import type { CreatePrefetchJobResponse as _cistern_v1_CreatePrefetchJobResponse, CreatePrefetchJobResponse__Output as _cistern_v1_CreatePrefetchJobResponse__Output } from './cistern/v1/CreatePrefetchJobResponse.js';
import type { GetPrefetchJobRequest as _cistern_v1_GetPrefetchJobRequest, GetPrefetchJobRequest__Output as _cistern_v1_GetPrefetchJobRequest__Output } from './cistern/v1/GetPrefetchJobRequest.js';
import type { GetPrefetchJobResponse as _cistern_v1_GetPrefetchJobResponse, GetPrefetchJobResponse__Output as _cistern_v1_GetPrefetchJobResponse__Output } from './cistern/v1/GetPrefetchJobResponse.js';
import type { HeldBack as _cistern_v1_HeldBack, HeldBack__Output as _cistern_v1_HeldBack__Output } from './cistern/v1/HeldBack.js';
import type { JobError as _cistern_v1_JobError, JobError__Output as _cistern_v1_JobError__Output } from './cistern/v1/JobError.js';
import type { LayerProgress as _cistern_v1_LayerProgress, LayerProgress__Output as _cistern_v1_LayerProgress__Output } from './cistern/v1/LayerProgress.js';
import type { ListPrefetchJobsRequest as _cistern_v1_ListPrefetchJobsRequest, ListPrefetchJobsRequest__Output as _cistern_v1_ListPrefetchJobsRequest__Output } from './cistern/v1/ListPrefetchJobsRequest.js';
import type { ListPrefetchJobsResponse as _cistern_v1_ListPrefetchJobsResponse, ListPrefetchJobsResponse__Output as _cistern_v1_ListPrefetchJobsResponse__Output } from './cistern/v1/ListPrefetchJobsResponse.js';
import type { MissingBlob as _cistern_v1_MissingBlob, MissingBlob__Output as _cistern_v1_MissingBlob__Output } from './cistern/v1/MissingBlob.js';
import type { PlanPrefetchRequest as _cistern_v1_PlanPrefetchRequest, PlanPrefetchRequest__Output as _cistern_v1_PlanPrefetchRequest__Output } from './cistern/v1/PlanPrefetchRequest.js';
import type { PlanPrefetchResponse as _cistern_v1_PlanPrefetchResponse, PlanPrefetchResponse__Output as _cistern_v1_PlanPrefetchResponse__Output } from './cistern/v1/PlanPrefetchResponse.js';
import type { PlannedImage as _cistern_v1_PlannedImage, PlannedImage__Output as _cistern_v1_PlannedImage__Output } from './cistern/v1/PlannedImage.js';
import type { PrefetchJob as _cistern_v1_PrefetchJob, PrefetchJob__Output as _cistern_v1_PrefetchJob__Output } from './cistern/v1/PrefetchJob.js';
import type { PrefetchServiceClient as _cistern_v1_PrefetchServiceClient, PrefetchServiceDefinition as _cistern_v1_PrefetchServiceDefinition } from './cistern/v1/PrefetchService.js';
import type { PrefetchSpec as _cistern_v1_PrefetchSpec, PrefetchSpec__Output as _cistern_v1_PrefetchSpec__Output } from './cistern/v1/PrefetchSpec.js';
import type { PrefetchedImage as _cistern_v1_PrefetchedImage, PrefetchedImage__Output as _cistern_v1_PrefetchedImage__Output } from './cistern/v1/PrefetchedImage.js';
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
      CreatePrefetchJobRequest: MessageTypeDefinition<_cistern_v1_CreatePrefetchJobRequest, _cistern_v1_CreatePrefetchJobRequest__Output>
      CreatePrefetchJobResponse: MessageTypeDefinition<_cistern_v1_CreatePrefetchJobResponse, _cistern_v1_CreatePrefetchJobResponse__Output>
      GetPrefetchJobRequest: MessageTypeDefinition<_cistern_v1_GetPrefetchJobRequest, _cistern_v1_GetPrefetchJobRequest__Output>
      GetPrefetchJobResponse: MessageTypeDefinition<_cistern_v1_GetPrefetchJobResponse, _cistern_v1_GetPrefetchJobResponse__Output>
      HeldBack: MessageTypeDefinition<_cistern_v1_HeldBack, _cistern_v1_HeldBack__Output>
      JobError: MessageTypeDefinition<_cistern_v1_JobError, _cistern_v1_JobError__Output>
      JobOrigin: EnumTypeDefinition
      JobState: EnumTypeDefinition
      LayerProgress: MessageTypeDefinition<_cistern_v1_LayerProgress, _cistern_v1_LayerProgress__Output>
      ListPrefetchJobsRequest: MessageTypeDefinition<_cistern_v1_ListPrefetchJobsRequest, _cistern_v1_ListPrefetchJobsRequest__Output>
      ListPrefetchJobsResponse: MessageTypeDefinition<_cistern_v1_ListPrefetchJobsResponse, _cistern_v1_ListPrefetchJobsResponse__Output>
      MissingBlob: MessageTypeDefinition<_cistern_v1_MissingBlob, _cistern_v1_MissingBlob__Output>
      MissingReason: EnumTypeDefinition
      PlanPrefetchRequest: MessageTypeDefinition<_cistern_v1_PlanPrefetchRequest, _cistern_v1_PlanPrefetchRequest__Output>
      PlanPrefetchResponse: MessageTypeDefinition<_cistern_v1_PlanPrefetchResponse, _cistern_v1_PlanPrefetchResponse__Output>
      PlannedImage: MessageTypeDefinition<_cistern_v1_PlannedImage, _cistern_v1_PlannedImage__Output>
      PrefetchJob: MessageTypeDefinition<_cistern_v1_PrefetchJob, _cistern_v1_PrefetchJob__Output>
      PrefetchService: SubtypeConstructor<typeof grpc.Client, _cistern_v1_PrefetchServiceClient> & { service: _cistern_v1_PrefetchServiceDefinition }
      PrefetchSpec: MessageTypeDefinition<_cistern_v1_PrefetchSpec, _cistern_v1_PrefetchSpec__Output>
      PrefetchedImage: MessageTypeDefinition<_cistern_v1_PrefetchedImage, _cistern_v1_PrefetchedImage__Output>
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

