/** Harbor: sends blobs itself, sets cookies, and has error codes of its own. */
import { type Dialect } from './dialect.js';

export const harbor: Dialect = {
  registry: 'Harbor',
  entry: { name: 'harbor.example.org' },
  host: 'harbor.example.org',
  repository: 'library/app',
  login: {
    type: 'bearer',
    user: 'robot$cistern',
    realm: 'https://harbor.example.org/service/token',
    service: 'harbor-registry',
    expiresIn: 1800,
  },
  blobs: {},
  unknownTag: { status: 404, code: 'NOT_FOUND', message: 'artifact not found' },
  unknownRepository: { status: 404, code: 'UNKNOWN', message: 'repository not found' },
  privateRepository: { status: 401, code: 'UNAUTHORIZED', message: 'unauthorized to access repository, action: pull' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'text/html', 'retry-after': '5' },
    body: '<html><h1>429 Too Many Requests</h1></html>',
  },
  referrers: 'api',
  headers: { 'set-cookie': 'sid=0123456789abcdef; Path=/; HttpOnly' },
};
