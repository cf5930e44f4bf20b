/**
 * Stored blobs handed over to Debian's nginx, by the example in deploy/nginx: what clients get is what Cistern would send,
 * also when a collection comes in between.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { unlessInstalled } from '../deploy/needs.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { get, head, open, sha256, type Answer } from '../support/http.js';
import { makeImage, type Image } from '../support/images.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';
import { say } from '../support/wire.js';
import { Cistern } from './support/cistern.js';
import { startNginxInFront, type Nginx } from './support/nginx.js';
import { stopPrograms, until } from './support/processes.js';

const NAME = 'registry.test';
const REPOSITORY = 'team/app';
const REFERENCE = `${NAME}/${REPOSITORY}:v1`;
const MiB = 1024 * 1024;
/** The second is one that Cistern reads itself; the third does not fit into the sockets of a client that does not read. */
const LAYERS = [3 * MiB + 17, 1000, 48 * MiB];

after(stopPrograms);

describe('nginx in front', { skip: unlessInstalled('nginx') }, () => {
  const closers: (() => void | Promise<void>)[] = [];
  const scope: Scope = { after: (close) => void closers.push(close) };
  let registry: FakeRegistry;
  let image: Image;
  let cistern: Cistern;
  let nginx: Nginx;
  /** Awaited when Cistern has handed something over, and nginx does not know yet. */
  let inBetween: () => Promise<unknown>;
  let handedOver: string[];
  /** That nginx opened. */
  let connections = 0;
  /** What went wrong there. */
  const failures: unknown[] = [];
  let blobs: string;

  before(async () => {
    const dir = await temporaryDirectory(scope, 'cistern-nginx');
    blobs = join(dir, 'var/blobs');
    registry = await FakeRegistry.start(scope);
    image = makeImage({ seed: 'nginx', layers: LAYERS });
    registry.push(REPOSITORY, image, 'v1');
    cistern = await Cistern.start({
      dir,
      upstreams: [{ name: NAME, url: registry.url, allowNetworks: ['127.0.0.0/8'], tagTtl: '1h' }],
      settings: { registry: { listen: '127.0.0.1:0', accelRedirect: '/cistern-blobs/' } },
    });
    const host = await startBetween();
    nginx = await startNginxInFront(join(dir, 'nginx'), { host }, blobs);
    closers.push(nginx.stop, async () => {
      await cistern.stop();
    });
    await pull();
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  /** Passes everything on between nginx and Cistern, so that something can happen there. */
  async function startBetween(): Promise<string> {
    inBetween = () => Promise.resolve();
    handedOver = [];
    const server = createServer((asked, answer) => {
      const { method, url, headers } = asked;
      request(`${cistern.url}${url ?? ''}`, { method, headers, agent: false }, (got) => {
        const file = got.headers['x-accel-redirect'];
        if (typeof file === 'string') handedOver.push(file);
        const pass = () => got.pipe(answer.writeHead(got.statusCode ?? 0, withoutHops(got.headers)));
        if (file === undefined) pass();
        else
          void inBetween().then(pass, (error: unknown) => {
            failures.push(error);
            answer.destroy();
          });
      }).end();
    }).listen(0, '127.0.0.1');
    server.on('connection', () => connections++);
    scope.after(() => {
      server.closeAllConnections();
      server.close();
    });
    await until(() => server.listening, 'the one in between');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const url = (digest: string, of: { readonly url: string } = nginx, kind = 'blobs') =>
    `${of.url}/v2/${NAME}/${REPOSITORY}/${kind}/${digest}`;
  const blobFile = (digest: string) => join(blobs, 'sha256', digest.slice(7, 9), digest.slice(7));

  /** All of it through nginx, and until it is stored. */
  async function pull(): Promise<void> {
    inBetween = () => Promise.resolve();
    const lines = cistern.output.length;
    assert.deepEqual((await get(url('v1', nginx, 'manifests'))).body, image.bytes);
    for (const { digest, bytes } of image.blobs) assertWhole(await get(url(digest)), bytes);
    const all = [image, ...image.blobs];
    // Recorded, not just a file: that a second look is a hit says so.
    for (const { digest } of all) {
      const hit = async () => (await head(url(digest))).headers['cache-status'] === 'cistern; hit';
      await until(hit, `${digest} to be a hit; the log says:\n${cistern.output.slice(lines)}`);
    }
    handedOver.length = 0;
  }

  function assertWhole(answer: Answer, bytes: Buffer): void {
    assert.deepEqual([answer.status, answer.complete, answer.body.equals(bytes)], [200, true, true]);
    assert.equal(answer.headers['content-length'], String(bytes.length));
    assertNotTold(answer.headers);
  }

  const assertNotTold = (headers: IncomingHttpHeaders) => assert.equal(headers['x-accel-redirect'], undefined);

  /** What differs from answer to answer and hop to hop. */
  const comparable = (answer: Answer) => {
    const { date, server, connection, 'keep-alive': keepAlive, 'x-request-id': id, ...headers } = answer.headers;
    assert.ok(date && (server ?? connection ?? keepAlive));
    assert.match(String(id), /^[0-9a-f]{8}-/);
    // nginx says that it takes ranges where it sends the whole only.
    if (answer.status === 206) delete headers['accept-ranges'];
    return { status: answer.status, headers, body: sha256(answer.body) };
  };

  it('answers as Cistern does: whole, ranges, validators, heads, small blobs, errors', async () => {
    const [large, small] = image.layers as [Image['layers'][0], Image['layers'][0]];
    const etag = `"${large.digest}"`;
    const questions: readonly (readonly [digest: string, Readonly<Record<string, string>>, handedOver: boolean])[] = [
      [large.digest, {}, true],
      [large.digest, { range: 'bytes=500-1499' }, true],
      [large.digest, { range: 'bytes=500-' }, true],
      [large.digest, { range: 'bytes=-500' }, true],
      [large.digest, { range: `bytes=2000-${large.size + 5000}` }, true],
      [large.digest, { range: 'bytes=0-9,100-119' }, true],
      [large.digest, { range: 'bytes=0-9', 'if-range': etag }, true],
      [large.digest, { range: 'bytes=0-9', 'if-range': '"another"' }, true],
      [large.digest, { range: 'bytes=0-9', 'if-range': 'Wed, 21 Oct 2099 07:28:00 GMT' }, true],
      [large.digest, { 'if-none-match': '"another"' }, true],
      [large.digest, { 'if-modified-since': 'Wed, 21 Oct 2099 07:28:00 GMT' }, true],
      [large.digest, { 'accept-encoding': 'gzip' }, true],
      [large.digest, { 'if-none-match': etag }, false],
      [large.digest, { range: `bytes=${large.size}-` }, false],
      [small.digest, {}, false],
      [small.digest, { range: 'bytes=1-9' }, false],
    ];
    for (const [digest, headers, isHandedOver] of questions) {
      handedOver.length = 0;
      const [direct, through] = [await get(url(digest, cistern), { headers }), await get(url(digest), { headers })];
      assert.deepEqual(comparable(through), comparable(direct), JSON.stringify(headers));
      assert.equal(handedOver.length, isHandedOver ? 1 : 0, JSON.stringify(headers));
    }
    for (const digest of [large.digest, small.digest]) {
      assert.deepEqual(comparable(await head(url(digest))), comparable(await head(url(digest, cistern))));
    }
    // With what a client names a registry by, too.
    const named = (of: { readonly url: string }) => get(`${of.url}/v2/${REPOSITORY}/blobs/${large.digest}?ns=${NAME}`);
    const through = comparable(await named(nginx));
    assert.equal(through.headers['oci-namespace'], NAME);
    assert.deepEqual(through, comparable(await named(cistern)));
  });

  it('refuses a range that nobody understands, where Cistern sends the whole', async () => {
    const { digest, size } = image.layers[0]!;
    const answer = await get(url(digest), { range: 'bytes=first-last' });
    assert.deepEqual([answer.status, answer.headers['content-range']], [416, `bytes */${size}`]);
  });

  it('keeps its connection to Cistern after a hand-over', async () => {
    const { digest } = image.layers[0]!;
    await get(url(digest), { range: 'bytes=0-9' });
    const opened = connections;
    for (let time = 0; time < 5; time++) await get(url(digest), { range: 'bytes=0-9' });
    assert.equal(connections, opened);
  });

  it('never shows the location of the blobs, nor what is not among them', async () => {
    const { digest } = image.layers[0]!;
    const path = `sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;
    for (const target of [`/cistern-blobs/${path}`, `/cistern-blobs/../blobs/${path}`, '/cistern-blobs/']) {
      const { text, statuses } = await say(
        nginx.url.slice('http://'.length),
        `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      assert.deepEqual(statuses, [404], target);
      assert.ok(text.length < 2000);
    }
  });

  it('takes no word from a client of what it takes over', async () => {
    const { digest, bytes } = image.layers[0]!;
    for (const value of ['', 'X-Sendfile']) {
      handedOver.length = 0;
      assertWhole(await get(url(digest), { headers: { 'x-sendfile-type': value } }), bytes);
      assert.equal(handedOver.length, 1);
    }
  });

  it('gives a miss as it comes, and hands over the next', async () => {
    const { digest, bytes } = image.layers[0]!;
    assert.equal((await cistern.run('evict', REFERENCE)).code, 0);
    await get(url('v1', nginx, 'manifests'));
    handedOver.length = 0;
    const gate = registry.hold({ kind: 'blob', method: 'GET', reference: digest, at: 'middle' });
    const client = await open(url(digest));
    await gate.reached;
    // Before upstream has sent the rest.
    assert.deepEqual(await client.read(MiB), bytes.subarray(0, MiB));
    gate.open();
    assert.deepEqual(await client.rest(), bytes.subarray(MiB));
    assert.ok(client.complete);
    assert.equal(client.headers['cache-status'], 'cistern; fwd=miss');
    assert.equal(handedOver.length, 0);
    await pull();
    assertWhole(await get(url(digest)), bytes);
    assert.equal(handedOver.length, 1);
  });

  for (const [what, happens] of [
    ['is collected', () => cistern.run('evict', REFERENCE)],
    ['gets lost', (file: string) => rm(file)],
  ] as const) {
    it(`asks again when the blob ${what} in between, and the client gets it whole`, async () => {
      const { digest, bytes } = image.layers[0]!;
      await pull();
      const file = blobFile(digest);
      inBetween = async () => {
        inBetween = () => Promise.resolve();
        const said = await happens(file);
        if (existsSync(file)) throw new Error(`it is still there: ${JSON.stringify(said)}`);
      };
      registry.forgetRequests();
      // Commands take their time on a busy machine.
      const timeout = 120_000;
      const whole = await get(url(digest), { timeout });
      assert.deepEqual(failures, []);
      const part = await get(url(digest), { range: 'bytes=5-99', timeout });
      assert.ok(handedOver.length >= 1);
      assertWhole(whole, bytes);
      assert.equal(whole.headers['cache-status'], 'cistern; fwd=miss');
      assert.equal(whole.headers['docker-content-digest'], digest);
      assert.deepEqual([part.status, part.body.equals(bytes.subarray(5, 100))], [206, true]);
      await pull();
    });
  }

  it('asks again when it may not read the file', { skip: unlessInstalled('root', 'setpriv') }, async () => {
    const { digest, bytes } = image.layers[0]!;
    await pull();
    const dir = await temporaryDirectory(scope, 'cistern-nobody');
    await chmod(dir, 0o777);
    const under = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const nobody = await startNginxInFront(dir, cistern, blobs, under);
    const answer = await get(url(digest, nobody));
    assert.match(await nobody.errors(), /Permission denied/);
    await nobody.stop();
    assertWhole(answer, bytes);
    assert.equal(answer.headers['cache-status'], 'cistern; hit');
  });

  it('reads on to the end what is collected while a slow client takes it', async () => {
    const { digest, bytes } = image.layers[2]!;
    await pull();
    const client = await open(url(digest), { timeout: 120_000 });
    const first = await client.read(MiB);
    assert.equal(handedOver.length, 1);
    const evicted = await cistern.run('evict', REFERENCE);
    assert.equal(evicted.code, 0, evicted.stderr);
    assert.ok(!existsSync(blobFile(digest)));
    registry.forgetRequests();
    const rest = await client.rest();
    assert.ok(client.complete && Buffer.concat([first, rest]).equals(bytes));
    assert.equal(registry.requests.length, 0);
  });
});

function withoutHops(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { ...kept } = headers;
  delete kept.connection;
  delete kept['keep-alive'];
  return kept;
}
