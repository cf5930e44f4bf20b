// Original file: proto/cistern/v1/contents.proto

import type { Presence as _cistern_v1_Presence, Presence__Output as _cistern_v1_Presence__Output } from '../../cistern/v1/Presence.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Remover as _cistern_v1_Remover, Remover__Output as _cistern_v1_Remover__Output } from '../../cistern/v1/Remover.js';
import type { MissingBlob as _cistern_v1_MissingBlob, MissingBlob__Output as _cistern_v1_MissingBlob__Output } from '../../cistern/v1/MissingBlob.js';
import type { ExplainedTag as _cistern_v1_ExplainedTag, ExplainedTag__Output as _cistern_v1_ExplainedTag__Output } from '../../cistern/v1/ExplainedTag.js';
import type { ExplainedLink as _cistern_v1_ExplainedLink, ExplainedLink__Output as _cistern_v1_ExplainedLink__Output } from '../../cistern/v1/ExplainedLink.js';
import type { Keeper as _cistern_v1_Keeper, Keeper__Output as _cistern_v1_Keeper__Output } from '../../cistern/v1/Keeper.js';
import type { LastAnswer as _cistern_v1_LastAnswer, LastAnswer__Output as _cistern_v1_LastAnswer__Output } from '../../cistern/v1/LastAnswer.js';
import type { ExplainedFill as _cistern_v1_ExplainedFill, ExplainedFill__Output as _cistern_v1_ExplainedFill__Output } from '../../cistern/v1/ExplainedFill.js';
import type { Long } from '@grpc/proto-loader';

export interface ExplainResponse {
  'reference'?: (string);
  'digest'?: (string);
  'presence'?: (_cistern_v1_Presence);
  'since'?: (_google_protobuf_Timestamp | null);
  'removedBy'?: (_cistern_v1_Remover);
  'negativeUntil'?: (_google_protobuf_Timestamp | null);
  'mediaType'?: (string);
  'size'?: (number | string | Long);
  'whole'?: (boolean);
  'missing'?: (_cistern_v1_MissingBlob)[];
  'unpulled'?: (string)[];
  'tag'?: (_cistern_v1_ExplainedTag | null);
  'links'?: (_cistern_v1_ExplainedLink)[];
  'linkCount'?: (number);
  'keepers'?: (_cistern_v1_Keeper)[];
  'keeperCount'?: (number);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
  'evictionPlace'?: (number);
  'evictionOf'?: (number);
  'asked'?: (_cistern_v1_LastAnswer)[];
  'fills'?: (_cistern_v1_ExplainedFill)[];
  '_digest'?: "digest";
}

export interface ExplainResponse__Output {
  'reference': (string);
  'digest'?: (string);
  'presence': (_cistern_v1_Presence__Output);
  'since': (_google_protobuf_Timestamp__Output | null);
  'removedBy': (_cistern_v1_Remover__Output);
  'negativeUntil': (_google_protobuf_Timestamp__Output | null);
  'mediaType': (string);
  'size': (number);
  'whole': (boolean);
  'missing': (_cistern_v1_MissingBlob__Output)[];
  'unpulled': (string)[];
  'tag': (_cistern_v1_ExplainedTag__Output | null);
  'links': (_cistern_v1_ExplainedLink__Output)[];
  'linkCount': (number);
  'keepers': (_cistern_v1_Keeper__Output)[];
  'keeperCount': (number);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
  'evictionPlace': (number);
  'evictionOf': (number);
  'asked': (_cistern_v1_LastAnswer__Output)[];
  'fills': (_cistern_v1_ExplainedFill__Output)[];
  '_digest'?: "digest";
}
