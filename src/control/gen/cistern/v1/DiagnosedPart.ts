// Original file: proto/cistern/v1/upstreams.proto

export const DiagnosedPart = {
  DIAGNOSED_PART_UNSPECIFIED: 'DIAGNOSED_PART_UNSPECIFIED',
  DIAGNOSED_PART_CONFIG: 'DIAGNOSED_PART_CONFIG',
  DIAGNOSED_PART_DISK: 'DIAGNOSED_PART_DISK',
  DIAGNOSED_PART_INDEX: 'DIAGNOSED_PART_INDEX',
  DIAGNOSED_PART_UPSTREAM: 'DIAGNOSED_PART_UPSTREAM',
} as const;

export type DiagnosedPart =
  | 'DIAGNOSED_PART_UNSPECIFIED'
  | 0
  | 'DIAGNOSED_PART_CONFIG'
  | 1
  | 'DIAGNOSED_PART_DISK'
  | 2
  | 'DIAGNOSED_PART_INDEX'
  | 3
  | 'DIAGNOSED_PART_UPSTREAM'
  | 4

export type DiagnosedPart__Output = typeof DiagnosedPart[keyof typeof DiagnosedPart]
