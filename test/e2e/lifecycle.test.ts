/**
 * The daemon as a process: it refuses to start where it could do harm and says why, loses nothing it has acknowledged
 * when it is killed, and lets its clients finish when it is asked to stop.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Cistern, invokeCistern } from './support/cistern.js';
import { DebianRegistry } from './support/debian-registry.js';
import { buildImage, digestsOf, fingerprint, inScratch, pull, push } from './support/images.js';
import { freePort, until } from './support/processes.js';

const NAME = 'registry.test';
const unreachable = { name: NAME, url: 'http://127.0.0.1:9', allowNetworks: ['127.0.0.0/8'] };

/** A registry with one image, and what Cistern is told about it. */
async function registryWithImage(
  dir: string,
  sizes?: readonly number[],
): Promise<{ registry: DebianRegistry; upstream: object }> {
  const registry = await DebianRegistry.start({ dir: join(dir, 'registry') });
  await push(await buildImage(dir, sizes), `${registry.host}/e2e/image:v1`);
  return { registry, upstream: { name: NAME, url: registry.url, allowNetworks: ['127.0.0.0/8'] } };
}

describe('a daemon that cannot start', () => {
  it('exits 2 and names the directory when another one has it', () =>
    inScratch(async (dir) => {
      const first = await Cistern.start({ dir, upstreams: [unreachable] });
      const second = await invokeCistern({ dir, upstreams: [unreachable] });
      const { code } = await second.program.refused();
      assert.equal(code, 2, second.program.output);
      assert.ok(second.program.output.includes(join(dir, 'var')), second.program.output);
      assert.match(second.program.output, /in use/i);
      assert.equal(await first.readiness(), 200, 'the first one goes on');
      await first.stop();
    }));

  it('exits 2 and names the address when the port is taken', () =>
    inScratch(async (dir) => {
      const port = await freePort();
      const squatter = createServer().listen(port, '127.0.0.1');
      await once(squatter, 'listening');
      const { program } = await invokeCistern({ dir, port, upstreams: [unreachable] });
      const { code } = await program.refused();
      assert.equal(code, 2, program.output);
      assert.ok(program.output.includes(String(port)), program.output);
      squatter.close();
    }));

  it('exits 2 and points at the line when its configuration is wrong', () =>
    inScratch(async (dir) => {
      const { program } = await invokeCistern({ dir, upstreams: [unreachable], settings: { storrage: {} } });
      const { code } = await program.refused();
      assert.equal(code, 2, program.output);
      assert.match(program.output, /\.yaml:\d+:\d+.*storrage/);
    }));
});

describe('a daemon', () => {
  it('starts, and answers the ping, while its upstream is down', () =>
    inScratch(async (dir) => {
      const cistern = await Cistern.start({ dir, upstreams: [unreachable] });
      const ping = await fetch(`${cistern.url}/v2/`);
      assert.equal(ping.status, 200);
      assert.equal(ping.headers.get('www-authenticate'), null);
      assert.equal((await cistern.stop()).code, 0);
    }));

  it('has lost nothing that its log called stored after kill -9', () =>
    inScratch(async (dir) => {
      const { registry, upstream } = await registryWithImage(dir);
      const first = await Cistern.start({ dir, upstreams: [upstream] });
      await pull(`${first.host}/${NAME}/e2e/image:v1`, join(dir, 'before'));
      await first.stored(await digestsOf(join(dir, 'before')));
      assert.equal((await first.stop('SIGKILL')).signal, 'SIGKILL');
      await registry.switchOff();

      const second = await Cistern.start({ dir, upstreams: [upstream] });
      for (const digest of await digestsOf(join(dir, 'before'))) {
        const kind = digest === (await digestsOf(join(dir, 'before')))[0] ? 'manifests' : 'blobs';
        const answer = await fetch(`${second.url}/v2/${NAME}/e2e/image/${kind}/${digest}`);
        assert.equal(answer.status, 200, `${kind} ${digest}`);
        assert.equal(digestOf(new Uint8Array(await answer.arrayBuffer())), digest);
      }
      await pull(`${second.host}/${NAME}/e2e/image:v1`, join(dir, 'after'));
      assert.deepEqual(await fingerprint(join(dir, 'after')), await fingerprint(join(dir, 'before')));
      await second.stop();
    }));

  it('asked to stop, takes itself out of service and lets a slow client finish', () =>
    inScratch(async (dir) => {
      const { registry, upstream } = await registryWithImage(dir, [24_000_000]);
      const cistern = await Cistern.start({ dir, upstreams: [upstream], settings: { drainTimeout: '20s' } });
      await pull(`${cistern.host}/${NAME}/e2e/image:v1`, join(dir, 'warm'));
      const layer = (await digestsOf(join(dir, 'warm'))).at(-1) ?? '';

      // Nothing is read before the daemon drains: far more is left to send than socket buffers hold.
      const request = get(`${cistern.url}/v2/${NAME}/e2e/image/blobs/${layer}`, { agent: false });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const stopped = cistern.beginStop();
      await until(async () => (await cistern.readiness()) !== 200, 'taking itself out of service');
      const hash = createHash('sha256');
      for await (const chunk of response) hash.update(chunk as Buffer);
      assert.equal(`sha256:${hash.digest('hex')}`, layer);
      assert.equal((await stopped).code, 0);
      await registry.switchOff();
    }));

  it('ends at once at the second signal', () =>
    inScratch(async (dir) => {
      const { registry, upstream } = await registryWithImage(dir, [24_000_000]);
      const cistern = await Cistern.start({ dir, upstreams: [upstream], settings: { drainTimeout: '10m' } });
      await pull(`${cistern.host}/${NAME}/e2e/image:v1`, join(dir, 'warm'));
      const layer = (await digestsOf(join(dir, 'warm'))).at(-1) ?? '';
      const request = get(`${cistern.url}/v2/${NAME}/e2e/image/blobs/${layer}`, { agent: false });
      request.on('error', () => undefined);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.on('error', () => undefined);
      const stopped = cistern.beginStop();
      await until(async () => (await cistern.readiness()) !== 200, 'taking itself out of service');
      void cistern.beginStop();
      // Who was asked once ends with 0, when this client has been given up.
      assert.equal((await stopped).code, 1);
      await registry.switchOff();
    }));
});

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
