/**
 * How long a prefetch of an image of 20 layers takes, as a ratio to the least that it could take: all bytes at what
 * upstream gives, or at what so many connections at once get, whichever is slower. The promise is 1.2.
 */
import { last, Plane, spec } from '../test/cache/prefetch/prefetch-support.js';
import { spreadOf } from './support/measure.js';
import type { Bench, Recorder } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB } from './support/servers.js';

const LAYERS = 20;
const LAYER = scaled(8, 1) * MIB;
const ROUNDS = rounds(3);
const PROMISE = 1.2;

interface Case {
  readonly title: string;
  readonly concurrency: number;
  /** Bytes a second on each connection, and over all of them; 0 is unlimited. */
  readonly rate: number;
  readonly total: number;
}

const CASES: readonly Case[] = [
  { title: '4 layers at once, 20 MB/s a connection', concurrency: 4, rate: 20_000_000, total: 0 },
  { title: '16 layers at once, upstream gives 60 MB/s', concurrency: 16, rate: 0, total: 60_000_000 },
];

export const prefetch: Bench = async (record) => {
  for (const each of CASES) await inBenchDir(() => measure(record, each));
};

async function measure(record: Recorder, { title, concurrency, rate, total }: Case): Promise<void> {
  const upstream = await BenchUpstream.start(rate, total);
  const ends: (() => void | Promise<void>)[] = [];
  const scope = { after: (end: () => void | Promise<void>) => void ends.push(end) };
  try {
    const plane = await Plane.open(scope, { url: upstream.url, concurrency });
    const seconds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await upstream.image(`bench/${round}`, LAYERS, LAYER);
      const before = await upstream.sent();
      const began = performance.now();
      const { id } = await plane.prefetcher.create(spec([`bench/${round}:latest`]));
      const job = await last(await plane.watch(id, AbortSignal.timeout(60_000)));
      seconds.push((performance.now() - began) / 1000);
      if (job.state !== 'succeeded') throw new Error(`${job.state}: ${job.images[0]?.error?.message ?? ''}`);
      const twice = (await upstream.sent()) - before - LAYERS * LAYER;
      if (twice > LAYER) throw new Error(`${twice} bytes more than the image has were sent`);
    }
    const bytes = LAYERS * LAYER;
    const slowest = Math.max(rate > 0 ? bytes / (rate * concurrency) : 0, total > 0 ? bytes / total : 0);
    const times = spreadOf(seconds.map((took) => took / slowest));
    record.own(`Prefetch of ${LAYERS} layers of 8 MiB, ${title}`, 'x the least possible time', times);
    record.target(`prefetch, ${title}`, 'x the least possible time', { atMost: PROMISE }, times.median);
  } finally {
    for (const end of ends) await end();
  }
}
