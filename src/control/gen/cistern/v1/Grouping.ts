// Original file: proto/cistern/v1/statistics.proto

export const Grouping = {
  GROUPING_UNSPECIFIED: 'GROUPING_UNSPECIFIED',
  GROUPING_UPSTREAM: 'GROUPING_UPSTREAM',
  GROUPING_REPOSITORY: 'GROUPING_REPOSITORY',
  GROUPING_HOUR: 'GROUPING_HOUR',
} as const;

export type Grouping =
  | 'GROUPING_UNSPECIFIED'
  | 0
  | 'GROUPING_UPSTREAM'
  | 1
  | 'GROUPING_REPOSITORY'
  | 2
  | 'GROUPING_HOUR'
  | 3

export type Grouping__Output = typeof Grouping[keyof typeof Grouping]
