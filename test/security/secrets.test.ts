/**
 * A canary in every place where a secret can be, then everything is driven: pulls that work and fail, logins that are refused,
 * redirects with signatures, the doctor, every gRPC question, metrics and the status page. No canary is found in the log, in
 * any answer, or in a file; and no repository's name where nobody logs in.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { Client, compressionAlgorithms, credentials, Metadata } from '@grpc/grpc-js';
import bcrypt from 'bcryptjs';
import { contents, ControlClient, garbageCollection, prefetches, statistics, upstreams } from '../../src/cli/client.js';
import { startCanary } from '../support/canary.js';
import { startTestDaemon } from '../support/daemon.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { get, type RequestOptions } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { temporaryDirectory } from '../support/tmp.js';

const CANARY = 'canary-c0ffee';
const secret = (name: string) => `${CANARY}-${name}`;
const REPOSITORY = 'private-team/app';
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

async function scene(t: TestContext) {
  const dir = await temporaryDirectory(t);
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const users = { ada: secret('upstream-password') };
  const bearer = await FakeRegistry.start(t, { auth: { type: 'bearer', users, anonymous: false }, cdn: true });
  const simple = await FakeRegistry.start(t, { auth: { type: 'basic', users } });
  const cdn = await startCanary(t, { host: '127.0.0.3' });
  const image = makeImage({ seed: 'secrets', layers: [2048, 2 * 1024 * 1024] });
  for (const registry of [bearer, simple]) registry.push(REPOSITORY, image, 'v1');
  bearer.fail({ kind: 'token' }, { headers: { 'set-cookie': `session=${secret('cookie')}` } });
  const auth = { type: 'basic', username: 'ada', passwordFile: file('password', users.ada) };
  const wrong = { type: 'basic', username: 'ada', password: secret('wrong-password') };
  const htpasswdFile = file('htpasswd', `ann:${bcrypt.hashSync(secret('client-password').slice(0, 60), 4)}\n`);
  const daemon = await startTestDaemon(t, {
    upstreams: [
      { name: 'bearer.example', url: bearer.url, auth },
      { name: 'simple.example', url: simple.url, auth },
      { name: 'wrong.example', url: simple.url, auth: wrong },
      { name: 'wrong-token.example', url: bearer.url, auth: wrong },
      { name: 'proxied.example', url: 'http://upstream.example', proxy: `http://ada:${secret('proxy')}@127.0.0.1:9` },
      { name: 'down.example', url: 'http://127.0.0.1:9', auth },
    ],
    registry: { auth: { type: 'basic', htpasswdFile } },
    config: { control: { listen: '127.0.0.1:0', tokenFile: file('token', secret('control-token')) } },
  });
  return { dir, daemon, bearer, simple, cdn, image, hash: readFileSync(htpasswdFile, 'utf8').slice(4, -1) };
}

describe('secrets', () => {
  it('are found nowhere', async (t) => {
    const { dir, daemon, bearer, simple, cdn, image, hash } = await scene(t);
    const told: string[] = [];
    const ask = async (path: string, options: RequestOptions = {}) => {
      const { status, headers, body } = await get(`${daemon.url}${path}`, options);
      told.push(JSON.stringify({ status, headers }), body.toString('latin1'));
      return status;
    };
    const ann = { headers: { authorization: basic('ann', secret('client-password').slice(0, 60)) } };

    // Pulls, whole and broken, by every upstream; with logins right, wrong and malformed.
    for (const upstream of ['bearer', 'simple', 'wrong', 'wrong-token', 'proxied', 'down']) {
      const base = `/v2/${REPOSITORY}`;
      const ns = `?ns=${upstream}.example`;
      for (const path of ['manifests/v1', 'manifests/none', 'tags/list', `referrers/${image.digest}`])
        await ask(`${base}/${path}${ns}`, ann);
      for (const { digest } of image.blobs) await ask(`${base}/blobs/${digest}${ns}`, ann);
    }
    for (const authorization of [
      basic('ann', secret('wrong-guess')),
      basic(secret('password-typed-as-user'), 'x'),
      `Bearer ${secret('bearer')}`,
      `Basic ${secret('no-base64')}`,
    ])
      assert.equal(await ask(`/v2/${REPOSITORY}/manifests/v1`, { headers: { authorization } }), 401);
    await ask(`/v2/?token=${secret('query')}`, ann);
    await ask('/v2/', { ...ann, method: 'PUT', body: secret('body') });

    // Redirects: to somewhere with a signature that works not, and to forbidden places.
    const signature = `signature=${secret('signature')}`;
    for (const location of [
      `${cdn.url}/blob?${signature}`,
      `http://169.254.169.254/?${signature}`,
      `http://u:${secret('redirect-user')}@127.0.0.1/`,
      `${simple.url}/nowhere?${signature}#${secret('fragment')}`,
    ]) {
      const other = makeImage({ seed: location });
      simple.push(REPOSITORY, other);
      const mend = simple.fail({ kind: 'blob' }, { status: 307, headers: { location } });
      await ask(`/v2/${REPOSITORY}/blobs/${other.layers[0]!.digest}?ns=simple.example`, ann);
      mend();
    }
    // What upstream says of us in its errors is its own affair, not ours to repeat.
    const mend = bearer.fail({ kind: 'manifest' }, { status: 500, body: secret('error-body') });
    await ask(`/v2/${REPOSITORY}/manifests/v2?ns=bearer.example`, ann);
    mend();
    bearer.fail({ kind: 'token' }, { body: `{"nonsense":"${secret('token-answer')}"` });
    bearer.expireTokens();
    await ask(`/v2/${REPOSITORY}/manifests/v3?ns=bearer.example`, ann);

    // The control plane: all questions, some of them wrong, with the right token and with a wrong one.
    const right = new ControlClient({ address: daemon.controlAddress, tokenFile: join(dir, 'token') });
    t.after(() => right.close());
    writeFileSync(join(dir, 'guess'), secret('guessed-token'));
    const guess = new ControlClient({ address: daemon.controlAddress, tokenFile: join(dir, 'guess') });
    t.after(() => guess.close());
    const note = (what: Promise<unknown>) =>
      what.then(
        (answer) =>
          void told.push(
            JSON.stringify(answer, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
          ),
        (error: unknown) => void told.push(inspect(error, { depth: 5 })),
      );
    const collect = async (items: AsyncIterable<unknown>) => {
      const found: unknown[] = [];
      for await (const item of items) found.push(item);
      return found;
    };
    for (const client of [right, guess]) {
      const images = ['wrong.example/a/b:1', `bearer.example/${REPOSITORY}:v1`, 'down.example/a/b:1'];
      await note(client.ask(upstreams.ListUpstreams, {}));
      await note(collect(client.follow(upstreams.Diagnose, {})));
      await note(client.ask(prefetches.PlanPrefetch, { spec: { images } }));
      await note(client.ask(prefetches.CreatePrefetchJob, { spec: { images } }));
      await note(client.ask(prefetches.ListPrefetchJobs, {}));
      await note(client.ask(contents.ListImages, {}));
      for (const image of images) await note(client.ask(contents.InspectImage, { image }));
      await note(client.ask(contents.GetDiskUsage, {}));
      await note(collect(client.follow(contents.Verify, {})));
      await note(collect(client.follow(garbageCollection.CollectGarbage, { dryRun: true })));
      await note(client.ask(statistics.GetStatistics, {}));
    }

    // Where nobody logs in. Only who is at this machine is told names, by the page.
    const open = [];
    for (const path of ['/', '/metrics', '/healthz', '/readyz', `/${secret('admin-path')}`]) {
      const { body } = await get(`${daemon.adminUrl}${path}`, { headers: { host: 'cistern.example' } });
      open.push(body.toString());
    }
    for (const text of open) assert.ok(!text.includes('private-team'), 'no repository is named without a login');
    open.push((await get(`${daemon.adminUrl}/`)).body.toString());
    await daemon.reload({});
    await daemon.stop();

    // Without these the test would find nothing because nothing happened.
    for (const text of [
      'our credential was refused',
      '"msg":"stored"',
      'UPSTREAM_FORBIDDEN_ADDRESS',
      'call without the right token',
    ])
      assert.ok(daemon.logged(text).length > 0 || told.some((each) => each.includes(text)), text);
    assert.ok(bearer.count({ kind: 'token' }) > 0 && cdn.requests.length > 0);

    const tokens = bearer.requests.map(({ headers }) => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]);
    const secrets = [
      CANARY,
      hash,
      Buffer.from(CANARY).toString('base64').slice(0, 16),
      ...tokens.filter((token) => token !== undefined),
    ];
    // An encoded `user:password` begins at any of three places.
    for (const user of ['ada:', 'ann:']) secrets.push(Buffer.from(`${user}${CANARY}`).toString('base64').slice(0, 20));
    const files = readdirSync(daemon.dataDir, { recursive: true, encoding: 'utf8' })
      .map((name) => join(daemon.dataDir, name))
      .filter((path) => statSync(path).isFile())
      .map((path) => readFileSync(path, 'latin1'));
    for (const text of [...daemon.logs, ...told, ...open, ...files])
      for (const each of secrets) assert.ok(!text.includes(each), `${each} in: ${text.slice(0, 300)}`);
    assert.ok(secrets.length > 6 && told.length > 100, 'there was something to find');
  });
});

describe('the control plane', () => {
  it('with a token tells strangers nothing by reflection, and unpacks no bomb', async (t) => {
    const dir = await temporaryDirectory(t);
    writeFileSync(join(dir, 'token'), 'right', { mode: 0o600 });
    const daemon = await startTestDaemon(t, {
      upstreams: [{ name: 'up.example', url: 'http://127.0.0.1:9' }],
      config: { control: { listen: '127.0.0.1:0', tokenFile: join(dir, 'token') } },
    });
    const call = (path: string, body: Buffer, token?: string) =>
      new Promise<number>((resolve) => {
        const client = new Client(daemon.controlAddress, credentials.createInsecure(), {
          'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
          'grpc.max_send_message_length': -1,
        });
        const metadata = new Metadata();
        if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
        client.makeUnaryRequest(
          path,
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          body,
          metadata,
          (error) => {
            client.close();
            resolve(error?.code ?? 0);
          },
        );
      });
    const UNAUTHENTICATED = 16;
    const RESOURCE_EXHAUSTED = 8;
    const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    assert.equal(await call(reflection, Buffer.alloc(0)), UNAUTHENTICATED);
    assert.equal(await call('/cistern.v1.UpstreamsService/ListUpstreams', Buffer.alloc(0)), UNAUTHENTICATED);
    const bomb = Buffer.alloc(200 * 1024 * 1024);
    assert.equal(await call('/cistern.v1.UpstreamsService/ListUpstreams', bomb, 'right'), RESOURCE_EXHAUSTED);
    assert.equal(await call('/cistern.v1.UpstreamsService/ListUpstreams', Buffer.alloc(0), 'right'), 0);
  });
});
