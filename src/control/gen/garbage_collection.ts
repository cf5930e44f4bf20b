import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { CollectGarbageRequest as _cistern_v1_CollectGarbageRequest, CollectGarbageRequest__Output as _cistern_v1_CollectGarbageRequest__Output } from './cistern/v1/CollectGarbageRequest.js';
import type { CollectGarbageResponse as _cistern_v1_CollectGarbageResponse, CollectGarbageResponse__Output as _cistern_v1_CollectGarbageResponse__Output } from './cistern/v1/CollectGarbageResponse.js';
import type { CollectedImage as _cistern_v1_CollectedImage, CollectedImage__Output as _cistern_v1_CollectedImage__Output } from './cistern/v1/CollectedImage.js';
import type { CollectedImages as _cistern_v1_CollectedImages, CollectedImages__Output as _cistern_v1_CollectedImages__Output } from './cistern/v1/CollectedImages.js';
import type { CollectionCounts as _cistern_v1_CollectionCounts, CollectionCounts__Output as _cistern_v1_CollectionCounts__Output } from './cistern/v1/CollectionCounts.js';
import type { CollectionProgress as _cistern_v1_CollectionProgress, CollectionProgress__Output as _cistern_v1_CollectionProgress__Output } from './cistern/v1/CollectionProgress.js';
import type { CollectionReport as _cistern_v1_CollectionReport, CollectionReport__Output as _cistern_v1_CollectionReport__Output } from './cistern/v1/CollectionReport.js';
import type { GarbageCollectionServiceClient as _cistern_v1_GarbageCollectionServiceClient, GarbageCollectionServiceDefinition as _cistern_v1_GarbageCollectionServiceDefinition } from './cistern/v1/GarbageCollectionService.js';
import type { GetCollectorStateRequest as _cistern_v1_GetCollectorStateRequest, GetCollectorStateRequest__Output as _cistern_v1_GetCollectorStateRequest__Output } from './cistern/v1/GetCollectorStateRequest.js';
import type { GetCollectorStateResponse as _cistern_v1_GetCollectorStateResponse, GetCollectorStateResponse__Output as _cistern_v1_GetCollectorStateResponse__Output } from './cistern/v1/GetCollectorStateResponse.js';
import type { RunningCollection as _cistern_v1_RunningCollection, RunningCollection__Output as _cistern_v1_RunningCollection__Output } from './cistern/v1/RunningCollection.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  cistern: {
    v1: {
      CollectGarbageRequest: MessageTypeDefinition<_cistern_v1_CollectGarbageRequest, _cistern_v1_CollectGarbageRequest__Output>
      CollectGarbageResponse: MessageTypeDefinition<_cistern_v1_CollectGarbageResponse, _cistern_v1_CollectGarbageResponse__Output>
      CollectedImage: MessageTypeDefinition<_cistern_v1_CollectedImage, _cistern_v1_CollectedImage__Output>
      CollectedImages: MessageTypeDefinition<_cistern_v1_CollectedImages, _cistern_v1_CollectedImages__Output>
      CollectionCounts: MessageTypeDefinition<_cistern_v1_CollectionCounts, _cistern_v1_CollectionCounts__Output>
      CollectionPhase: EnumTypeDefinition
      CollectionProgress: MessageTypeDefinition<_cistern_v1_CollectionProgress, _cistern_v1_CollectionProgress__Output>
      CollectionReason: EnumTypeDefinition
      CollectionReport: MessageTypeDefinition<_cistern_v1_CollectionReport, _cistern_v1_CollectionReport__Output>
      CollectionTrigger: EnumTypeDefinition
      GarbageCollectionService: SubtypeConstructor<typeof grpc.Client, _cistern_v1_GarbageCollectionServiceClient> & { service: _cistern_v1_GarbageCollectionServiceDefinition }
      GetCollectorStateRequest: MessageTypeDefinition<_cistern_v1_GetCollectorStateRequest, _cistern_v1_GetCollectorStateRequest__Output>
      GetCollectorStateResponse: MessageTypeDefinition<_cistern_v1_GetCollectorStateResponse, _cistern_v1_GetCollectorStateResponse__Output>
      RunningCollection: MessageTypeDefinition<_cistern_v1_RunningCollection, _cistern_v1_RunningCollection__Output>
    }
  }
  google: {
    protobuf: {
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

