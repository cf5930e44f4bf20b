/** Azure Container Registry: answers for tokens hold access_token alone. */
import { type Dialect, errorBody } from './dialect.js';

export const acr: Dialect = {
  registry: 'ACR',
  entry: { name: 'myregistry.azurecr.io' },
  host: 'myregistry.azurecr.io',
  repository: 'team/app',
  login: {
    type: 'bearer',
    user: '00000000-0000-0000-0000-000000000000',
    realm: 'https://myregistry.azurecr.io/oauth2/token',
    field: 'access_token',
    expiresIn: 'none',
  },
  blobs: { redirect: 'weumanaged1.blob.core.windows.net', status: 307 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest tagged by that is not found' },
  unknownRepository: { status: 404, code: 'NAME_UNKNOWN', message: 'repository name not known to registry' },
  privateRepository: { status: 401, code: 'UNAUTHORIZED', message: 'authentication required' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'application/json', 'retry-after': '10' },
    body: errorBody('TOOMANYREQUESTS', 'too many requests'),
  },
  referrers: 'api',
};
