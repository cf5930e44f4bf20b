/**
 * What grows with the index: the start of the daemon, the memory it has then, a prefetch of one more image, and garbage
 * collection, with 10,000, 100,000 and 1,000,000 blobs. It takes long, so it runs only when it is named.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Collected } from './gc.js';
import { secondsOf } from './support/measure.js';
import { anonymousMemory } from './support/process-use.js';
import type { Bench, Recorder } from './support/recorder.js';
import { scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB, startCistern, UPSTREAM } from './support/servers.js';

const SIZES = scaled([10_000, 100_000, 1_000_000], [1_000, 2_000]);
/** Of the blobs: one in twenty is a manifest, one in fifty is garbage. */
const BLOBS_OF_ONE = 20;
const GARBAGE = '0.02';
const LAYERS = 20;
const LAYER = scaled(4 * MIB, 100_000);

export const growth: Bench = async (record) => {
  for (const blobs of SIZES) {
    await daemonWith(record, blobs);
    await collection(record, blobs);
  }
};

const counted = (blobs: number): string => blobs.toLocaleString('en-US');
const plotOf = (name: string, x: number) => ({ name, axis: 'blobs in the index', x });

async function daemonWith(record: Recorder, blobs: number): Promise<void> {
  await inBenchDir(async (dir) => {
    await gc([...indexOf(blobs), join(dir, 'cistern/var')]);
    const upstream = await BenchUpstream.start();
    const image = await upstream.image('bench/image', LAYERS, LAYER).then(() => `${UPSTREAM}/bench/image:latest`);
    const began = performance.now();
    const cistern = await startCistern(dir, upstream.url);
    const start = (performance.now() - began) / 1000;
    const prefetch = await secondsOf(async () => {
      const { code, stderr } = await cistern.run('prefetch', image);
      if (code !== 0) throw new Error(`prefetch: ${stderr}`);
    });
    const memory = anonymousMemory(cistern.pid!);
    const title = `${counted(blobs)} blobs`;
    record.own(`${title}: start of the daemon, until it is ready`, 's', start, plotOf('start', blobs));
    record.own(
      `${title}: prefetch of one more image of 80 MiB, the command included`,
      's',
      prefetch,
      plotOf('prefetch', blobs),
    );
    record.own(`${title}: RssAnon after both`, 'MiB', memory, plotOf('memory', blobs));
    if (blobs !== SIZES.at(-1)) return;
    record.target(`start with ${title}`, 's', { atMost: 3 }, start);
    record.target(`RssAnon with ${title} indexed`, 'MiB', { atMost: 200 }, memory);
  });
}

async function collection(record: Recorder, blobs: number): Promise<void> {
  const { seconds, memory, longestWait } = (await gc(indexOf(blobs)))!;
  const title = `${counted(blobs)} blobs: garbage collection`;
  record.own(title, 's', seconds, plotOf('gc', blobs));
  record.own(`${title}, memory grew by`, 'MiB', memory, plotOf('gc-memory', blobs));
  record.own(`${title}, the longest write of a pull meanwhile`, 'ms', longestWait, plotOf('gc-wait', blobs));
  if (blobs === SIZES.at(-1)) record.target(`GC of ${counted(blobs)} blobs`, 's', { atMost: 20 }, seconds);
}

const indexOf = (blobs: number): string[] => [String(blobs), String(blobs / BLOBS_OF_ONE), GARBAGE];

/** In a process of its own: what building an index takes is not to be mistaken for what using it takes. */
async function gc(words: readonly string[]): Promise<Collected | undefined> {
  let collected: Collected | undefined;
  const child = fork(join(import.meta.dirname, 'gc.ts'), words, { execArgv: ['--expose-gc', '--import', 'tsx'] });
  child.on('message', (message) => (collected = message as Collected));
  if ((await once(child, 'exit'))[0] !== 0) throw new Error(`gc.ts ${words.join(' ')} failed`);
  return collected;
}
