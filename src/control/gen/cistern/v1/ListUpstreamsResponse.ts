// Original file: proto/cistern/v1/upstreams.proto

import type { Upstream as _cistern_v1_Upstream, Upstream__Output as _cistern_v1_Upstream__Output } from '../../cistern/v1/Upstream.js';

export interface ListUpstreamsResponse {
  'upstreams'?: (_cistern_v1_Upstream)[];
}

export interface ListUpstreamsResponse__Output {
  'upstreams': (_cistern_v1_Upstream__Output)[];
}
