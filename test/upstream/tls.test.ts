import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { before, describe, it, type TestContext } from 'node:test';
import { OCI_IMAGE } from '../../src/oci/media-types.js';
import { parseTag } from '../../src/oci/reference.js';
import type { UpstreamOptions } from '../../src/upstream/registry-upstream.js';
import { type Authority, makeAuthority, skipWithoutOpenssl } from '../support/certificates.js';
import { suiteScope } from '../support/tmp.js';
import { call, failsWith, listen, openUpstream } from './support.js';

const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config: {}, layers: [] }));

describe('TLS to an upstream', { skip: skipWithoutOpenssl }, () => {
  let ca: Authority;
  const scope = suiteScope();
  before(async () => {
    ca = await makeAuthority(scope);
  });

  async function serveTls(t: TestContext, san: string, expired = false) {
    const { certFile, keyFile } = ca.issue('server', { san, expired });
    const requests: string[] = [];
    /** For each connection, whether the client showed a certificate. */
    const certified: boolean[] = [];
    const server = createServer(
      {
        cert: readFileSync(certFile),
        key: readFileSync(keyFile),
        ca: readFileSync(ca.caFile),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        requests.push(request.url ?? '');
        if (request.url === '/v2/a/manifests/moved') {
          response.writeHead(307, { location: `https://other.example.com:${port}/x` }).end();
        } else response.writeHead(200, { 'content-type': OCI_IMAGE }).end(manifest);
      },
    );
    server.on('secureConnection', (socket) => certified.push(Object.keys(socket.getPeerCertificate()).length > 0));
    const { port } = await listen(t, server);
    return { port, requests, certified };
  }

  const named = (t: TestContext, port: number, options: Partial<UpstreamOptions>) =>
    openUpstream(t, `https://reg.example.com:${port}`, {
      lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
      ...options,
    });

  it('trusts the authority it was given, for the name it was given', async (t) => {
    const { port } = await serveTls(t, 'DNS:reg.example.com');
    const found = await named(t, port, { tls: { caFile: ca.caFile } }).manifest('a', parseTag('latest'), call());
    assert.deepEqual(found?.bytes, manifest);
  });

  it('does not trust an authority it does not know', async (t) => {
    const { port } = await serveTls(t, 'DNS:reg.example.com');
    await assert.rejects(
      named(t, port, {}).manifest('a', parseTag('latest'), call()),
      failsWith('UPSTREAM_UNREACHABLE'),
    );
  });

  it('does not trust a certificate for another name', async (t) => {
    const { port, requests } = await serveTls(t, 'DNS:evil.example.com');
    const upstream = named(t, port, { tls: { caFile: ca.caFile } });
    await assert.rejects(upstream.manifest('a', parseTag('latest'), call()), failsWith('UPSTREAM_UNREACHABLE'));
    assert.deepEqual(requests, []);
  });

  it('does not trust a certificate that has run out', async (t) => {
    const { port, requests } = await serveTls(t, 'DNS:reg.example.com', true);
    const upstream = named(t, port, { tls: { caFile: ca.caFile } });
    await assert.rejects(upstream.manifest('a', parseTag('latest'), call()), failsWith('UPSTREAM_UNREACHABLE'));
    assert.deepEqual(requests, []);
  });

  it('shows its own certificate to the upstream and to nobody it redirects to', async (t) => {
    const { port, certified } = await serveTls(t, 'DNS:reg.example.com,DNS:other.example.com');
    const tls = { caFile: ca.caFile, ...ca.issue('client') };
    const found = await named(t, port, { tls }).manifest('a', parseTag('moved'), call());
    assert.deepEqual(found?.bytes, manifest);
    assert.deepEqual(certified, [true, false]);
  });

  it('follows no redirect from https to http', async (t) => {
    const { certFile, keyFile } = ca.issue('server', { san: 'DNS:reg.example.com' });
    const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (_, response) =>
      response.writeHead(307, { location: 'http://127.0.0.1:9/x' }).end(),
    );
    const { port } = await listen(t, server);
    const upstream = named(t, port, { tls: { caFile: ca.caFile } });
    await assert.rejects(upstream.manifest('a', parseTag('latest'), call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
  });

  it('needs files that can be read', (t) => {
    assert.throws(
      () => openUpstream(t, 'https://reg.example.com', { tls: { caFile: '/nonexistent.pem' } }),
      failsWith('CONFIG_INVALID'),
    );
  });
});
