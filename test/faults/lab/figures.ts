/** What a daemon takes from the machine, as seen from outside of it. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run } from '../../e2e/support/processes.js';
import { eventually } from '../../support/eventually.js';
import type { World } from './world.js';

export const MiB = 1024 * 1024;

export interface Memory {
  /** Resident bytes. */
  readonly rss: number;
  /** Of them, those that no file holds. */
  readonly rssAnon: number;
  /** Resident bytes at the most so far. */
  readonly peak: number;
  /** Bytes of its own that it may write to: what RLIMIT_DATA limits. */
  readonly data: number;
}

export async function memoryOf(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  return { rss: bytes('VmRSS'), rssAnon: bytes('RssAnon'), peak: bytes('VmHWM'), data: bytes('VmData') };
}

/** What runs a daemon, below the directory `dir`, so that `liveMemory` can ask it. */
export function probed(dir: string): readonly string[] {
  const probe = pathToFileURL(join(import.meta.dirname, 'memory-probe.mjs')).href;
  return ['env', `NODE_OPTIONS=--import=${probe}`, `CISTERN_FAULT_MEMORY=${probeFile(dir)}`];
}

/** Bytes that are alive in a `probed` daemon, on the heap of V8 and beside it, after all garbage was collected. */
export async function liveMemory({ dir, daemon }: World): Promise<number> {
  const file = probeFile(dir);
  await rm(file, { force: true });
  process.kill(daemon.pid!, 'SIGUSR2');
  let live = NaN;
  await eventually(
    async () => {
      const told = await readFile(file, 'utf8').catch(() => undefined);
      if (told === undefined) return false;
      const { heapUsed, external } = JSON.parse(told) as { heapUsed: number; external: number };
      live = heapUsed + external;
      return true;
    },
    'the daemon tells its memory',
    30_000,
  );
  return live;
}

const probeFile = (dir: string): string => join(dir, 'memory.json');

/** The 99th percentile of how late the event loop was since the last time that anybody asked, in milliseconds. */
export const eventLoopLag = async (world: World): Promise<number> =>
  (await metric(world, 'nodejs_eventloop_lag_p99_seconds')) * 1000;

/** Clients that wait for a fill, or are given what it has. */
export const followers = (world: World): Promise<number> => metric(world, 'cistern_followers{class="live"}');

async function metric(world: World, name: string): Promise<number> {
  const metrics = await (await fetch(`${world.daemon.adminUrl}/metrics`)).text();
  const line = metrics.split('\n').find((each) => each.startsWith(`${name} `));
  if (line === undefined) throw new Error(`there is no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

/** Bytes of the data directory. */
export async function diskUsed(world: World): Promise<number> {
  return parseInt(await run('du', ['-sk', world.data]), 10) * 1024;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Of the line through them: the median of the slopes of all pairs, which no outlier moves (Theil and Sen). */
export function slope(points: readonly Point[]): number {
  const slopes = points.flatMap((a, n) => points.slice(n + 1).map((b) => (b.y - a.y) / (b.x - a.x)));
  slopes.sort((a, b) => a - b);
  const middle = slopes.length >> 1;
  return slopes.length % 2 === 1 ? slopes[middle]! : (slopes[middle - 1]! + slopes[middle]!) / 2;
}
