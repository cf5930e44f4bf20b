/** Ten thousand small blobs, as many small layers and configurations are, over 32 connections: cold, and then warm. */
import { checked, pullEach } from './support/client.js';
import { interleaved, secondsOf } from './support/measure.js';
import { NGINX_CACHE, REGISTRY, SQUID, startPeers } from './support/peers.js';
import type { Bench } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, startCistern } from './support/servers.js';

const COUNT = scaled(10_000, 100);
const SIZE = 4096;
const CONNECTIONS = 32;

export const smallBlobs: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const cistern = await startCistern(dir, upstream.url);
    const peers = await startPeers(record, [REGISTRY, NGINX_CACHE, SQUID], { dir, upstream: upstream.url });
    const paths = (await upstream.blobs(COUNT, SIZE)).map((digest) => `/v2/bench/image/blobs/${digest}`);
    const urls = new Map([['cistern', cistern.url], ...[...peers].map(([name, { url }]) => [name, url] as const)]);
    const sides = [...urls].map(([name, url]) => ({
      name,
      run: async () => ({ rate: COUNT / (await secondsOf(() => pullEach(url, paths, CONNECTIONS))) }),
    }));
    for (const [how, count] of [
      ['cold', 1],
      ['warm', rounds(5)],
    ] as const) {
      const { rate } = await interleaved(count, ['rate'], sides);
      const plot = { name: 'rate', axis: 'pulled', x: how };
      record.compare(`10,000 blobs of 4 KiB, ${CONNECTIONS} connections, ${how}`, 'blobs/s', rate, REGISTRY, plot);
      for (const url of urls.values()) for (const path of paths.slice(0, 10)) await checked(url + path);
    }
  });
