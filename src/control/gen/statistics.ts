import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Counts as _cistern_v1_Counts, Counts__Output as _cistern_v1_Counts__Output } from './cistern/v1/Counts.js';
import type { GetStatisticsRequest as _cistern_v1_GetStatisticsRequest, GetStatisticsRequest__Output as _cistern_v1_GetStatisticsRequest__Output } from './cistern/v1/GetStatisticsRequest.js';
import type { GetStatisticsResponse as _cistern_v1_GetStatisticsResponse, GetStatisticsResponse__Output as _cistern_v1_GetStatisticsResponse__Output } from './cistern/v1/GetStatisticsResponse.js';
import type { StatisticsGroup as _cistern_v1_StatisticsGroup, StatisticsGroup__Output as _cistern_v1_StatisticsGroup__Output } from './cistern/v1/StatisticsGroup.js';
import type { StatisticsServiceClient as _cistern_v1_StatisticsServiceClient, StatisticsServiceDefinition as _cistern_v1_StatisticsServiceDefinition } from './cistern/v1/StatisticsService.js';
import type { Tally as _cistern_v1_Tally, Tally__Output as _cistern_v1_Tally__Output } from './cistern/v1/Tally.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  cistern: {
    v1: {
      Counts: MessageTypeDefinition<_cistern_v1_Counts, _cistern_v1_Counts__Output>
      GetStatisticsRequest: MessageTypeDefinition<_cistern_v1_GetStatisticsRequest, _cistern_v1_GetStatisticsRequest__Output>
      GetStatisticsResponse: MessageTypeDefinition<_cistern_v1_GetStatisticsResponse, _cistern_v1_GetStatisticsResponse__Output>
      Grouping: EnumTypeDefinition
      StatisticsGroup: MessageTypeDefinition<_cistern_v1_StatisticsGroup, _cistern_v1_StatisticsGroup__Output>
      StatisticsService: SubtypeConstructor<typeof grpc.Client, _cistern_v1_StatisticsServiceClient> & { service: _cistern_v1_StatisticsServiceDefinition }
      Tally: MessageTypeDefinition<_cistern_v1_Tally, _cistern_v1_Tally__Output>
    }
  }
  google: {
    protobuf: {
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

