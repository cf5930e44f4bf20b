/** A blob that nobody has pulled yet: direct, through the barest proxy that hashes and keeps it, and through Cistern. */
import { pull } from './support/client.js';
import { interleaved, print, report } from './support/measure.js';
import { BenchUpstream, forgetBlobs, inBenchDir, MIB, startBarestProxy, startCistern } from './support/servers.js';

export const coldPull = (): Promise<void> => compare('Cold pull of 1 GiB', 0, 5);

export const coldPullThrottled = (): Promise<void> =>
  compare('Cold pull of 1 GiB, upstream gives 100 MB/s', 100_000_000, 3);

const compare = (title: string, rate: number, rounds: number): Promise<void> =>
  inBenchDir(async (dir) => {
    const size = 1024 * MIB;
    const upstream = await BenchUpstream.start(rate);
    const barest = await startBarestProxy(upstream.url, dir);
    const cistern = await startCistern(dir, upstream.url);
    const blobs = await Promise.all(Array.from({ length: rounds }, () => upstream.blob(size)));
    const rateOf = async (url: string) => size / MIB / (await pull(url)).seconds;
    const path = (round: number) => `/v2/bench/image/blobs/${blobs[round]!}`;
    const medians = await interleaved(rounds, [
      { name: 'direct', run: (round) => rateOf(upstream.url + path(round)) },
      { name: 'barest proxy', run: (round) => rateOf(barest + path(round)) },
      {
        name: 'cistern',
        run: async (round) => {
          const result = await rateOf(cistern.url + path(round));
          await forgetBlobs(dir);
          return result;
        },
      },
    ]);
    report(title, 'MiB/s', medians, 'direct');
    print(`  cistern is at ${(medians.get('cistern')! / medians.get('barest proxy')!).toFixed(2)} of the barest proxy`);
  });
