/** How long a client waits for the first byte of a cold blob that is large enough to be streamed before it is verified. */
import { pull } from './support/client.js';
import { interleaved, print, report } from './support/measure.js';
import { BenchUpstream, inBenchDir, MIB, startCistern } from './support/servers.js';

export const firstByte = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const rounds = 40;
    const upstream = await BenchUpstream.start();
    const cistern = await startCistern(dir, upstream.url);
    const blobs = await Promise.all(Array.from({ length: rounds }, () => upstream.blob(2 * MIB)));
    const wait = async (host: string, round: number) =>
      (await pull(`${host}/v2/bench/image/blobs/${blobs[round]!}`)).firstByte * 1000;
    const medians = await interleaved(rounds, [
      { name: 'upstream', run: (round) => wait(upstream.url, round) },
      { name: 'cistern', run: (round) => wait(cistern.url, round) },
    ]);
    report('First byte of a cold 2 MiB blob', 'ms', medians, 'upstream');
    print(`  added: ${(medians.get('cistern')! - medians.get('upstream')!).toFixed(2)} ms`);
  });
