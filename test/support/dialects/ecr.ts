/** Amazon ECR: Basic with a password of twelve hours, which is 403 when it is over, and lists in plain text. */
import { type Dialect, errorBody } from './dialect.js';

export const ecr: Dialect = {
  registry: 'ECR',
  entry: { name: '123456789012.dkr.ecr.eu-west-1.amazonaws.com' },
  host: '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
  repository: 'team/app',
  login: {
    type: 'basic',
    user: 'AWS',
    wrongPassword: { status: 403, code: 'DENIED', message: 'Your authorization token has expired.' },
  },
  blobs: { redirect: 'prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com', status: 307 },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'Requested image not found' },
  unknownRepository: { status: 404, code: 'NAME_UNKNOWN', message: 'The repository does not exist in the registry' },
  privateRepository: { status: 403, code: 'DENIED', message: 'not authorized to perform: ecr:BatchGetImage' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'application/json' },
    body: errorBody('TOOMANYREQUESTS', 'Rate exceeded'),
  },
  referrers: 'api',
  tags: { contentType: 'text/plain; charset=utf-8' },
  headWithoutDigest: true,
};
