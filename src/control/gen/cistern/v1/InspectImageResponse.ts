// Original file: proto/cistern/v1/contents.proto

import type { StoredImage as _cistern_v1_StoredImage, StoredImage__Output as _cistern_v1_StoredImage__Output } from '../../cistern/v1/StoredImage.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { InspectedPlatform as _cistern_v1_InspectedPlatform, InspectedPlatform__Output as _cistern_v1_InspectedPlatform__Output } from '../../cistern/v1/InspectedPlatform.js';
import type { Referrer as _cistern_v1_Referrer, Referrer__Output as _cistern_v1_Referrer__Output } from '../../cistern/v1/Referrer.js';
import type { PastDigest as _cistern_v1_PastDigest, PastDigest__Output as _cistern_v1_PastDigest__Output } from '../../cistern/v1/PastDigest.js';

export interface InspectImageResponse {
  'image'?: (_cistern_v1_StoredImage | null);
  'checkedAt'?: (_google_protobuf_Timestamp | null);
  'annotations'?: ({[key: string]: string});
  'platforms'?: (_cistern_v1_InspectedPlatform)[];
  'referrers'?: (_cistern_v1_Referrer)[];
  'past'?: (_cistern_v1_PastDigest)[];
}

export interface InspectImageResponse__Output {
  'image': (_cistern_v1_StoredImage__Output | null);
  'checkedAt': (_google_protobuf_Timestamp__Output | null);
  'annotations': ({[key: string]: string});
  'platforms': (_cistern_v1_InspectedPlatform__Output)[];
  'referrers': (_cistern_v1_Referrer__Output)[];
  'past': (_cistern_v1_PastDigest__Output)[];
}
