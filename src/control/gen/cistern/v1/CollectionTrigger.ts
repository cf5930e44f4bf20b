// Original file: proto/cistern/v1/garbage_collection.proto

export const CollectionTrigger = {
  COLLECTION_TRIGGER_UNSPECIFIED: 'COLLECTION_TRIGGER_UNSPECIFIED',
  COLLECTION_TRIGGER_REQUEST: 'COLLECTION_TRIGGER_REQUEST',
  COLLECTION_TRIGGER_SCHEDULE: 'COLLECTION_TRIGGER_SCHEDULE',
  COLLECTION_TRIGGER_ROOM: 'COLLECTION_TRIGGER_ROOM',
} as const;

export type CollectionTrigger =
  | 'COLLECTION_TRIGGER_UNSPECIFIED'
  | 0
  | 'COLLECTION_TRIGGER_REQUEST'
  | 1
  | 'COLLECTION_TRIGGER_SCHEDULE'
  | 2
  | 'COLLECTION_TRIGGER_ROOM'
  | 3

export type CollectionTrigger__Output = typeof CollectionTrigger[keyof typeof CollectionTrigger]
