/** registry.k8s.io: redirects all there is, without the query, and a CDN that takes no ranges. */
import { type Dialect } from './dialect.js';

export const k8s: Dialect = {
  registry: 'registry.k8s.io',
  entry: { name: 'registry.k8s.io' },
  host: 'registry.k8s.io',
  manifestHost: 'us-west1-docker.pkg.dev',
  repository: 'ingress-nginx/controller',
  login: {
    type: 'none',
    pingChallenge: 'Bearer realm="https://us-west1-docker.pkg.dev/v2/token",service="us-west1-docker.pkg.dev"',
  },
  blobs: { redirect: 'prod-registry-k8s-io-eu-west-1.s3.dualstack.eu-west-1.amazonaws.com', wholeOnly: true },
  unknownTag: { status: 404, code: 'MANIFEST_UNKNOWN', message: 'Failed to fetch' },
  unknownRepository: { status: 404, code: 'NAME_UNKNOWN', message: 'Repository not found' },
  tooMany: {
    request: { kind: 'manifest' },
    headers: { 'content-type': 'text/plain' },
    body: 'Rate exceeded.',
  },
  referrers: 'api',
};
