/**
 * What is left to win by other means than better code: stored blobs by nginx's sendfile, alone and handed over, and blobs and
 * manifests by several processes. Processor time is the number to read where the client needs a core of the same machine.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startNginxInFront } from '../test/e2e/support/nginx.js';
import { Cistern } from '../test/e2e/support/cistern.js';
import { until } from '../test/e2e/support/processes.js';
import { outcomeOf, pull, requestsPerSecond } from './support/client.js';
import { figure, interleaved, median, print, report, secondsOf } from './support/measure.js';
import {
  BenchUpstream,
  inBenchDir,
  MIB,
  processorSeconds,
  startNginx,
  startScript,
  UPSTREAM,
} from './support/servers.js';

const SIZE = 256 * MIB;
const SECONDS = 3;

interface Measured {
  readonly name: string;
  readonly url: string;
  readonly pids: readonly number[];
}

export const limits = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const digest = await upstream.blob(SIZE);
    const path = `/v2/bench/image/blobs/${digest}`;
    const cistern = await Cistern.start({
      dir: join(dir, 'cistern'),
      upstreams: [{ name: UPSTREAM, url: upstream.url, default: true, allowNetworks: ['127.0.0.0/8'] }],
      settings: { registry: { listen: '127.0.0.1:0', accelRedirect: '/cistern-blobs/' } },
    });
    await pull(cistern.url + path);
    await until(async () => (await outcomeOf(cistern.url + path)).startsWith('cistern; hit'), 'the blob to be a hit');
    const blobs = join(dir, 'cistern/var/blobs');
    const inFront = await startNginxInFront(join(dir, 'in-front'), cistern, blobs);
    const nginx = await startNginx(dir);
    const hex = digest.slice('sha256:'.length);
    const file = join(dir, 'www/blob');
    await copyFile(join(blobs, 'sha256', hex.slice(0, 2), hex), file);
    const one = await startMinimal(file, 1);
    const two = await startMinimal(file, 2);

    const own = cistern.pid ?? 0;
    const servers: readonly Measured[] = [
      { name: 'cistern', url: cistern.url + path, pids: [own] },
      { name: 'nginx, handed over', url: inFront.url + path, pids: [own, inFront.pid] },
      { name: 'nginx', url: `${nginx.url}/blob`, pids: [nginx.pid] },
      { name: 'minimal, one process', url: `${one.url}/blob`, pids: one.pids },
      { name: 'minimal, two processes', url: `${two.url}/blob`, pids: two.pids },
    ];
    for (const clients of [1, 8]) {
      const what = `Warm blob of 256 MiB, ${clients} client${clients === 1 ? '' : 's'}`;
      await compare(what, 'MiB', clients === 1 ? 7 : 3, servers, async ({ url }) => {
        const seconds = await secondsOf(() => Promise.all(Array.from({ length: clients }, () => pull(url))));
        return { done: (clients * SIZE) / MIB, seconds };
      });
    }
    const answers = [one, two].map(({ url, pids }, n) => ({ ...servers[3 + n]!, url: `${url}/manifest`, pids }));
    await compare('Answers of 1.2 kB, 32 connections', 'answers', 3, answers, async ({ url }) => {
      const rate = await requestsPerSecond(url, 32, SECONDS);
      return { done: rate * SECONDS, seconds: SECONDS };
    });
  });

/** Rates as ever, and the processor time of the servers' own processes. */
async function compare(
  title: string,
  unit: string,
  rounds: number,
  servers: readonly Measured[],
  run: (server: Measured) => Promise<{ readonly done: number; readonly seconds: number }>,
): Promise<void> {
  const spent = new Map(servers.map(({ name }) => [name, [] as number[]]));
  const sides = servers.map((server) => ({
    name: server.name,
    run: async () => {
      const processor = () => server.pids.reduce((sum, pid) => sum + processorSeconds(pid), 0);
      const before = processor();
      const { done, seconds } = await run(server);
      spent.get(server.name)!.push(((processor() - before) * 1_000_000) / done);
      return done / seconds;
    },
  }));
  const medians = await interleaved(rounds, sides);
  report(title, `${unit}/s`, medians, servers[0]!.name);
  for (const [name, values] of spent)
    print(`  ${name.padEnd(24)} ${figure(median(values)).padStart(10)} µs of processor for 1 of ${unit}`);
}

async function startMinimal(file: string, processes: number) {
  const { url, pid, output } = await startScript('minimal-server.ts', [file, String(processes)]);
  const workers = /^pids (.+)$/m.exec(output)?.[1]?.split(' ').map(Number) ?? [];
  return { url, pids: [pid, ...workers] };
}
