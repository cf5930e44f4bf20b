/** Google Artifact Registry: redirects blobs to its own host, and what may not be seen may not exist either. */
import { type Dialect, errorBody } from './dialect.js';

export const artifactRegistry: Dialect = {
  registry: 'GAR',
  entry: { name: 'europe-west1-docker.pkg.dev' },
  host: 'europe-west1-docker.pkg.dev',
  repository: 'project/images/team/app',
  login: { type: 'bearer', user: '_json_key', realm: 'https://europe-west1-docker.pkg.dev/v2/token', field: 'token' },
  blobs: { redirect: 'europe-west1-docker.pkg.dev', status: 302 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'Failed to fetch' },
  unknownRepository: { status: 403, code: 'DENIED', message: 'Permission denied on resource (or it may not exist).' },
  privateRepository: { status: 403, code: 'DENIED', message: 'Permission denied on resource (or it may not exist).' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'application/json' },
    body: errorBody('TOOMANYREQUESTS', 'Quota exceeded for quota metric'),
  },
  referrers: 'api',
  tags: { more: { child: [], manifest: {} } },
};
