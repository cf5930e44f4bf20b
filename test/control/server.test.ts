/** The control plane as callers meet it: where it listens, whom it lets in, and how calls end. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto, service as healthService } from 'grpc-health-check';
import { contents, garbageCollection, prefetches, upstreams } from '../../src/cli/client.js';
import { protos } from '../../src/control/gen/protos.js';
import { deferred } from '../../src/lib/async.js';
import { AppError } from '../../src/lib/errors.js';
import { Secret } from '../../src/lib/secret.js';
import { makeAuthority, skipWithoutOpenssl } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { all, control, detailsOf, directory, failure, image, job, status, type Scope } from './support.js';

const empty = { upstreams: { list: () => Promise.resolve([]) } };

/** A promise that only the test's `signal` ends, and a note that it was. */
function endless() {
  const seen = { started: false, reason: undefined as unknown };
  const run = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      seen.started = true;
      signal.addEventListener('abort', () => {
        seen.reason = signal.reason;
        reject(signal.reason as Error);
      });
    });
  return { seen, run };
}

interface HealthClient {
  check(service: string): Promise<string>;
}

function healthOf(t: Scope, address: string): HealthClient {
  const client = new Client(address, credentials.createInsecure());
  t.after(() => client.close());
  const { path, requestSerialize, responseDeserialize } = healthService['Check']!;
  return {
    check: (service) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service }, (error, answer) => {
          if (error) reject(error);
          else resolve((answer as { status: string }).status);
        });
      }),
  };
}

