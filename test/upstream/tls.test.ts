import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { OCI_IMAGE } from '../../src/oci/media-types.js';
import { parseTag } from '../../src/oci/reference.js';
import type { UpstreamOptions } from '../../src/upstream/registry-upstream.js';
import { call, failsWith, listen, openUpstream } from './support.js';

const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config: {}, layers: [] }));
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** A certificate authority, and a way to have certificates from it. */
function authority() {
  const dir = mkdtempSync(join(tmpdir(), 'cistern-tls-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  );
  const issue = (name: string, san: string) => {
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(dir, `${name}.ext`), `subjectAltName=${san}\n`);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', `${name}.ext`];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed);
    return { certFile: join(dir, `${name}.pem`), keyFile: join(dir, `${name}.key`) };
  };
  return { caFile: join(dir, 'ca.pem'), issue };
}

describe('TLS to an upstream', { skip: hasOpenssl ? false : 'openssl is not installed' }, () => {
  const ca = hasOpenssl ? authority() : undefined;

  async function serveTls(t: TestContext, san: string) {
    const { certFile, keyFile } = ca!.issue('server', san);
    const requests: string[] = [];
    /** For each connection, whether the client showed a certificate. */
    const certified: boolean[] = [];
    const server = createServer(
      {
        cert: readFileSync(certFile),
        key: readFileSync(keyFile),
        ca: readFileSync(ca!.caFile),
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
    const found = await named(t, port, { tls: { caFile: ca!.caFile } }).manifest('a', parseTag('latest'), call());
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
    const upstream = named(t, port, { tls: { caFile: ca!.caFile } });
    await assert.rejects(upstream.manifest('a', parseTag('latest'), call()), failsWith('UPSTREAM_UNREACHABLE'));
    assert.deepEqual(requests, []);
  });

  it('shows its own certificate to the upstream and to nobody it redirects to', async (t) => {
    const { port, certified } = await serveTls(t, 'DNS:reg.example.com,DNS:other.example.com');
    const tls = { caFile: ca!.caFile, ...ca!.issue('client', 'DNS:client') };
    const found = await named(t, port, { tls }).manifest('a', parseTag('moved'), call());
    assert.deepEqual(found?.bytes, manifest);
    assert.deepEqual(certified, [true, false]);
  });

  it('follows no redirect from https to http', async (t) => {
    const { certFile, keyFile } = ca!.issue('server', 'DNS:reg.example.com');
    const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (_, response) =>
      response.writeHead(307, { location: 'http://127.0.0.1:9/x' }).end(),
    );
    const { port } = await listen(t, server);
    const upstream = named(t, port, { tls: { caFile: ca!.caFile } });
    await assert.rejects(upstream.manifest('a', parseTag('latest'), call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
  });

  it('needs files that can be read', (t) => {
    assert.throws(
      () => openUpstream(t, 'https://reg.example.com', { tls: { caFile: '/nonexistent.pem' } }),
      failsWith('CONFIG_INVALID'),
    );
  });
});
