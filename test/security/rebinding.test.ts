/**
 * Names that resolve to something harmless when somebody looks, and to something inside when it counts. `127.0.0.1` stands
 * for the public address that is allowed, everything else must get no packet: the canary listens at `127.0.0.2`.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Secret } from '../../src/lib/secret.js';
import { OCI_IMAGE } from '../../src/oci/media-types.js';
import { parseTag } from '../../src/oci/reference.js';
import type { UpstreamOptions } from '../../src/upstream/registry-upstream.js';
import { startCanary } from '../support/canary.js';
import { call, failsWith, openUpstream, serve } from '../upstream/support.js';

const MANIFEST = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config: {}, layers: [] }));
const PASSWORD = 'canary-password';
const AUTH = { type: 'basic', username: 'ada', password: Secret.of(PASSWORD) } as const;
const LATEST = parseTag('latest');

const INSIDE = [
  '127.0.0.2',
  '169.254.169.254',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '100.64.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '224.0.0.1',
  '::',
  '::1',
  '::ffff:127.0.0.2',
  '::ffff:169.254.169.254',
  '64:ff9b::127.0.0.2',
  '64:ff9b::a9fe:a9fe',
  '2002:7f00:2::1',
  'fe80::1',
  'fd00::1',
  'fec0::1',
  'not an address',
] as const;

/** Answers each question after the first with what is inside. */
function rebinding(address: string, name: string, harmless = 1) {
  const asked: string[] = [];
  const lookup: UpstreamOptions['lookup'] = (hostname) => {
    asked.push(hostname);
    const bound = hostname === name && asked.filter((host) => host === name).length > harmless;
    const answer = bound ? address : '127.0.0.1';
    return Promise.resolve([{ address: answer, family: answer.includes(':') ? 6 : 4 }]);
  };
  return { lookup, asked };
}

const open = (t: TestContext, port: number, options: Partial<UpstreamOptions>) =>
  openUpstream(t, `http://registry.example:${port}`, { allowNetworks: ['127.0.0.1/32'], ...options });

describe('rebinding', () => {
  for (const address of INSIDE) {
    it(`of the upstream's own name to ${address} ends in no connection`, async (t) => {
      const canary = await startCanary(t, { host: '127.0.0.2' });
      const { port } = new URL(canary.url);
      const { lookup } = rebinding(address, 'registry.example', 0);
      const upstream = open(t, Number(port), { lookup, auth: AUTH });
      await assert.rejects(upstream.manifest('a/b', LATEST, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS', PASSWORD));
      assert.equal(canary.connections(), 0);
    });

    it(`of a listed realm to ${address} after a first login gives it no credential`, async (t) => {
      const canary = await startCanary(t, { host: '127.0.0.2' });
      const realm = `auth.example:${new URL(canary.url).port}`;
      const server = await serve(t, (_, response) =>
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${realm}/token",service="x"` }).end(),
      );
      const { lookup } = rebinding(address, 'auth.example', 0);
      const upstream = open(t, server.port, { lookup, auth: AUTH, realms: [realm] });
      await assert.rejects(upstream.manifest('a/b', LATEST, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS', PASSWORD));
      assert.equal(canary.connections(), 0);
      for (const { headers } of server.seen) assert.equal(headers.authorization, undefined);
    });

    it(`of a redirect's host to ${address} ends in no connection`, async (t) => {
      const canary = await startCanary(t, { host: '127.0.0.2' });
      const target = `http://cdn.example:${new URL(canary.url).port}/x?signature=canary-signature`;
      const server = await serve(t, (_, response) => response.writeHead(307, { location: target }).end());
      const { lookup } = rebinding(address, 'cdn.example', 0);
      const upstream = open(t, server.port, { lookup });
      await assert.rejects(
        upstream.manifest('a/b', LATEST, call()),
        failsWith('UPSTREAM_FORBIDDEN_ADDRESS', 'canary-signature'),
      );
      assert.equal(canary.connections(), 0);
    });
  }

  it('between two requests counts for the second: an answer is never kept longer than its connection', async (t) => {
    const canary = await startCanary(t, { host: '127.0.0.2' });
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { 'content-type': OCI_IMAGE, connection: 'close' }).end(MANIFEST),
    );
    const { lookup, asked } = rebinding('127.0.0.2', 'registry.example');
    const upstream = open(t, server.port, { lookup });
    assert.ok(await upstream.manifest('a/b', LATEST, call()));
    await assert.rejects(upstream.manifest('a/b', LATEST, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
    assert.equal(canary.connections(), 0);
    assert.deepEqual([...new Set(asked)], ['registry.example']);
  });

  it('to both at once connects to the allowed one only', async (t) => {
    const canary = await startCanary(t, { host: '127.0.0.2' });
    const server = await serve(t, (_, response) =>
      response.writeHead(200, { 'content-type': OCI_IMAGE }).end(MANIFEST),
    );
    const upstream = open(t, server.port, {
      lookup: () =>
        Promise.resolve([
          { address: '127.0.0.2', family: 4 },
          { address: '169.254.169.254', family: 4 },
          { address: '127.0.0.1', family: 4 },
        ]),
    });
    assert.ok(await upstream.manifest('a/b', LATEST, call()));
    assert.equal(canary.connections(), 0);
  });

  it('to nothing is an upstream that cannot be reached', async (t) => {
    const upstream = open(t, 9, { lookup: () => Promise.resolve([]) });
    await assert.rejects(upstream.manifest('a/b', LATEST, call()), failsWith('UPSTREAM_FORBIDDEN_ADDRESS'));
  });
});
