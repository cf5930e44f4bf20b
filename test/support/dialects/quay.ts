/** Quay: it is the endpoint for tokens that says when there were too many requests. */
import { type Dialect } from './dialect.js';

export const quay: Dialect = {
  registry: 'Quay',
  entry: { name: 'quay.io' },
  host: 'quay.io',
  repository: 'org/app',
  login: { type: 'bearer', user: 'org+robot', realm: 'https://quay.io/v2/auth', field: 'token', expiresIn: 'none' },
  blobs: { redirect: 'cdn01.quay.io', status: 302 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' },
  unknownRepository: {
    status: 401,
    code: 'UNAUTHORIZED',
    message: 'access to the requested resource is not authorized',
  },
  privateRepository: {
    status: 401,
    code: 'UNAUTHORIZED',
    message: 'access to the requested resource is not authorized',
  },
  tooMany: {
    request: { kind: 'token' },
    headers: { 'content-type': 'text/html' },
    body: '<html><title>429 Too Many Requests</title></html>',
  },
  referrers: 'api',
};
