/**
 * What metrics cost: manifests by tag from a process that has none and from one that has them and is scraped about once a
 * second, fifteen times as often as usual, in turns of half a second; and one scrape of the daemon as shipped, with 20
 * upstreams. On a machine that does other things too, processor time says more than rates. A second process without metrics
 * shows by how much two differ that are the same.
 */
import { request } from 'undici';
import { requestsPerSecond } from './support/client.js';
import { interleaved, print, secondsOf, spreadOf } from './support/measure.js';
import { processorSeconds } from './support/process-use.js';
import type { Bench, Recorder } from './support/recorder.js';
import { scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, startScript } from './support/servers.js';
import { Cistern } from '../test/e2e/support/cistern.js';
import { join } from 'node:path';

const ROUNDS = scaled(60, 2);
const SECONDS = 0.5;
const CONNECTIONS = 16;
const UPSTREAMS = 20;
const SCRAPES = scaled(200, 5);

export const metricsCost: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    await upstream.image('bench/image', 1, 1000);
    await costOfRequests(record, upstream.url, dir);
    await costOfScrapes(record, upstream.url, dir);
  });

async function costOfRequests(record: Recorder, upstream: string, dir: string): Promise<void> {
  const spent = new Map<string, { seconds: number; requests: number }>();
  const side = async (name: string, ...extra: string[]) => {
    const { pid, output } = await startScript('counting-registry.ts', [upstream, join(dir, name), ...extra]);
    const port = (of: string) => new RegExp(`^${of} (\\d+)$`, 'm').exec(output)?.[1];
    const manifest = `http://127.0.0.1:${port('counting') ?? ''}/v2/bench/image/manifests/latest`;
    const admin = port('admin');
    await requestsPerSecond(manifest, CONNECTIONS, 2);
    const total = { seconds: 0, requests: 0 };
    spent.set(name, total);
    const run = async (round: number) => {
      const before = processorSeconds(pid);
      // In every other turn of half a second.
      const [rate] = await Promise.all([
        requestsPerSecond(manifest, CONNECTIONS, SECONDS),
        admin !== undefined && round % 2 === 0 ? scrape(`http://127.0.0.1:${admin}`) : undefined,
      ]);
      total.seconds += processorSeconds(pid) - before;
      total.requests += rate * SECONDS;
      return { rate };
    };
    return { name, run };
  };
  const sides = [await side('without'), await side('without, again'), await side('metrics', 'metrics')];
  const { rate } = await interleaved(ROUNDS, ['rate'], sides);
  record.compare(`Metrics: manifests by tag, ${CONNECTIONS} connections`, 'req/s', rate, 'without');
  print(`  medians of ${ROUNDS} turns of ${SECONDS} s each`);
  const times = [...spent].map(
    ([name, { seconds, requests }]) => [name, spreadOf([(seconds / requests) * 1e6])] as const,
  );
  record.compare('Metrics: processor time of a request, over all turns', 'µs', new Map(times), 'without');
}

async function costOfScrapes(record: Recorder, upstream: string, dir: string): Promise<void> {
  const names = Array.from({ length: UPSTREAMS }, (_, number) => `up${number}.test`);
  const upstreams = names.map((name) => ({ name, url: upstream, allowNetworks: ['127.0.0.0/8'] }));
  const cistern = await Cistern.start({ dir: join(dir, 'cistern'), upstreams });
  for (const name of names) {
    const { body } = await request(`${cistern.url}/v2/bench/image/manifests/latest?ns=${name}`);
    await body.dump();
  }
  let bytes = 0;
  const times: number[] = [];
  for (let warm = 0; warm < SCRAPES; warm++) bytes = await scrape(cistern.adminUrl);
  const before = processorSeconds(cistern.pid!);
  for (let count = 0; count < SCRAPES; count++) times.push((await secondsOf(() => scrape(cistern.adminUrl))) * 1000);
  const processor = ((processorSeconds(cistern.pid!) - before) / SCRAPES) * 1000;
  const title = `Metrics: a scrape with ${UPSTREAMS} upstreams, ${Math.round(bytes / 1000)} kB`;
  record.own(title, 'ms', spreadOf(times));
  record.own(`${title}: processor time`, 'ms', processor);
  record.target(`a scrape with ${UPSTREAMS} upstreams`, 'ms', { atMost: 20 }, spreadOf(times).median);
}

async function scrape(admin: string): Promise<number> {
  const { statusCode, body } = await request(`${admin}/metrics`);
  const { length } = await body.text();
  if (statusCode !== 200) throw new Error(`a scrape was answered with ${statusCode}`);
  return length;
}
