import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { DiagnoseRequest as _cistern_v1_DiagnoseRequest, DiagnoseRequest__Output as _cistern_v1_DiagnoseRequest__Output } from './cistern/v1/DiagnoseRequest.js';
import type { DiagnoseResponse as _cistern_v1_DiagnoseResponse, DiagnoseResponse__Output as _cistern_v1_DiagnoseResponse__Output } from './cistern/v1/DiagnoseResponse.js';
import type { ListUpstreamsRequest as _cistern_v1_ListUpstreamsRequest, ListUpstreamsRequest__Output as _cistern_v1_ListUpstreamsRequest__Output } from './cistern/v1/ListUpstreamsRequest.js';
import type { ListUpstreamsResponse as _cistern_v1_ListUpstreamsResponse, ListUpstreamsResponse__Output as _cistern_v1_ListUpstreamsResponse__Output } from './cistern/v1/ListUpstreamsResponse.js';
import type { RateLimit as _cistern_v1_RateLimit, RateLimit__Output as _cistern_v1_RateLimit__Output } from './cistern/v1/RateLimit.js';
import type { Upstream as _cistern_v1_Upstream, Upstream__Output as _cistern_v1_Upstream__Output } from './cistern/v1/Upstream.js';
import type { UpstreamCredential as _cistern_v1_UpstreamCredential, UpstreamCredential__Output as _cistern_v1_UpstreamCredential__Output } from './cistern/v1/UpstreamCredential.js';
import type { UpstreamsServiceClient as _cistern_v1_UpstreamsServiceClient, UpstreamsServiceDefinition as _cistern_v1_UpstreamsServiceDefinition } from './cistern/v1/UpstreamsService.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  cistern: {
    v1: {
      BreakerState: EnumTypeDefinition
      DiagnoseRequest: MessageTypeDefinition<_cistern_v1_DiagnoseRequest, _cistern_v1_DiagnoseRequest__Output>
      DiagnoseResponse: MessageTypeDefinition<_cistern_v1_DiagnoseResponse, _cistern_v1_DiagnoseResponse__Output>
      DiagnosedPart: EnumTypeDefinition
      DiagnosisResult: EnumTypeDefinition
      ListUpstreamsRequest: MessageTypeDefinition<_cistern_v1_ListUpstreamsRequest, _cistern_v1_ListUpstreamsRequest__Output>
      ListUpstreamsResponse: MessageTypeDefinition<_cistern_v1_ListUpstreamsResponse, _cistern_v1_ListUpstreamsResponse__Output>
      RateLimit: MessageTypeDefinition<_cistern_v1_RateLimit, _cistern_v1_RateLimit__Output>
      Upstream: MessageTypeDefinition<_cistern_v1_Upstream, _cistern_v1_Upstream__Output>
      UpstreamCredential: MessageTypeDefinition<_cistern_v1_UpstreamCredential, _cistern_v1_UpstreamCredential__Output>
      UpstreamsService: SubtypeConstructor<typeof grpc.Client, _cistern_v1_UpstreamsServiceClient> & { service: _cistern_v1_UpstreamsServiceDefinition }
    }
  }
  google: {
    protobuf: {
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

