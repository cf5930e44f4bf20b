/** How long a client waits for the first byte of a cold blob that is large enough to be streamed before it is verified. */
import { pull } from './support/client.js';
import { interleaved } from './support/measure.js';
import { DISTRIBUTION, NGINX_CACHE, REGISTRY, SQUID, startPeers } from './support/peers.js';
import type { Bench } from './support/recorder.js';
import { scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB, startCistern } from './support/servers.js';

const ROUNDS = scaled(40, 3);

export const firstByte: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    const cistern = await startCistern(dir, upstream.url);
    const names = [REGISTRY, DISTRIBUTION, NGINX_CACHE, SQUID] as const;
    const peers = await startPeers(record, names, { dir, upstream: upstream.url });
    const blobs = await upstream.blobs(ROUNDS, 2 * MIB);
    const side = (name: string, host: string) => ({
      name,
      run: async (round: number) => ({
        wait: (await pull(`${host}/v2/bench/image/blobs/${blobs[round]!}`)).firstByte * 1000,
      }),
    });
    const sides = [side('upstream', upstream.url), side('cistern', cistern.url)];
    for (const [name, { url }] of peers) sides.push(side(name, url));
    const { wait } = await interleaved(ROUNDS, ['wait'], sides);
    record.compare('First byte of a cold 2 MiB blob', 'ms', wait, 'upstream');
    const added = wait.get('cistern')!.median - wait.get('upstream')!.median;
    record.target('first byte of a cold blob, added', 'ms', { atMost: 3 }, added);
  });
