/** Resident memory: under many readers of one large blob, and over a thousand pulls of images that were never seen before. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { DebianRegistry } from '../test/e2e/support/debian-registry.js';
import { until } from '../test/e2e/support/processes.js';
import { outcomeOf, pull, readUntil, stall } from './support/client.js';
import { bytesOf, digestOf } from './support/content.js';
import { figure, median, memoryOf, print } from './support/measure.js';
import { BenchUpstream, inBenchDir, MIB, startCistern, UPSTREAM, upload } from './support/servers.js';

const READERS = 200;
const SECONDS = 10;

export const memoryOfReaders = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const blob = { seed: 'large', size: 1024 * MIB };
    const path = `/v2/bench/image/blobs/${digestOf(blob)}`;
    const registry = await DebianRegistry.start({ dir: join(dir, 'registry') });
    await upload(registry.url, 'bench/image', Buffer.concat([...bytesOf(blob)]), digestOf(blob));
    const cistern = await startCistern(dir, registry.url);
    await pull(cistern.url + path);
    await until(async () => (await outcomeOf(cistern.url + path)).startsWith('cistern; hit'), 'the blob to be a hit');

    print(`${READERS} readers of a stored 1 GiB blob for ${SECONDS} s, every tenth of them reading nothing`);
    const own = await peakWhileRead(cistern.url + path, cistern.pid!);
    const theirs = await peakWhileRead(registry.url + path, registry.pid!);
    print(
      `  cistern                  ${figure(own)} MiB at most, ${(own / theirs).toFixed(2)} x docker-registry (${figure(theirs)} MiB)`,
    );
  });

async function peakWhileRead(url: string, pid: number): Promise<number> {
  const ending = new AbortController();
  const idle = await Promise.all(Array.from({ length: READERS / 10 }, () => stall(url)));
  const readers = Array.from({ length: READERS - idle.length }, () => readUntil(url, ending.signal));
  let peak = 0;
  for (let tick = 0; tick < SECONDS * 10; tick++) {
    await sleep(100);
    peak = Math.max(peak, memoryOf(pid).now);
  }
  ending.abort();
  for (const release of idle) release();
  await Promise.all(readers);
  return peak;
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

export const memoryOverPulls = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const cistern = await startCistern(dir, upstream.url);
    const samples: number[] = [];
    for (let count = 0; count < 1000; count++) {
      const name = `bench/image-${count}`;
      await upstream.image(name, 3, 100_000);
      await pullImage(`${cistern.url}/v2/${UPSTREAM}/${name}`);
      if (count % 10 === 9) samples.push(memoryOf(cistern.pid!).now);
    }
    const [early, late] = [median(samples.slice(10, 30)), median(samples.slice(-20))];
    print('1,000 pulls, each of an image never seen before, one after the other');
    print(`  resident at pulls 100-300     ${figure(early)} MiB`);
    print(`  resident at pulls 800-1,000   ${figure(late)} MiB, ${(late / early).toFixed(2)} x the former`);
    print(`  at most                       ${figure(memoryOf(cistern.pid!).peak)} MiB`);
  });

async function pullImage(repository: string): Promise<void> {
  const { statusCode, body } = await request(`${repository}/manifests/latest`);
  if (statusCode !== 200) throw new Error(`${repository}: ${statusCode} ${await body.text()}`);
  const manifest = (await body.json()) as Manifest;
  await Promise.all([manifest.config, ...manifest.layers].map(({ digest }) => pull(`${repository}/blobs/${digest}`)));
}
