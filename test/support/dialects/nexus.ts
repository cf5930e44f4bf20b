/** Nexus: one token for everything, a realm whose port stands twice, and null among the tags. */
import { type Dialect } from './dialect.js';

export const nexus: Dialect = {
  registry: 'Nexus',
  entry: { name: 'nexus.example.org:8443' },
  host: 'nexus.example.org:8443',
  repository: 'app',
  login: {
    type: 'bearer',
    user: 'cistern',
    realm: 'https://nexus.example.org:8443:8443/v2/token',
    scope: '',
    field: 'token',
    expiresIn: 'none',
  },
  blobs: {},
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' },
  unknownRepository: { status: 404, code: 'NAME_UNKNOWN', message: 'repository name not known to registry' },
  privateRepository: { status: 403, code: 'DENIED', message: 'access to the requested resource is not authorized' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'text/html', 'retry-after': '5' },
    body: '<html><h1>429 Too Many Requests</h1></html>',
  },
  referrers: 'none',
  tags: { nulls: true },
};
