// Original file: proto/cistern/v1/contents.proto

export const Remover = {
  REMOVER_UNSPECIFIED: 'REMOVER_UNSPECIFIED',
  REMOVER_COLLECTION: 'REMOVER_COLLECTION',
  REMOVER_OPERATOR: 'REMOVER_OPERATOR',
} as const;

export type Remover =
  | 'REMOVER_UNSPECIFIED'
  | 0
  | 'REMOVER_COLLECTION'
  | 1
  | 'REMOVER_OPERATOR'
  | 2

export type Remover__Output = typeof Remover[keyof typeof Remover]
