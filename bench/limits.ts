/**
 * What is left to win by other means than better code: stored blobs by nginx's sendfile, alone and handed over, and blobs and
 * manifests by several processes. Processor time is the number to read where the client needs a core of the same machine.
 */
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { Cistern } from '../test/e2e/support/cistern.js';
import { startNginxInFront } from '../test/e2e/support/nginx.js';
import { checked, pullTogether, warmed } from './support/client.js';
import { interleaved } from './support/measure.js';
import { startNginx } from './support/nginx.js';
import { processorSeconds } from './support/process-use.js';
import type { Bench, Recorder } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB, startScript, storedFile, UPSTREAM } from './support/servers.js';
import { notInstalled, pathOf, wrk } from './support/tools.js';

const SIZE = scaled(256, 8) * MIB;
const SECONDS = scaled(3, 1);

interface Server {
  readonly name: string;
  readonly url: string;
  /** Those that work for an answer. */
  readonly pids: readonly number[];
}

export const limits: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const digest = await upstream.blob(SIZE);
    const path = `/v2/bench/image/blobs/${digest}`;
    const cistern = await Cistern.start({
      dir: join(dir, 'cistern'),
      upstreams: [{ name: UPSTREAM, url: upstream.url, default: true, allowNetworks: ['127.0.0.0/8'] }],
      settings: { registry: { listen: '127.0.0.1:0', accelRedirect: '/cistern-blobs/' } },
    });
    await warmed(cistern.url + path);
    const inFront = await startNginxInFront(join(dir, 'in-front'), cistern, join(dir, 'cistern/var/blobs'));
    const nginx = await startNginx(join(dir, 'nginx'));
    const file = storedFile(dir, digest);
    await link(file, join(nginx.root, 'blob'));
    const minimal = await Promise.all(
      [1, 2].map((processes) => startScript('minimal-server.ts', [file, `${processes}`])),
    );

    const own = cistern.pid!;
    const servers: readonly Server[] = [
      { name: 'cistern', url: cistern.url + path, pids: [own] },
      { name: 'nginx, handed over', url: inFront.url + path, pids: [own, inFront.pid] },
      { name: 'nginx', url: `${nginx.url}/blob`, pids: [nginx.pid] },
      ...minimal.map(({ url, pid }, n) => ({ name: MINIMAL[n]!, url: `${url}/blob`, pids: [pid] })),
    ];
    for (const { url } of servers) await checked(url, digest);
    for (const clients of [1, 8]) {
      const title = `Warm blob of 256 MiB, ${clients} client${clients === 1 ? '' : 's'}`;
      await compare(record, title, 'MiB', rounds(clients === 1 ? 7 : 3), servers, async ({ url }) => {
        const seconds = await pullTogether(url, clients);
        const done = (clients * SIZE) / MIB;
        return { done, rate: done / seconds };
      });
    }
    if (pathOf('wrk') === undefined) {
      record.skip('manifests', notInstalled('wrk'));
      return;
    }
    const answering = minimal.map(({ url, pid }, n) => ({ name: MINIMAL[n]!, url: `${url}/manifest`, pids: [pid] }));
    await compare(record, 'Answers of 1.2 kB, 32 connections', 'answer', rounds(3), answering, async ({ url }) => {
      const { rate } = await wrk(url, 32, SECONDS);
      return { done: rate * SECONDS, rate };
    });
  });

const MINIMAL = ['minimal, one process', 'minimal, two processes'];

/** Rates, and the processor time of the servers' own processes for one `unit`. */
async function compare(
  record: Recorder,
  title: string,
  unit: string,
  count: number,
  servers: readonly Server[],
  run: (server: Server) => Promise<{ readonly done: number; readonly rate: number }>,
): Promise<void> {
  const sides = servers.map((server) => ({
    name: server.name,
    run: async () => {
      const processor = () => server.pids.reduce((sum, pid) => sum + processorSeconds(pid), 0);
      const before = processor();
      const { done, rate } = await run(server);
      return { rate, cost: ((processor() - before) * 1_000_000) / done };
    },
  }));
  const { rate, cost } = await interleaved(count, ['rate', 'cost'], sides);
  const [baseline] = servers;
  record.compare(title, `${unit}/s`, rate, baseline!.name);
  record.compare(`${title}: processor time`, `µs for 1 ${unit}`, cost, baseline!.name);
}
