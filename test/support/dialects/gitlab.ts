/** GitLab: tokens from another host, which says 403 for what may not be had and tells of its own limit. */
import { type Dialect } from './dialect.js';

export const gitlab: Dialect = {
  registry: 'GitLab',
  entry: { name: 'registry.gitlab.com' },
  host: 'registry.gitlab.com',
  repository: 'group/subgroup/project/app',
  login: {
    type: 'bearer',
    user: 'gitlab+deploy-token-1',
    realm: 'https://gitlab.com/jwt/auth',
    service: 'container_registry',
    field: 'token',
    expiresIn: 300,
    refusal: 403,
  },
  blobs: { redirect: 'cdn.registry.gitlab-static.net', status: 307 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' },
  unknownRepository: { by: 'token', status: 403, code: 'DENIED', message: 'access forbidden' },
  privateRepository: { by: 'token', status: 403, code: 'DENIED', message: 'access forbidden' },
  rateLimit: { 'ratelimit-limit': '2000', 'ratelimit-observed': '3', 'ratelimit-remaining': '1997' },
  tooMany: {
    request: { kind: 'token' },
    headers: {
      'content-type': 'text/plain',
      'retry-after': '56',
      'ratelimit-limit': '500',
      'ratelimit-observed': '501',
      'ratelimit-remaining': '0',
    },
    body: 'Retry later\n',
  },
  referrers: 'none',
};
