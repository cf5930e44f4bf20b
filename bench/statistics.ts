/**
 * What counting costs: manifests by tag, from a registry that counts and one that does not, in turns of half a second. On a
 * machine that does other things too, both the rate and the processor time of a request vary by more than the cost, so the
 * counting alone is timed as well.
 */
import { requestsPerSecond } from './support/client.js';
import { interleaved, print } from './support/measure.js';
import { processorSeconds } from './support/process-use.js';
import type { Bench } from './support/recorder.js';
import { scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, startScript } from './support/servers.js';

const ROUNDS = scaled(40, 2);
const SECONDS = 0.5;
const CONNECTIONS = 16;

export const statisticsCost: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start();
    await upstream.image('bench/image', 1, 1000);
    const { url, pid, output } = await startScript('counting-registry.ts', [upstream.url, dir]);
    const counting = `http://127.0.0.1:${/^counting (\d+)$/m.exec(output)?.[1] ?? ''}`;
    const side = async (name: string, registry: string) => {
      const manifest = `${registry}/v2/bench/image/manifests/latest`;
      await requestsPerSecond(manifest, CONNECTIONS, 2);
      const run = async () => {
        const before = processorSeconds(pid);
        const rate = await requestsPerSecond(manifest, CONNECTIONS, SECONDS);
        return { rate, cost: ((processorSeconds(pid) - before) / (rate * SECONDS)) * 1e6 };
      };
      return { name, run };
    };
    const sides = [await side('plain', url), await side('counting', counting)];
    const { rate, cost } = await interleaved(ROUNDS, ['rate', 'cost'], sides);
    record.compare(`Statistics: manifests by tag, ${CONNECTIONS} connections`, 'req/s', rate, 'plain');
    record.compare('Statistics: processor time of a request', 'µs', cost, 'plain');
    print(`  medians of ${ROUNDS} turns of ${SECONDS} s each`);
    const alone = Number(/^answered ([\d.]+)$/m.exec(output)?.[1]);
    record.own('Statistics: counting a request, alone', 'µs', alone);
  });
