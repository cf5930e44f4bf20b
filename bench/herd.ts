/** Fifty clients want the same cold blob: what upstream is asked for, and what clients of different habits see. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pull, stall } from './support/client.js';
import { figure, median, print } from './support/measure.js';
import { BenchUpstream, inBenchDir, MIB, startCistern } from './support/servers.js';

const RATE = 50 * MIB;
const SIZE = 95 * MIB;
const ROUNDS = 3;

interface Round {
  readonly asked: number;
  readonly alone: number;
  readonly slowest: number;
  readonly late: number;
}

export const herd = (): Promise<void> =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start(RATE);
    const cistern = await startCistern(dir, upstream.url);
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await one(upstream, cistern.url));
    const of = (field: keyof Round) => median(rounds.map((round) => round[field]));
    print('50 clients, one cold 95 MiB blob, upstream gives 50 MiB/s; one never reads, one joins half-way');
    print(`  upstream bytes / unique bytes   ${of('asked').toFixed(3)}`);
    print(`  slowest client / one direct     ${(of('slowest') / of('alone')).toFixed(2)} (${figure(of('slowest'))} s)`);
    print(`  the late joiner's first byte    ${figure(of('late') * 1000)} ms`);
  });

async function one(upstream: BenchUpstream, cistern: string): Promise<Round> {
  const path = `/v2/bench/image/blobs/${await upstream.blob(SIZE)}`;
  const alone = (await pull(upstream.url + path)).seconds;
  const before = await upstream.sent();
  const readers = Array.from({ length: 48 }, () => pull(cistern + path));
  const release = await stall(cistern + path);
  await sleep(((SIZE / RATE) * 1000) / 2);
  const late = await pull(cistern + path);
  const transfers = await Promise.all(readers);
  release();
  const asked = ((await upstream.sent()) - before) / SIZE;
  return { asked, alone, slowest: Math.max(...transfers.map(({ seconds }) => seconds)), late: late.firstByte };
}
