// Original file: proto/cistern/v1/upstreams.proto

import type { BreakerState as _cistern_v1_BreakerState, BreakerState__Output as _cistern_v1_BreakerState__Output } from '../../cistern/v1/BreakerState.js';
import type { RateLimit as _cistern_v1_RateLimit, RateLimit__Output as _cistern_v1_RateLimit__Output } from '../../cistern/v1/RateLimit.js';
import type { UpstreamCredential as _cistern_v1_UpstreamCredential, UpstreamCredential__Output as _cistern_v1_UpstreamCredential__Output } from '../../cistern/v1/UpstreamCredential.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface Upstream {
  'name'?: (string);
  'url'?: (string);
  'aliases'?: (string)[];
  'default'?: (boolean);
  'credentialed'?: (boolean);
  'breaker'?: (_cistern_v1_BreakerState);
  'rateLimit'?: (_cistern_v1_RateLimit | null);
  'activeBodies'?: (number);
  'maxBodies'?: (number);
  'waitingBodies'?: (number);
  'credential'?: (_cistern_v1_UpstreamCredential | null);
  'heldBackUntil'?: (_google_protobuf_Timestamp | null);
}

export interface Upstream__Output {
  'name': (string);
  'url': (string);
  'aliases': (string)[];
  'default': (boolean);
  'credentialed': (boolean);
  'breaker': (_cistern_v1_BreakerState__Output);
  'rateLimit': (_cistern_v1_RateLimit__Output | null);
  'activeBodies': (number);
  'maxBodies': (number);
  'waitingBodies': (number);
  'credential': (_cistern_v1_UpstreamCredential__Output | null);
  'heldBackUntil': (_google_protobuf_Timestamp__Output | null);
}
