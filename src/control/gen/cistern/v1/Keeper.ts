// Original file: proto/cistern/v1/contents.proto

import type { KeeperKind as _cistern_v1_KeeperKind, KeeperKind__Output as _cistern_v1_KeeperKind__Output } from '../../cistern/v1/KeeperKind.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface Keeper {
  'kind'?: (_cistern_v1_KeeperKind);
  'reference'?: (string);
  'pinned'?: (boolean);
  'lastUsedAt'?: (_google_protobuf_Timestamp | null);
}

export interface Keeper__Output {
  'kind': (_cistern_v1_KeeperKind__Output);
  'reference': (string);
  'pinned': (boolean);
  'lastUsedAt': (_google_protobuf_Timestamp__Output | null);
}
