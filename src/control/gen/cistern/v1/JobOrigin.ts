// Original file: proto/cistern/v1/prefetch.proto

export const JobOrigin = {
  JOB_ORIGIN_UNSPECIFIED: 'JOB_ORIGIN_UNSPECIFIED',
  JOB_ORIGIN_REQUEST: 'JOB_ORIGIN_REQUEST',
  JOB_ORIGIN_SCHEDULE: 'JOB_ORIGIN_SCHEDULE',
} as const;

export type JobOrigin =
  | 'JOB_ORIGIN_UNSPECIFIED'
  | 0
  | 'JOB_ORIGIN_REQUEST'
  | 1
  | 'JOB_ORIGIN_SCHEDULE'
  | 2

export type JobOrigin__Output = typeof JobOrigin[keyof typeof JobOrigin]
