/** Microsoft Artifact Registry: public, without any login, blobs from hosts of each region. */
import { type Dialect, errorBody } from './dialect.js';

export const mcr: Dialect = {
  registry: 'MCR',
  entry: { name: 'mcr.microsoft.com' },
  host: 'mcr.microsoft.com',
  repository: 'dotnet/runtime',
  login: { type: 'none' },
  blobs: { redirect: 'westeurope.data.mcr.microsoft.com', status: 307 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest tagged by that is not found' },
  unknownRepository: { status: 404, code: 'NAME_UNKNOWN', message: 'repository name not known to registry' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'application/json', 'retry-after': '10' },
    body: errorBody('TOOMANYREQUESTS', 'too many requests'),
  },
  referrers: 'api',
};
