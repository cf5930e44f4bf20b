/**
 * A blob that nobody has pulled yet: direct, through the barest proxy that hashes and keeps it, through Cistern, and through
 * its peers. Each pull is of another blob, and a small one was checked before, untimed.
 */
import { checked, pull } from './support/client.js';
import { interleaved, ratio, type Side, type Spreads } from './support/measure.js';
import { DISTRIBUTION, forget, NGINX_CACHE, REGISTRY, SQUID, startPeers, type PeerName } from './support/peers.js';
import { atRest } from './support/process-use.js';
import type { Bench, Recorder } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, forgetBlobs, inBenchDir, MIB, startBarestProxy, startCistern } from './support/servers.js';

interface Case {
  readonly title: string;
  /** Bytes a second that upstream gives each connection; 0 is unlimited. */
  readonly rate: number;
  readonly rounds: number;
  readonly peers: readonly PeerName[];
}

const SIZE = scaled(1024, 8) * MIB;

export const coldPull: Bench = async (record) => {
  const peers = [REGISTRY, DISTRIBUTION, NGINX_CACHE, SQUID] as const;
  const rates = await compare(record, { title: 'Cold pull of 1 GiB', rate: 0, rounds: rounds(5), peers });
  const times = (other: string) => ratio(rates, other, 'cistern');
  record.target('cold 1 GiB, time', "x the barest proxy's", { atMost: 1.15 }, times('barest proxy'));
  record.target('cold 1 GiB, time', "x the direct one's", { atMost: 2.3 }, times('direct'));
};

export const coldPullThrottled: Bench = async (record) => {
  const title = 'Cold pull of 1 GiB, upstream gives 100 MB/s';
  const rates = await compare(record, { title, rate: 100_000_000, rounds: rounds(3), peers: [REGISTRY] });
  const times = ratio(rates, 'direct', 'cistern');
  record.target('cold 1 GiB at 100 MB/s, time', "x the direct one's", { atMost: 1.02 }, times);
};

const compare = (record: Recorder, { title, rate, rounds: count, peers: names }: Case): Promise<Spreads> =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start(rate);
    const barest = await startBarestProxy(upstream.url, dir);
    const cistern = await startCistern(dir, upstream.url);
    const peers = await startPeers(record, names, { dir, upstream: upstream.url });
    const blobs: string[] = [];
    for (let round = 0; round < count; round++) blobs.push(await upstream.blob(SIZE));
    const path = (round: number) => `/v2/bench/image/blobs/${blobs[round]!}`;
    const side = (name: string, url: string, after: () => Promise<void> = () => Promise.resolve()): Side<'rate'> => ({
      name,
      run: async (round) => {
        const { seconds } = await pull(url + path(round));
        await after();
        return { rate: SIZE / MIB / seconds };
      },
    });
    const small = `/v2/bench/image/blobs/${await upstream.blob(2 * MIB)}`;
    for (const { url } of [cistern, ...peers.values()]) await checked(url + small);
    const { rate: rates } = await interleaved(
      count,
      ['rate'],
      [
        side('direct', upstream.url),
        ...(rate === 0 ? [side('barest proxy', barest)] : []),
        side('cistern', cistern.url, async () => {
          await atRest(cistern.pid!);
          await forgetBlobs(dir);
        }),
        ...[...peers].map(([name, peer]) =>
          side(name, peer.url, async () => {
            await atRest(peer.pid);
            await forget(peer);
          }),
        ),
      ],
    );
    record.compare(title, 'MiB/s', rates, 'direct', {
      name: 'rate',
      axis: 'upstream gives',
      x: rate === 0 ? 'all it can' : '100 MB/s',
    });
    return rates;
  });
