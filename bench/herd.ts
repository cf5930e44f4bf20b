/**
 * Many clients want the same cold blob at once: how long the last of them takes, beside nginx that has the file already, and
 * how many times upstream had to send it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checked, pullTogether } from './support/client.js';
import { bytesOf, digestOf } from './support/content.js';
import { interleaved, ratio, type Side } from './support/measure.js';
import { startNginx } from './support/nginx.js';
import { forget, NGINX_CACHE, REGISTRY, SQUID, startPeers } from './support/peers.js';
import { atRest } from './support/process-use.js';
import type { Bench } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, forgetBlobs, inBenchDir, MIB, startCistern } from './support/servers.js';

const SIZE = scaled(64, 4) * MIB;
const HERDS = scaled([1, 10, 50, 200], [1, 10]);
const CACHED = 'nginx, cached before';

type Measure = 'seconds' | 'sent';

export const herd: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const cistern = await startCistern(dir, upstream.url);
    const nginx = await startNginx(join(dir, 'nginx'));
    const blob = { seed: 'herd', size: SIZE };
    await writeFile(join(nginx.root, 'blob'), bytesOf(blob));
    await checked(`${nginx.url}/blob`, digestOf(blob));
    const peers = await startPeers(record, [REGISTRY, NGINX_CACHE, SQUID], { dir, upstream: upstream.url });

    for (const clients of HERDS) {
      const cold = (name: string, url: string, pid: number, after: () => Promise<void>): Side<Measure> => ({
        name,
        run: async () => {
          const digest = await upstream.blob(SIZE);
          const before = await upstream.sent();
          const seconds = await pullTogether(`${url}/v2/bench/image/blobs/${digest}`, clients);
          await atRest(pid);
          const sent = ((await upstream.sent()) - before) / SIZE;
          await after();
          return { seconds, sent };
        },
      });
      const sides: Side<Measure>[] = [
        { name: CACHED, run: async () => ({ seconds: await pullTogether(`${nginx.url}/blob`, clients) }) },
        cold('cistern', cistern.url, cistern.pid!, () => forgetBlobs(dir)),
        ...[...peers].map(([name, peer]) => cold(name, peer.url, peer.pid, () => forget(peer))),
      ];
      const { seconds, sent } = await interleaved(rounds(3), ['seconds', 'sent'], sides);
      const title = `Herd of ${clients} on one cold 64 MiB blob`;
      record.compare(`${title}: the last client`, 's', seconds, CACHED, { name: 'time', axis: 'clients', x: clients });
      const plot = { name: 'upstream', axis: 'clients', x: clients };
      record.compare(`${title}: upstream bytes / unique bytes`, 'x', sent, 'cistern', plot);
      if (clients !== HERDS.at(-1)) continue;
      const what = `herd of ${clients}`;
      record.target(`${what}, upstream bytes`, 'x unique bytes', { atMost: 1 }, sent.get('cistern')?.median);
      const last = ratio(seconds, 'cistern', CACHED);
      record.target(`${what}, last client`, 'x nginx with the file cached', { atMost: 1.3 }, last);
    }
  });
