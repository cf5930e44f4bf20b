// Original file: proto/cistern/v1/contents.proto

export const CorruptAction = {
  CORRUPT_ACTION_UNSPECIFIED: 'CORRUPT_ACTION_UNSPECIFIED',
  CORRUPT_ACTION_QUARANTINED: 'CORRUPT_ACTION_QUARANTINED',
  CORRUPT_ACTION_REFETCHED: 'CORRUPT_ACTION_REFETCHED',
  CORRUPT_ACTION_MISSING: 'CORRUPT_ACTION_MISSING',
} as const;

export type CorruptAction =
  | 'CORRUPT_ACTION_UNSPECIFIED'
  | 0
  | 'CORRUPT_ACTION_QUARANTINED'
  | 1
  | 'CORRUPT_ACTION_REFETCHED'
  | 2
  | 'CORRUPT_ACTION_MISSING'
  | 3

export type CorruptAction__Output = typeof CorruptAction[keyof typeof CorruptAction]
