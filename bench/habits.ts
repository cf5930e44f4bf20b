/** Fifty clients of different habits want the same cold blob of a slow upstream: one never reads, one joins half-way. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pull, stall } from './support/client.js';
import { spreadOf } from './support/measure.js';
import type { Bench } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB, startCistern } from './support/servers.js';

const RATE = 50 * MIB;
const SIZE = scaled(95, 5) * MIB;
const ROUNDS = rounds(3);

interface Round {
  readonly asked: number;
  readonly alone: number;
  readonly slowest: number;
  readonly late: number;
}

export const habits: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start(RATE);
    const cistern = await startCistern(dir, upstream.url);
    const all: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) all.push(await one(upstream, cistern.url));
    const of = (value: (round: Round) => number) => spreadOf(all.map(value));
    const title = '50 clients on a cold 95 MiB blob at 50 MiB/s, one stalled, one late';
    record.own(
      `${title}: upstream bytes / unique bytes`,
      'x',
      of(({ asked }) => asked),
    );
    record.own(
      `${title}: slowest client / one direct`,
      'x',
      of(({ slowest, alone }) => slowest / alone),
    );
    record.own(
      `${title}: the late one's first byte`,
      'ms',
      of(({ late }) => late * 1000),
    );
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
