// Original file: proto/cistern/v1/contents.proto

import type { Long } from '@grpc/proto-loader';

export interface ExportImagesResponse {
  'totalBytes'?: (number | string | Long);
  'chunk'?: (Buffer | Uint8Array | string);
}

export interface ExportImagesResponse__Output {
  'totalBytes': (number);
  'chunk': (Buffer);
}
