/**
 * A blob that is stored, for one client and for many, and what a GiB of it costs each server in processor time. nginx gives
 * the very file that Cistern stored. Squid is left out: it gave 30 MiB/s and took longer than all others together. Digests
 * are checked once a side, untimed; the timed transfers are counted only.
 */
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { checked, pullTogether, warmed } from './support/client.js';
import { interleaved, ratio, type Side, type Spreads } from './support/measure.js';
import { startNginx } from './support/nginx.js';
import { DISTRIBUTION, NGINX_CACHE, REGISTRY, startPeers } from './support/peers.js';
import { processorSeconds } from './support/process-use.js';
import type { Bench, Recorder } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB, startCistern, storedFile } from './support/servers.js';

interface Case {
  readonly clients: number;
  readonly rounds: number;
}

const GIB = 1024 * MIB;
const NGINX = 'nginx sendfile';

export const warmBlob: Bench = async (record) => {
  const cases = [
    { clients: 1, rounds: rounds(5) },
    { clients: 4, rounds: rounds(3) },
  ];
  await measure(record, scaled(GIB, 8 * MIB), '1 GiB', cases);
  await measure(record, scaled(256 * MIB, 4 * MIB), '256 MiB', [{ clients: scaled(32, 3), rounds: rounds(3) }]);
};

const measure = (record: Recorder, size: number, said: string, cases: readonly Case[]): Promise<void> =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const digest = await upstream.blob(size);
    const path = `/v2/bench/image/blobs/${digest}`;
    const cistern = await startCistern(dir, upstream.url);
    await warmed(cistern.url + path);
    const nginx = await startNginx(join(dir, 'nginx'));
    await link(storedFile(dir, digest), join(nginx.root, 'blob'));
    await checked(`${nginx.url}/blob`, digest);
    const peers = await startPeers(record, [REGISTRY, DISTRIBUTION, NGINX_CACHE], {
      dir,
      upstream: upstream.url,
    });
    for (const { url } of peers.values()) await checked(url + path);

    for (const { clients, rounds: count } of cases) {
      const side = (name: string, url: string, pid: number): Side<'rate' | 'cost'> => ({
        name,
        run: async () => {
          const before = processorSeconds(pid);
          const seconds = await pullTogether(url, clients);
          const cost = (processorSeconds(pid) - before) / ((clients * size) / GIB);
          return { rate: (clients * size) / MIB / seconds, cost };
        },
      });
      const sides = [
        side('cistern', cistern.url + path, cistern.pid!),
        side(NGINX, `${nginx.url}/blob`, nginx.pid),
        ...[...peers].map(([name, { url, pid }]) => side(name, url + path, pid)),
      ];
      const { rate, cost } = await interleaved(count, ['rate', 'cost'], sides);
      const title = `Warm blob of ${said}, ${clients} client${clients === 1 ? '' : 's'}`;
      record.compare(title, 'MiB/s', rate, REGISTRY, { name: 'rate', axis: 'clients', x: clients });
      const plot = { name: 'processor', axis: 'clients', x: clients };
      record.compare(`${title}: processor time`, 's a GiB', cost, REGISTRY, plot);
      promised(record, `warm ${said}, ${clients} client${clients === 1 ? '' : 's'}`, clients, { rate, cost });
    }
  });

function promised(
  record: Recorder,
  what: string,
  clients: number,
  { rate, cost }: Readonly<Record<'rate' | 'cost', Spreads>>,
): void {
  const alone = clients === 1;
  record.target(what, 'x docker-registry', { atLeast: alone ? 1.3 : 1.2 }, ratio(rate, 'cistern', REGISTRY));
  record.target(what, 'x nginx sendfile', { atLeast: alone ? 1 : 0.95 }, ratio(rate, 'cistern', NGINX));
  if (alone) return;
  record.target(`${what}, processor`, 'x docker-registry', { atMost: 0.9 }, ratio(cost, 'cistern', REGISTRY));
  record.target(`${what}, processor`, 'x nginx sendfile', { atMost: 1.2 }, ratio(cost, 'cistern', NGINX));
}
