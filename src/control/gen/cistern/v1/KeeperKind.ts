// Original file: proto/cistern/v1/contents.proto

export const KeeperKind = {
  KEEPER_KIND_UNSPECIFIED: 'KEEPER_KIND_UNSPECIFIED',
  KEEPER_KIND_TAG: 'KEEPER_KIND_TAG',
  KEEPER_KIND_DIGEST: 'KEEPER_KIND_DIGEST',
  KEEPER_KIND_IMAGE: 'KEEPER_KIND_IMAGE',
  KEEPER_KIND_PIN: 'KEEPER_KIND_PIN',
  KEEPER_KIND_SUBJECT: 'KEEPER_KIND_SUBJECT',
  KEEPER_KIND_JOB: 'KEEPER_KIND_JOB',
} as const;

export type KeeperKind =
  | 'KEEPER_KIND_UNSPECIFIED'
  | 0
  | 'KEEPER_KIND_TAG'
  | 1
  | 'KEEPER_KIND_DIGEST'
  | 2
  | 'KEEPER_KIND_IMAGE'
  | 3
  | 'KEEPER_KIND_PIN'
  | 4
  | 'KEEPER_KIND_SUBJECT'
  | 5
  | 'KEEPER_KIND_JOB'
  | 6

export type KeeperKind__Output = typeof KeeperKind[keyof typeof KeeperKind]
