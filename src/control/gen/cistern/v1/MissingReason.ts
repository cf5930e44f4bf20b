// Original file: proto/cistern/v1/prefetch.proto

export const MissingReason = {
  MISSING_REASON_UNSPECIFIED: 'MISSING_REASON_UNSPECIFIED',
  MISSING_REASON_ABSENT: 'MISSING_REASON_ABSENT',
  MISSING_REASON_UNLINKED: 'MISSING_REASON_UNLINKED',
} as const;

export type MissingReason =
  | 'MISSING_REASON_UNSPECIFIED'
  | 0
  | 'MISSING_REASON_ABSENT'
  | 1
  | 'MISSING_REASON_UNLINKED'
  | 2

export type MissingReason__Output = typeof MissingReason[keyof typeof MissingReason]
