/** Amazon ECR Public: one scope for everything, an expired token is 400, and HEAD of a blob is 401. */
import { type Dialect, errorBody } from './dialect.js';

export const ecrPublic: Dialect = {
  registry: 'ECR Public',
  entry: { name: 'public.ecr.aws' },
  host: 'public.ecr.aws',
  repository: 'docker/library/alpine',
  login: {
    type: 'bearer',
    user: 'AWS',
    realm: 'https://public.ecr.aws/token/',
    scope: 'aws',
    field: 'token',
    expiresIn: 'none',
    expired: 400,
  },
  blobs: { redirect: 'd5l0dvt14r5h8.cloudfront.net', status: 307 },
  blobHead: 401,
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'Requested image not found' },
  unknownRepository: { status: 404, code: 'NAME_UNKNOWN', message: 'The repository does not exist in the registry' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'application/json' },
    body: errorBody('TOOMANYREQUESTS', 'Data limit exceeded'),
  },
  referrers: 'api',
};
