/**
 * How long a prefetch of an image of 20 layers takes, as a ratio to the least that it could take: all bytes at what
 * upstream gives, or at what so many connections at once get, whichever is slower. The promise is 1.2.
 */
import { last, Plane, spec } from '../test/cache/prefetch/prefetch-support.js';
import { figure, median, print } from './support/measure.js';
import { BenchUpstream, inBenchDir, MIB } from './support/servers.js';

const LAYERS = 20;
const LAYER = 8 * MIB;
const ROUNDS = 3;
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

export async function prefetch(): Promise<void> {
  print(`Prefetch of ${LAYERS} layers of ${LAYER / MIB} MiB, as a multiple of the least possible time`);
  for (const each of CASES) await inBenchDir(() => measure(each));
}

async function measure({ title, concurrency, rate, total }: Case): Promise<void> {
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
    const took = median(seconds);
    const verdict = took / slowest <= PROMISE ? 'kept' : 'BROKEN';
    print(
      `  ${title.padEnd(44)} ${figure(took / slowest)} x ${figure(slowest)} s; the promise of ${PROMISE} is ${verdict}`,
    );
  } finally {
    for (const end of ends) await end();
  }
}
