// Original file: proto/cistern/v1/garbage_collection.proto

export const CollectionReason = {
  COLLECTION_REASON_UNSPECIFIED: 'COLLECTION_REASON_UNSPECIFIED',
  COLLECTION_REASON_EXPIRED: 'COLLECTION_REASON_EXPIRED',
  COLLECTION_REASON_EVICTED: 'COLLECTION_REASON_EVICTED',
} as const;

export type CollectionReason =
  | 'COLLECTION_REASON_UNSPECIFIED'
  | 0
  | 'COLLECTION_REASON_EXPIRED'
  | 1
  | 'COLLECTION_REASON_EVICTED'
  | 2

export type CollectionReason__Output = typeof CollectionReason[keyof typeof CollectionReason]
