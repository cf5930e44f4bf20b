/** GitHub Container Registry: the token endpoint decides who may pull, and the referrers API is a web page. */
import { type Dialect, errorBody } from './dialect.js';

export const ghcr: Dialect = {
  registry: 'GHCR',
  entry: { name: 'ghcr.io' },
  host: 'ghcr.io',
  repository: 'org/team/app',
  login: {
    type: 'bearer',
    user: 'octocat',
    realm: 'https://ghcr.io/token',
    field: 'token',
    expiresIn: 'none',
    refusal: 403,
  },
  blobs: { redirect: 'pkg-containers.githubusercontent.com', status: 307 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' },
  unknownRepository: { by: 'token', status: 401, code: 'UNAUTHORIZED', message: 'authentication required' },
  privateRepository: { by: 'token', status: 401, code: 'UNAUTHORIZED', message: 'authentication required' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'application/json', 'retry-after': '60' },
    body: errorBody('TOOMANYREQUESTS', 'retry-after: 60s, allowed: 44000/minute'),
  },
  referrers: 'web page',
};
