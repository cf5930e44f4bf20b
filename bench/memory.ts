/** Memory that a server has for itself: under many readers of one large blob, and over a thousand pulls of new images. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { checked, pull, readUntil, stall, warmed } from './support/client.js';
import { spreadOf, type Spread } from './support/measure.js';
import { DISTRIBUTION, NGINX_CACHE, REGISTRY, SQUID, startPeers } from './support/peers.js';
import { anonymousMemory } from './support/process-use.js';
import type { Bench } from './support/recorder.js';
import { scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB, startCistern, UPSTREAM } from './support/servers.js';

const READERS = scaled(200, 20);
const SECONDS = scaled(10, 1);
const PULLS = scaled(1000, 100);

export const memoryOfReaders: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const path = `/v2/bench/image/blobs/${await upstream.blob(scaled(1024, 8) * MIB)}`;
    const cistern = await startCistern(dir, upstream.url);
    await warmed(cistern.url + path);
    const names = [REGISTRY, DISTRIBUTION, NGINX_CACHE, SQUID] as const;
    const peers = await startPeers(record, names, { dir, upstream: upstream.url });
    const peaks = new Map([['cistern', await peakWhileRead(cistern.url + path, cistern.pid!)]]);
    for (const [name, { url, pid }] of peers) {
      await checked(url + path);
      peaks.set(name, await peakWhileRead(url + path, pid));
    }
    const title = `RssAnon at most, ${READERS} readers of a stored 1 GiB blob for ${SECONDS} s, every tenth stalled`;
    record.compare(title, 'MiB', peaks, REGISTRY);
    const own = peaks.get('cistern')!.median;
    record.target(`RssAnon with ${READERS} readers`, 'MiB', { atMost: 250 }, own);
  });

async function peakWhileRead(url: string, pid: number): Promise<Spread> {
  const ending = new AbortController();
  setMaxListeners(READERS, ending.signal);
  const idle = await Promise.all(Array.from({ length: READERS / 10 }, () => stall(url)));
  const readers = Array.from({ length: READERS - idle.length }, () => readUntil(url, ending.signal));
  let peak = 0;
  for (let tick = 0; tick < SECONDS * 10; tick++) {
    await sleep(100);
    peak = Math.max(peak, anonymousMemory(pid));
  }
  ending.abort();
  for (const release of idle) release();
  await Promise.all(readers);
  return spreadOf([peak]);
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

export const memoryOverPulls: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const cistern = await startCistern(dir, upstream.url);
    const samples: number[] = [];
    for (let count = 1; count <= PULLS; count++) {
      const name = `bench/image-${count}`;
      await upstream.image(name, 3, 100_000);
      await pullImage(`${cistern.url}/v2/${UPSTREAM}/${name}`);
      if (count % (PULLS / 100) === 0) samples.push(anonymousMemory(cistern.pid!));
    }
    for (let hundred = 0; hundred < 10; hundred++) {
      const spread = spreadOf(samples.slice(hundred * 10, (hundred + 1) * 10));
      const pulls = ((hundred + 1) * PULLS) / 10;
      record.own(`RssAnon up to pull ${pulls}, each of a new image`, 'MiB', spread, {
        name: 'growth',
        axis: 'pulls',
        x: pulls,
      });
    }
  });

async function pullImage(repository: string): Promise<void> {
  const { statusCode, body } = await request(`${repository}/manifests/latest`);
  if (statusCode !== 200) throw new Error(`${repository}: ${statusCode} ${await body.text()}`);
  const manifest = (await body.json()) as Manifest;
  await Promise.all([manifest.config, ...manifest.layers].map(({ digest }) => pull(`${repository}/blobs/${digest}`)));
}
