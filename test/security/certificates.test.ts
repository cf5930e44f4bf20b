/** Clients that must show a certificate, strangers that try to do without, and certificates that are replaced meanwhile. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { connect, type ConnectionOptions, type PeerCertificate, TLSSocket } from 'node:tls';
import { startScene, BIG, REPOSITORY } from '../cases/scene.js';
import { type Authority, makeAuthority, pemOf, skipWithoutOpenssl } from '../support/certificates.js';
import type { TestDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { sha256 } from '../support/http.js';
import { suiteScope, temporaryDirectory } from '../support/tmp.js';

interface Told {
  readonly status: number;
  readonly message: string;
  /** Whose certificate the daemon showed. */
  readonly server: string;
}

/** One request on a connection of its own. */
function ask(daemon: TestDaemon, tls: ConnectionOptions, path = '/v2/'): Promise<Told> {
  return new Promise((resolve, reject) => {
    const sent = request(`https://${daemon.authority}${path}`, { agent: false, rejectUnauthorized: false, ...tls });
    sent.on('error', reject).on('response', (answer) => {
      // There is none to see where a session was resumed.
      assert.ok(answer.socket instanceof TLSSocket);
      const { subject } = answer.socket.getPeerCertificate() as Partial<PeerCertificate>;
      let body = '';
      answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, message: body, server: String(subject?.CN) }));
    });
    sent.end();
  });
}

describe('a registry that wants certificates of its clients', { skip: skipWithoutOpenssl }, () => {
  let ours: Authority;
  let others: Authority;
  const scope = suiteScope();
  before(async () => {
    [ours, others] = [await makeAuthority(scope), await makeAuthority(scope)];
  });

  async function start(t: TestContext, options: { readonly auth?: object; readonly size?: number } = {}) {
    const dir = await temporaryDirectory(t);
    const tls = { certFile: join(dir, 'crt'), keyFile: join(dir, 'key'), clientCaFile: join(dir, 'ca') };
    const install = (certificate: { certFile: string; keyFile: string }, ca: Authority) => {
      copyFileSync(certificate.certFile, tls.certFile);
      writeFileSync(tls.keyFile, readFileSync(certificate.keyFile), { mode: 0o600 });
      copyFileSync(ca.caFile, tls.clientCaFile);
    };
    install(ours.issue('first'), ours);
    const registry = { tls, ...(options.auth && { auth: options.auth }) };
    const scene = await startScene(t, { daemon: { registry }, ...(options.size && { size: options.size }) });
    return { ...scene, tls, install };
  }

  it('serves who shows one that its authority signed, and logs the name in it', async (t) => {
    const { daemon } = await start(t);
    assert.equal((await ask(daemon, pemOf(ours.issue('runner-7')), `/v2/${REPOSITORY}/manifests/v1`)).status, 200);
    await eventually(() => daemon.logged('"msg":"request"', '"user":"runner-7"').length > 0, 'the name is logged');
  });

  it('tells who shows none, or a wrong one, what is missing, and serves nothing', async (t) => {
    const { daemon, registry } = await start(t);
    for (const [tls, says] of [
      [{}, /show a client certificate/],
      [pemOf(others.issue('stranger')), /not accepted \((UNABLE_TO|SELF_SIGNED|DEPTH)/],
      [pemOf(ours.issue('late', { expired: true })), /CERT_HAS_EXPIRED/],
    ] as const) {
      for (const path of ['/v2/', `/v2/${REPOSITORY}/manifests/v1`, `/v2/${REPOSITORY}/tags/list`, '/nonsense']) {
        const told = await ask(daemon, tls, path);
        assert.equal(told.status, 403, path);
        assert.match(told.message, /"code":"DENIED"/);
        assert.match(told.message, says);
      }
    }
    assert.equal(registry.requests.length, 0, 'upstream is not asked for strangers');
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`does not take a session that was resumed for a certificate (${version})`, async (t) => {
      const { daemon } = await start(t);
      const session = await new Promise<Buffer>((resolve, reject) => {
        const [host = '', port] = daemon.authority.split(':');
        const limits = { minVersion: version, maxVersion: version };
        const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...limits });
        socket.on('error', reject).once('session', (ticket: Buffer) => {
          resolve(ticket);
          socket.destroy();
        });
        socket.write('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');
      });
      assert.equal((await ask(daemon, { session, minVersion: version, maxVersion: version })).status, 403);
    });
  }

  it('wants the password too, when both are configured', async (t) => {
    const dir = await temporaryDirectory(t);
    const htpasswdFile = join(dir, 'htpasswd');
    writeFileSync(htpasswdFile, 'ann:$2b$04$GZGLNqIu/JNwSMnEWnHXmOSsJCt7Z7yM8kQ5Or5J5ZQoqU5yxy5Lm\n');
    const { daemon } = await start(t, { auth: { type: 'basic', htpasswdFile } });
    assert.equal((await ask(daemon, pemOf(ours.issue('runner')))).status, 401);
    assert.equal((await ask(daemon, {})).status, 403);
  });

  it('takes a renewed certificate and another authority on reload, while pulls under way go on', async (t) => {
    const { daemon, registry, layer, install } = await start(t, { size: BIG });
    const client = pemOf(ours.issue('runner'));
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const path = `/v2/${REPOSITORY}/blobs/${layer.digest}`;
    const body = new Promise<Buffer>((resolve, reject) => {
      const sent = request(`https://${daemon.authority}${path}`, {
        agent: false,
        rejectUnauthorized: false,
        ...client,
      });
      sent.on('error', reject).on('response', (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)));
        answer.on('error', reject);
      });
      sent.end();
    });
    await gate.reached;
    install(ours.issue('second'), others);
    await daemon.reload({});
    await eventually(async () => (await ask(daemon, {})).server === 'second', 'the new certificate is shown');
    assert.equal((await ask(daemon, client)).status, 403, 'the old authority is not believed any more');
    assert.equal((await ask(daemon, pemOf(others.issue('runner')))).status, 200);
    gate.open();
    assert.equal(sha256(await body), layer.digest);
  });

  it('keeps the certificate it has when the new one is broken, and says so', async (t) => {
    const { daemon, tls } = await start(t);
    copyFileSync(ours.issue('second').certFile, tls.certFile);
    await daemon.reload({});
    await eventually(() => daemon.logged('are no certificate and its key', 'stays in force').length > 0, 'it is said');
    assert.equal((await ask(daemon, pemOf(ours.issue('runner')))).server, 'first');
  });
});