describe('the control plane’s listener', () => {
  it('answers over TCP, on a free port when it is asked for one', async (t) => {
    const { server, client } = await control(t, empty);
    assert.match(server.address, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual((await client().ask(upstreams.ListUpstreams, {})).upstreams, []);
  });

  it('answers over a Unix socket that only its owner and group may use', async (t) => {
    const path = join(await directory(t), 'control.sock');
    const { server, client } = await control(t, empty, { listen: { path } });
    assert.equal(server.address, `unix://${path}`);
    assert.equal(statSync(path).mode & 0o777, 0o660);
    assert.deepEqual((await client().ask(upstreams.ListUpstreams, {})).upstreams, []);
    await server.close(AbortSignal.abort());
    assert.equal(existsSync(path), false);
  });

  it('takes over the socket file of a daemon that was killed, not of one that lives', async (t) => {
    const path = join(await directory(t), 'control.sock');
    const listening = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', listening]);
    assert.ok(existsSync(path));

    const { client } = await control(t, empty, { listen: { path } });
    assert.deepEqual((await client().ask(upstreams.ListUpstreams, {})).upstreams, []);
    await assert.rejects(control(t, empty, { listen: { path } }), { code: 'EADDRINUSE' });
    assert.deepEqual((await client().ask(upstreams.ListUpstreams, {})).upstreams, []);
  });

  it('leaves alone a file that is no socket', async (t) => {
    const path = join(await directory(t), 'precious');
    writeFileSync(path, 'data');
    await assert.rejects(control(t, empty, { listen: { path } }));
    assert.equal(statSync(path).size, 4);
  });

  it('fails with the system’s error when the port is taken', async (t) => {
    const { server } = await control(t, empty);
    const listen = { host: '127.0.0.1', port: server.port!.port };
    await assert.rejects(control(t, empty, { listen }), { code: 'EADDRINUSE', syscall: 'listen' });
  });
});

describe('who may call', () => {
  it('needs the token when one is configured; what was sent instead is never logged', async (t) => {
    const tokenFile = join(await directory(t), 'token');
    writeFileSync(tokenFile, 'guessed');
    const { client, lines } = await control(t, empty, { token: Secret.of('s3cret-token') });
    const refused = await failure(client({ tokenFile }).ask(upstreams.ListUpstreams, {}));
    assert.deepEqual([refused.status, refused.code], ['UNAUTHENTICATED', 'UNAUTHORIZED']);
    assert.match(refused.hint ?? '', /--token-file/);
    assert.ok(lines.some(({ level, message }) => level === 'warn' && message.includes('token')));
    assert.doesNotMatch(JSON.stringify(lines), /guessed|s3cret/);
  });

  for (const [what, given, accepted] of [
    ['the right token', 's3cret-token', true],
    ['a wrong token', 's3cret-tokem', false],
    ['a prefix of it', 's3cret', false],
    ['more than it', 's3cret-token-and-more', false],
  ] as const) {
    it(`${accepted ? 'lets in' : 'refuses'} a caller with ${what}, streams too`, async (t) => {
      const tokenFile = join(await directory(t), 'token');
      writeFileSync(tokenFile, given);
      const fakes = { ...empty, collector: { run: async function* () {} } };
      const { client } = await control(t, fakes, { token: Secret.of('s3cret-token') });
      const unary = client({ tokenFile }).ask(upstreams.ListUpstreams, {});
      const stream = all(client({ tokenFile }).follow(garbageCollection.CollectGarbage, {}));
      if (accepted) {
        await unary;
        await stream;
      } else {
        assert.equal((await failure(unary)).status, 'UNAUTHENTICATED');
        assert.equal((await failure(stream)).status, 'UNAUTHENTICATED');
      }
    });
  }

  it('never lets in a caller without a token because the configured one is empty', async (t) => {
    const { client } = await control(t, empty, { token: Secret.of('') });
    assert.equal((await failure(client().ask(upstreams.ListUpstreams, {}))).status, 'UNAUTHENTICATED');
  });

  it('tells its health to those who hold no token, and nothing else', async (t) => {
    const { server } = await control(t, empty, { token: Secret.of('s3cret-token') });
    assert.equal(await healthOf(t, server.address).check(''), 'SERVING');
    await assert.rejects(servicesByReflection(t, server.address), { code: status.UNAUTHENTICATED });
  });
});

describe('TLS', { skip: skipWithoutOpenssl }, () => {
  it('encrypts, and a client that trusts another CA does not talk to it', async (t) => {
    const ca = await makeAuthority(t);
    const { client } = await control(t, empty, { tls: ca.issue('server') });
    assert.deepEqual((await client({ caFile: ca.caFile }).ask(upstreams.ListUpstreams, {})).upstreams, []);
    const other = await makeAuthority(t);
    assert.equal(
      (await failure(client({ caFile: other.caFile }).ask(upstreams.ListUpstreams, {}))).status,
      'UNAVAILABLE',
    );
    assert.equal((await failure(client().ask(upstreams.ListUpstreams, {}))).status, 'UNAVAILABLE');
  });

  it('with a CA for clients, talks only to those it signed', async (t) => {
    const ca = await makeAuthority(t);
    const other = await makeAuthority(t);
    const { client } = await control(t, empty, { tls: { ...ca.issue('server'), clientCaFile: ca.caFile } });
    const mine = client({ caFile: ca.caFile, ...ca.issue('me') });
    assert.deepEqual((await mine.ask(upstreams.ListUpstreams, {})).upstreams, []);
    for (const options of [{}, other.issue('me')]) {
      const stranger = client({ caFile: ca.caFile, ...options });
      assert.equal((await failure(stranger.ask(upstreams.ListUpstreams, {}))).status, 'UNAVAILABLE');
    }
  });

  it('does not start with a key that is not the certificate’s', async (t) => {
    const ca = await makeAuthority(t);
    const tls = { certFile: ca.issue('a').certFile, keyFile: ca.issue('b').keyFile };
    await assert.rejects(control(t, empty, { tls }), { code: 'CONFIG_INVALID' });
  });
});

describe('a call', () => {
  it('that fails says with which status, code and field, in the standard details', async (t) => {
    const { client } = await control(t);
    const failed = await failure(client().ask(contents.PinImage, { image: 'docker.io/library/UPPER:1' }));
    assert.deepEqual(
      { status: failed.status, code: failed.code, field: failed.field },
      { status: 'INVALID_ARGUMENT', code: 'NAME_INVALID', field: 'image' },
    );
    const bytes = detailsOf(failed.raw);
    assert.ok(Buffer.isBuffer(bytes));
    const { code, details } = protos.google.rpc.Status.deserialize(bytes);
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.deepEqual(
      details.map(({ type_url: type }) => type),
      ['type.googleapis.com/google.rpc.ErrorInfo', 'type.googleapis.com/google.rpc.BadRequest'],
    );
  });

  it('that fails of what it names says so, and when to try again', async (t) => {
    const about = 'docker.io/library/node:22';
    const error = new AppError('UPSTREAM_RATE_LIMITED', 'no more pulls', { about, retryAfter: 60 });
    const { client } = await control(t, { prefetches: { plan: () => Promise.reject(error) } });
    const failed = await failure(client().ask(prefetches.PlanPrefetch, { spec: { images: [about] } }));
    assert.equal(failed.status, 'RESOURCE_EXHAUSTED');
    assert.equal(failed.about, about);
    const { details } = protos.google.rpc.Status.deserialize(detailsOf(failed.raw) as Buffer);
    const retry = details.find(({ type_url: type }) => type.endsWith('RetryInfo'));
    assert.equal(protos.google.rpc.RetryInfo.deserialize(retry!.value).retryDelay?.seconds, 60);
  });

  it('that meets a bug says nothing of it to the caller, and all to the log', async (t) => {
    const { client, lines } = await control(t, {
      upstreams: { list: () => Promise.reject(new Error('secret of the house')) },
    });
    const failed = await failure(client().ask(upstreams.ListUpstreams, {}));
    assert.equal(failed.status, 'INTERNAL');
    assert.ok(!failed.message.includes('secret'));
    assert.equal(lines.filter(({ level }) => level === 'error').length, 1);
  });

  it('whose deadline passes is answered so, and its work is aborted', async (t) => {
    const { seen, run } = endless();
    const { client } = await control(t, { contents: { diskUsage: run } });
    const failed = await failure(client({ timeout: '100ms' }).ask(contents.GetDiskUsage, {}));
    assert.equal(failed.status, 'DEADLINE_EXCEEDED');
    await eventually(() => seen.reason instanceof AppError, 'the work was aborted');
  });

  for (const way of ['cancels', 'goes away'] as const) {
    it(`whose caller ${way} has its work aborted`, async (t) => {
      const { seen, run } = endless();
      const { server } = await control(t, { contents: { diskUsage: run } });
      const wire = await proxyTo(t, server.port!.port);
      const caller = new Client(`127.0.0.1:${wire.port}`, credentials.createInsecure());
      t.after(() => caller.close());
      const { path, requestSerialize, responseDeserialize } = contents.GetDiskUsage;
      const call = caller.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, () => undefined);
      await eventually(() => seen.started, 'the work began');
      if (way === 'cancels') call.cancel();
      else wire.cut();
      await eventually(() => seen.reason instanceof AppError && seen.reason.code === 'CANCELLED', 'it was aborted');
    });
  }

  it('of more than 1 MiB is refused, and the next one is served', async (t) => {
    const { client } = await control(t, empty);
    const big = await failure(all(client().follow(upstreams.Diagnose, { upstreams: ['x'.repeat(2 ** 20)] })));
    assert.equal(big.status, 'RESOURCE_EXHAUSTED');
    assert.deepEqual((await client().ask(upstreams.ListUpstreams, {})).upstreams, []);
  });

  it('that cannot be decoded is an invalid argument', async (t) => {
    const { server, client } = await control(t, empty);
    const raw = new Client(server.address, credentials.createInsecure());
    t.after(() => raw.close());
    const error = await new Promise<ServiceError | null>((resolve) => {
      const { path } = contents.PinImage;
      // There is no wire type 7.
      const nonsense = () => Buffer.from([0x07]);
      raw.makeUnaryRequest(path, nonsense, (bytes) => bytes, {}, resolve);
    });
    assert.equal(error?.code, status.INVALID_ARGUMENT);
    assert.deepEqual((await client().ask(upstreams.ListUpstreams, {})).upstreams, []);
  });

  it('in something else than gRPC harms nobody', async (t) => {
    const { server, client } = await control(t, empty);
    const socket = connect(server.port!.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    assert.deepEqual((await client().ask(upstreams.ListUpstreams, {})).upstreams, []);
  });
});

describe('health and reflection', () => {
  it('follow what the daemon says of itself', async (t) => {
    const state: { why?: string } = {};
    const { server } = await control(t, { unready: () => state.why });
    const health = healthOf(t, server.address);
    assert.equal(await health.check(''), 'SERVING');
    assert.equal(await health.check('cistern.v1.PrefetchService'), 'SERVING');
    state.why = 'the index has failed';
    await eventually(async () => (await health.check('')) === 'NOT_SERVING', 'it says so');
    assert.equal(await health.check('cistern.v1.ContentsService'), 'NOT_SERVING');
  });

  it('list every service, with its messages', async (t) => {
    const { server } = await control(t);
    assert.deepEqual(
      (await servicesByReflection(t, server.address)).filter((name) => !name.startsWith('grpc.reflection')),
      [
        'cistern.v1.ContentsService',
        'cistern.v1.GarbageCollectionService',
        'cistern.v1.PrefetchService',
        'cistern.v1.StatisticsService',
        'cistern.v1.UpstreamsService',
        'grpc.health.v1.Health',
      ],
    );
    assert.equal(healthProto.endsWith('.proto'), true);
  });
});

describe('stopping', () => {
  it('lets a call that is under way finish, and takes no new one', async (t) => {
    const gate = deferred<[]>();
    let started = false;
    const { server, client } = await control(t, {
      upstreams: {
        list: () => {
          started = true;
          return gate.promise;
        },
      },
    });
    const caller = client();
    const answer = caller.ask(upstreams.ListUpstreams, {});
    await eventually(() => started, 'the call began');
    const closed = server.close(new AbortController().signal);
    assert.equal((await failure(caller.ask(upstreams.ListUpstreams, {}))).status, 'UNAVAILABLE');
    gate.resolve([]);
    assert.deepEqual((await answer).upstreams, []);
    await closed;
    assert.equal((await failure(client().ask(upstreams.ListUpstreams, {}))).status, 'UNAVAILABLE');
  });

  it('ends watchers at once, with a status that says to come back', async (t) => {
    const { run } = endless();
    const { server, client } = await control(t, {
      prefetches: {
        watch: (_, signal) =>
          Promise.resolve(
            (async function* () {
              yield job({ state: 'running', images: [image('a')] });
              await run(signal);
            })(),
          ),
      },
    });
    const watched = client().follow(prefetches.WatchPrefetchJob, { id: 'job-1' })[Symbol.asyncIterator]();
    await watched.next();
    const next = failure(watched.next());
    await server.close(new AbortController().signal);
    const { status: name, code } = await next;
    assert.deepEqual({ name, code }, { name: 'UNAVAILABLE', code: 'DRAINING' });
  });

  it('ends calls that do not end by themselves when its time is up', async (t) => {
    const { seen, run } = endless();
    const { server, client } = await control(t, { contents: { diskUsage: run } });
    const failed = failure(client().ask(contents.GetDiskUsage, {}));
    await eventually(() => seen.started, 'the call began');
    const late = new AbortController();
    const closed = server.close(late.signal);
    late.abort();
    await closed;
    assert.equal((await failed).status, 'UNAVAILABLE');
    assert.ok(seen.reason instanceof AppError && seen.reason.code === 'DRAINING');
  });

  it('does not wait for connections that say nothing', async (t) => {
    const { server } = await control(t);
    const socket = connect(server.port!.port, '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(socket, 'close');
    socket.resume();
    await server.close(AbortSignal.abort());
    await gone;
  });
});

/** A wire that can be cut. */
async function proxyTo(t: Scope, port: number) {
  const sockets: Socket[] = [];
  const proxy = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.on('error', () => undefined);
      from.pipe(to);
      sockets.push(from);
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    cut();
    proxy.close();
  });
  return { port: (proxy.address() as AddressInfo).port, cut };
}

/** As grpcurl does it. */
async function servicesByReflection(t: Scope, address: string): Promise<string[]> {
  const path = join(
    import.meta.dirname,
    '../../node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto',
  );
  const loaded = loadPackageDefinition(loadSync(path)) as unknown as {
    grpc: { reflection: { v1: { ServerReflection: { service: Record<string, Method> } } } };
  };
  const {
    path: name,
    requestSerialize,
    responseDeserialize,
  } = loaded.grpc.reflection.v1.ServerReflection.service['ServerReflectionInfo']!;
  const client = new Client(address, credentials.createInsecure());
  t.after(() => client.close());
  const call = client.makeBidiStreamRequest(name, requestSerialize, responseDeserialize);
  call.write({ listServices: '' });
  for await (const answer of call) {
    call.end();
    const { listServicesResponse } = answer as { listServicesResponse: { service: { name: string }[] } };
    return listServicesResponse.service.map((service) => service.name).sort();
  }
  throw new Error('no answer');
}

interface Method {
  readonly path: string;
  readonly requestSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}
