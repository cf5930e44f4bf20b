/** A large cold blob from an upstream that limits each connection: one connection against eight. */
import { pull } from './support/client.js';
import { interleaved, report } from './support/measure.js';
import { BenchUpstream, inBenchDir, MIB, startCistern } from './support/servers.js';

const RATE = 20_000_000;
const ROUNDS = 3;
/** BENCH_MIB makes it smaller, to see that it runs. */
const SIZE = Number(process.env.BENCH_MIB ?? 256) * MIB;

export const coldRanged = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start(RATE);
    const sides = await Promise.all(
      [1, 8].map(async (connectionsPerBlob) => {
        const cistern = await startCistern(`${dir}/${connectionsPerBlob}`, upstream.url, { connectionsPerBlob });
        const blobs = await Promise.all(Array.from({ length: ROUNDS }, () => upstream.blob(SIZE)));
        const path = (round: number) => `/v2/bench/image/blobs/${blobs[round]!}`;
        const run = async (round: number) => SIZE / MIB / (await pull(cistern.url + path(round))).seconds;
        return { name: connectionsPerBlob === 1 ? '1 connection' : `${connectionsPerBlob} connections`, run };
      }),
    );
    const medians = await interleaved(ROUNDS, sides);
    report(`Cold pull of ${SIZE / MIB} MiB, upstream gives 20 MB/s a connection`, 'MiB/s', medians, '1 connection');
  });
