/**
 * Requests that two programs could read in two ways: each is refused, or read in the one way that gives nothing away. And
 * what is no HTTP at all is told so. `smuggled` is what an attacker hides behind the first request.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { before, beforeEach, describe, it } from 'node:test';
import { BIG, REPOSITORY, startScene, type Scene } from '../cases/scene.js';
import { makeAuthority, skipWithoutOpenssl } from '../support/certificates.js';
import { suiteScope } from '../support/tmp.js';
import { say } from '../support/wire.js';

const PING = 'GET /v2/ HTTP/1.1\r\nHost: x\r\n';
const HIDDEN = `GET /v2/${REPOSITORY}/manifests/smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
const EMPTY_CHUNK = '0\r\n\r\n';

/** A connection to write to bit by bit, and all that was answered so far. */
function talk(authority: string): { readonly socket: Socket; readonly answers: () => string } {
  const [host = '', port = ''] = authority.split(':');
  const chunks: Buffer[] = [];
  const socket = connect(Number(port), host);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined);
  return { socket, answers: () => Buffer.concat(chunks).toString('latin1') };
}

/** Refused, and the connection with it. */
const REFUSED: readonly (readonly [name: string, bytes: string])[] = [
  ['a length and chunks', `${PING}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['chunks and a length', `${PING}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['a space before the colon', `${PING}Transfer-Encoding : chunked\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['chunks that are not the last coding', `${PING}Transfer-Encoding: chunked, identity\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['a control character in a coding', `${PING}Transfer-Encoding: \x0bchunked\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['two lengths', `${PING}Content-Length: 0\r\nContent-Length: 5\r\n\r\n${HIDDEN}`],
  ['the same length twice', `${PING}Content-Length: 0\r\nContent-Length: 0\r\n\r\n${HIDDEN}`],
  ['a length with a sign', `${PING}Content-Length: +5\r\n\r\nhello${HIDDEN}`],
  ['a list of lengths', `${PING}Content-Length: 5, 5\r\n\r\nhello${HIDDEN}`],
  ['a length in hexadecimal', `${PING}Content-Length: 0x5\r\n\r\nhello${HIDDEN}`],
  ['a length below zero', `${PING}Content-Length: -1\r\n\r\n${HIDDEN}`],
  ['a folded header', `${PING}X: a\r\n b\r\n\r\n${HIDDEN}`],
  ['a folded coding', `${PING}Transfer-Encoding:\r\n chunked\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['lines that end in LF', `GET /v2/ HTTP/1.1\nHost: x\n\n${HIDDEN}`],
  ['a header that ends in LF', `${PING}X: a\nTransfer-Encoding: chunked\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['a header that ends in CR', `${PING}X: a\rTransfer-Encoding: chunked\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['a zero byte in a header', `${PING}X: a\0b\r\n\r\n${HIDDEN}`],
  ['a zero byte in the path', `GET /v2/\0 HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`],
  ['a space in the path', `GET /v2/ x HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`],
  ['bytes that are no ASCII in the path', `GET /v2/\xc0\xae\xc0\xae/ HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`],
  ['two Hosts', `${PING}Host: y\r\n\r\n${HIDDEN}`],
  ['no Host', `GET /v2/ HTTP/1.1\r\n\r\n${HIDDEN}`],
];

/** Answered or not, and nothing after it is looked at. */
const ENDS_THERE: readonly (readonly [name: string, bytes: string])[] = [
  ['a body', `${PING}Content-Length: 5\r\n\r\nhello${HIDDEN}`],
  ['a body that is the hidden request', `${PING}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ['a body in chunks', `${PING}Transfer-Encoding: chunked\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['an unknown coding', `${PING}Transfer-Encoding: xchunked\r\n\r\n${EMPTY_CHUNK}${HIDDEN}`],
  ['a body that waits to be asked for', `${PING}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n${HIDDEN}`],
  ['a change of protocol', `${PING}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n${HIDDEN}`],
  ['HTTP/1.0', `GET /v2/ HTTP/1.0\r\n\r\n${HIDDEN}`],
];

const OTHER_PROTOCOLS: readonly (readonly [name: string, bytes: string | Buffer, status: number, says: RegExp])[] = [
  ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), 400, /plain HTTP here: ask with http:/],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, /no HTTP\/1\.1 request/],
  ['SSH', 'SSH-2.0-OpenSSH_9.0\r\n', 400, /no HTTP\/1\.1 request/],
  ['a proxy’s', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n', 405, /no proxy/],
  ['headers without end', `${PING}X: ${'a'.repeat(20_000)}\r\n\r\n`, 431, /too long/],
  ['3,000 headers', `${PING}${'Header: value\r\n'.repeat(3000)}\r\n`, 431, /too long/],
];

describe('smuggling', () => {
  let scene: Scene;
  const scope = suiteScope();
  before(async () => {
    scene = await startScene(scope);
  });
  beforeEach(() => scene.registry.forgetRequests());
  const reached = () => scene.registry.count({ reference: 'smuggled' });

  for (const [name, bytes] of REFUSED) {
    it(`${name}: 400, and the connection ends`, async () => {
      const { statuses } = await say(scene.daemon.authority, Buffer.from(bytes, 'latin1'));
      assert.deepEqual(statuses, [400]);
      assert.equal(reached(), 0);
    });
  }

  for (const [name, bytes] of ENDS_THERE) {
    it(`${name}: nothing after it is a request`, async () => {
      const { statuses } = await say(scene.daemon.authority, bytes);
      assert.ok(statuses.filter((status) => status !== 100).length <= 1, statuses.join());
      assert.equal(reached(), 0);
    });
  }

  it('requests that follow each other properly are answered in order, also after an error', async () => {
    const first = 'GET /v2/nonsense HTTP/1.1\r\nHost: x\r\n\r\n';
    const last = 'GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    assert.deepEqual(
      (await say(scene.daemon.authority, `${first}${PING}\r\n${first}${last}`)).statuses,
      [404, 200, 404, 200],
    );
  });

  it('a whole URL in place of a path is no way to another host', async () => {
    const asked = 'GET http://evil.example/v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    assert.deepEqual((await say(scene.daemon.authority, asked)).statuses, [404]);
  });

  for (const after of ['this is no request', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example']) {
    it(`a body is never interrupted by an answer to what came after its request: ${after.split('\r')[0]}`, async (t) => {
      const { registry, daemon, layer } = await startScene(t, { size: BIG });
      const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
      const { socket, answers } = talk(daemon.authority);
      socket.write(`GET /v2/${REPOSITORY}/blobs/${layer.digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await once(socket, 'data');
      socket.write(`${after}\r\n\r\n`);
      await once(socket, 'close');
      gate.open();
      assert.equal(answers().match(/HTTP\/1\.1 /g)?.length, 1, 'one answer, and nothing inside its body');
    });
  }

  it('only the answer to the request that ends the connection says that it ends', async (t) => {
    const { registry, daemon, layer } = await startScene(t);
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'headers' });
    const { socket, answers } = talk(daemon.authority);
    socket.write(`GET /v2/${REPOSITORY}/blobs/${layer.digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await gate.reached;
    socket.write(`${PING}Content-Length: 5\r\n\r\nhello${HIDDEN}`);
    // The daemon has read it once it answers what came later, on a connection of its own.
    await say(daemon.authority, `${PING}Connection: close\r\n\r\n`);
    gate.open();
    await once(socket, 'close');
    const heads = [...answers().matchAll(/HTTP\/1\.1 (\d+)[^]*?\r\n\r\n/g)];
    assert.deepEqual(
      heads.map(([head, status]) => [status, /\r\nconnection: close\r\n/i.test(head)]),
      [
        ['200', false],
        ['200', true],
      ],
    );
  });
});

describe('another protocol', () => {
  let scene: Scene;
  const scope = suiteScope();
  before(async () => {
    scene = await startScene(scope);
  });

  for (const [name, bytes, status, says] of OTHER_PROTOCOLS) {
    it(`${name}: ${status} in JSON, with what to do`, async () => {
      const { statuses, text } = await say(scene.daemon.authority, bytes);
      assert.deepEqual(statuses, [status]);
      assert.match(text, /content-type: application\/json/i);
      assert.match(text, /\{"errors":\[\{"code":"UNSUPPORTED","message":"[^"]+"/);
      assert.match(text, says);
    });
  }

  for (const [name, bytes] of OTHER_PROTOCOLS) {
    it(`${name}: whoever asks and resets the connection breaks nothing`, async () => {
      const { socket } = talk(scene.daemon.authority);
      socket.write(bytes);
      await once(socket, 'data');
      socket.resetAndDestroy();
      // By the time that this is answered, the reset is there.
      assert.deepEqual((await say(scene.daemon.authority, `${PING}Connection: close\r\n\r\n`)).statuses, [200]);
    });
  }

  it('plain HTTP on a TLS listener is answered in plain HTTP', { skip: skipWithoutOpenssl }, async (t) => {
    const tls = (await makeAuthority(t)).issue('mirror');
    const { daemon } = await startScene(t, { daemon: { registry: { tls } } });
    const { statuses, text } = await say(daemon.authority, `${PING}\r\n`);
    assert.deepEqual(statuses, [400]);
    assert.match(text, /ask with https:/);
  });
});
