/**
 * What counting costs: manifests by tag, from a registry that counts and one that does not, in turns of half a second. On a
 * machine that does other things too, both the rate and the processor time of a request vary by more than the cost, so the
 * counting alone is timed as well.
 */
import { requestsPerSecond } from './support/client.js';
import { interleaved, median, print, report } from './support/measure.js';
import { BenchUpstream, inBenchDir, processorSeconds, startScript } from './support/servers.js';

const ROUNDS = 40;
const SECONDS = 0.5;
const CONNECTIONS = 16;

export const statisticsCost = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    await upstream.image('bench/image', 1, 1000);
    const { url, pid, output } = await startScript('counting-registry.ts', [upstream.url, dir]);
    const counting = `http://127.0.0.1:${/^counting (\d+)$/m.exec(output)?.[1] ?? ''}`;
    const spent = new Map<string, number[]>();
    const side = async (name: string, registry: string) => {
      const manifest = `${registry}/v2/bench/image/manifests/latest`;
      await requestsPerSecond(manifest, CONNECTIONS, 2);
      const times: number[] = [];
      spent.set(name, times);
      const run = async () => {
        const before = processorSeconds(pid);
        const rate = await requestsPerSecond(manifest, CONNECTIONS, SECONDS);
        times.push(((processorSeconds(pid) - before) / (rate * SECONDS)) * 1e6);
        return rate;
      };
      return { name, run };
    };
    const sides = [await side('plain', url), await side('counting', counting)];
    const rates = await interleaved(ROUNDS, sides);
    report(`Manifests by tag, ${CONNECTIONS} connections`, 'req/s', rates, 'plain');
    report(
      'Processor time of a request',
      'µs',
      new Map([...spent].map(([name, values]) => [name, median(values)])),
      'plain',
    );
    print(`  medians of ${ROUNDS} turns of ${SECONDS} s each`);
    const alone = Number(/^answered ([\d.]+)$/m.exec(output)?.[1]);
    const share = (alone / median(spent.get('plain')!)) * 100;
    print(`Counting a request, alone: ${alone} µs, ${share.toFixed(1)} % of a plain request's processor time`);
  });
