/** Clients that take their time on purpose: each is cut by a limit of its own, and nobody waits for them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { PullThrough } from '../../src/cache/pull-through.js';
import { createLog } from '../../src/lib/log.js';
import { RegistryServer, type RegistryServerParts } from '../../src/registry/server.js';
import { systemClock } from '../../src/lib/clock.js';
import { digestOf } from '../../src/oci/digest.js';
import { makeAuthority, skipWithoutOpenssl } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { get } from '../support/http.js';
import { ManualClock } from '../support/manual-clock.js';

/** What the daemon has in seconds. */
const LIMITS = { handshakeTimeout: 300, headersTimeout: 300, requestTimeout: 600, connectionsCheckingInterval: 50 };

const MANIFEST = Buffer.alloc(4 * 1024 * 1024, ' ');

/** Knows one manifest, of the largest size there is. */
const cache = {
  manifest: () =>
    Promise.resolve({
      descriptor: { mediaType: 'application/json', digest: digestOf(MANIFEST, 'sha256'), size: MANIFEST.length },
      bytes: MANIFEST,
      answered: { outcome: 'hit' },
    }),
} as unknown as PullThrough;

async function start(t: TestContext, parts: Partial<RegistryServerParts> = {}) {
  const lines: string[] = [];
  const { logger: log } = createLog({ level: 'debug', format: 'json' }, { write: (line) => void lines.push(line) });
  const names = { names: new Map([['up.test', 'up.test']]), default: 'up.test' };
  const server = await RegistryServer.open(
    { cache, names, clock: systemClock, log, limits: LIMITS, ...parts },
    { host: '127.0.0.1', port: 0 },
  );
  t.after(() => server.close(AbortSignal.abort()));
  const { port } = server.address;
  const open = async (): Promise<{ socket: Socket; text: () => string; closed: Promise<unknown> }> => {
    const socket = connect(port, '127.0.0.1');
    t.after(() => void socket.destroy());
    let text = '';
    socket.on('error', () => undefined).on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    return { socket, text: () => text, closed };
  };
  return { open, lines, url: `http://127.0.0.1:${port}` };
}

describe('a slow client', () => {
  it('that says nothing, or a header a minute, is told so and cut, while others are served', async (t) => {
    const { open, url } = await start(t);
    const slow = await Promise.all(Array.from({ length: 50 }, () => open()));
    slow.slice(25).forEach(({ socket }) => socket.write('GET /v2/ HTTP/1.1\r\nHost: x\r\nX-A'));
    assert.equal((await get(`${url}/v2/`)).status, 200);
    for (const { closed, text } of slow) {
      await closed;
      assert.match(text(), /^HTTP\/1\.1 408 [\s\S]*did not come in time/);
    }
  });

  it('that never ends its body is answered at once and cut', async (t) => {
    const { open } = await start(t);
    const { socket, closed, text } = await open();
    socket.write('GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\na');
    await closed;
    assert.match(text(), /^HTTP\/1\.1 200 /);
  });

  it('that never ends its TLS handshake is cut', { skip: skipWithoutOpenssl }, async (t) => {
    const tls = (await makeAuthority(t)).issue('mirror');
    const { open } = await start(t, { tls });
    const { socket, closed } = await open();
    socket.write(Buffer.from('1603', 'hex'));
    await closed;
  });

  it('that reads no answer is cut, also when the answer is a large manifest', async (t) => {
    const clock = new ManualClock();
    const { open, lines } = await start(t, { clock });
    const { socket } = await open();
    socket.pause();
    // Many, so that no buffer of the system holds them all.
    socket.write('GET /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20));
    await eventually(async () => {
      await clock.advance(60_000);
      return lines.some((line) => line.includes('"cut":true'));
    }, 'it is cut');
  });
});
