// Original file: proto/cistern/v1/contents.proto

export const Presence = {
  PRESENCE_UNSPECIFIED: 'PRESENCE_UNSPECIFIED',
  PRESENCE_HERE: 'PRESENCE_HERE',
  PRESENCE_UNLINKED: 'PRESENCE_UNLINKED',
  PRESENCE_ABSENT: 'PRESENCE_ABSENT',
  PRESENCE_REMOVED: 'PRESENCE_REMOVED',
  PRESENCE_GONE: 'PRESENCE_GONE',
  PRESENCE_UNKNOWN: 'PRESENCE_UNKNOWN',
} as const;

export type Presence =
  | 'PRESENCE_UNSPECIFIED'
  | 0
  | 'PRESENCE_HERE'
  | 1
  | 'PRESENCE_UNLINKED'
  | 2
  | 'PRESENCE_ABSENT'
  | 3
  | 'PRESENCE_REMOVED'
  | 4
  | 'PRESENCE_GONE'
  | 5
  | 'PRESENCE_UNKNOWN'
  | 6

export type Presence__Output = typeof Presence[keyof typeof Presence]
