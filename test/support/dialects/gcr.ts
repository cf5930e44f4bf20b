/** Google Container Registry: challenges on /v2/ only. */
import { type Dialect, errorBody } from './dialect.js';

export const gcr: Dialect = {
  registry: 'GCR',
  entry: { name: 'gcr.io' },
  host: 'gcr.io',
  repository: 'distroless/static',
  login: {
    type: 'bearer',
    user: 'oauth2accesstoken',
    realm: 'https://gcr.io/v2/token',
    field: 'token',
    challenge: 'ping',
  },
  blobs: { redirect: 'storage.googleapis.com', status: 302 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'Failed to fetch' },
  unknownRepository: { status: 404, code: 'NAME_UNKNOWN', message: 'Repository not found' },
  privateRepository: { status: 403, code: 'DENIED', message: 'Permission denied' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'application/json', 'retry-after': '30' },
    body: errorBody('TOOMANYREQUESTS', 'Quota exceeded'),
  },
  referrers: 'api',
  tags: { more: { child: [], manifest: {} } },
};
