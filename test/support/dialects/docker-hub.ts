/** Docker Hub: tokens from another host, pulls counted by GETs of manifests, and 401 for what does not exist. */
import { type Dialect, errorBody } from './dialect.js';

export const dockerHub: Dialect = {
  registry: 'Docker Hub',
  entry: { name: 'docker.io' },
  host: 'registry-1.docker.io',
  repository: 'library/nginx',
  login: {
    type: 'bearer',
    user: 'me',
    realm: 'https://auth.docker.io/token',
    service: 'registry.docker.io',
    expiresIn: 300,
  },
  blobs: { redirect: 'production.cloudflare.docker.com', status: 307 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' },
  unknownRepository: { status: 401, code: 'UNAUTHORIZED', message: 'authentication required' },
  privateRepository: { status: 401, code: 'UNAUTHORIZED', message: 'authentication required' },
  rateLimit: {
    'ratelimit-limit': '100;w=21600',
    'ratelimit-remaining': '76;w=21600',
    'docker-ratelimit-source': '192.0.2.1',
  },
  tooMany: {
    request: { kind: 'manifest', method: 'GET' },
    headers: {
      'content-type': 'application/json',
      'retry-after': '65',
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '0;w=21600',
    },
    body: errorBody('TOOMANYREQUESTS', 'You have reached your unauthenticated pull rate limit.'),
  },
  referrers: 'api',
};
