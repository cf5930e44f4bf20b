/**
 * What clients and operators do all day, at random and at once: pull images whole, read parts, hang up in the middle,
 * prefetch, collect garbage, drop images, while upstream breaks now and then. Every complete answer is judged.
 */
import { prefetches, contents, garbageCollection } from '../../../src/cli/client.js';
import type { Fault, Moment } from '../../support/fake-reply.js';
import { collect } from '../../support/collect.js';
import { get, open } from '../../support/http.js';
import { isVerdict } from './oracle.js';
import type { Shelved } from './library.js';
import type { Random } from './random.js';
import { UPSTREAM, type World } from './world.js';

export interface WorkloadOptions {
  /** Ends it; whatever was under way then may fail. */
  readonly until: AbortSignal;
  /** Clients at once. */
  readonly actors?: number;
  /** Whether operators collect, prefetch and drop images meanwhile. */
  readonly operators?: boolean;
  /** Whether upstream breaks now and then. */
  readonly faults?: boolean;
  /** Called after each step of a client. */
  readonly onStep?: () => void;
}

type Act = (world: World, random: Random, options: WorkloadOptions) => Promise<void>;

/** How often each is done, of the sum of all. */
const CLIENTS: readonly (readonly [number, Act])[] = [
  [10, pullImage],
  [5, readPart],
  [4, hangUp],
];
const OPERATORS: readonly (readonly [number, Act])[] = [
  [3, prefetch],
  [3, collectGarbage],
  [1, evict],
];
const FAULTS: readonly (readonly [number, Act])[] = [[4, breakUpstream]];

/** Goes on until it is told to end. Rejects with the first thing that must not happen. */
export async function work(world: World, options: WorkloadOptions): Promise<void> {
  const acts = [...CLIENTS, ...(options.operators ? OPERATORS : []), ...(options.faults ? FAULTS : [])];
  const sum = acts.reduce((all, [weight]) => all + weight, 0);
  const act = async (random: Random) => {
    while (!options.until.aborted) {
      let at = random.next() * sum;
      const [, chosen] = acts.find(([weight]) => (at -= weight) < 0) ?? acts[0]!;
      try {
        await chosen(world, random, options);
      } catch (error) {
        if (isVerdict(error) || !isOver(options.until)) throw error;
      }
      options.onStep?.();
    }
  };
  await Promise.all(Array.from({ length: options.actors ?? 6 }, () => act(world.random.fork())));
}

/** Asked again: it may have become true meanwhile. */
const isOver = (signal: AbortSignal): boolean => signal.aborted;

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && /NOT_FOUND|FAILED_PRECONDITION|is under way|is being rebuilt/.test(error.message);

/** As engines do: the tag's manifest, the images it names, then their blobs side by side. */
async function pullImage(world: World, random: Random, { onStep }: WorkloadOptions): Promise<void> {
  const { repository, tag, images } = random.pick(world.library.shelf);
  const answer = await world.readTag(repository, tag);
  if (answer.status !== 200) return;
  for (const image of images) {
    const read = async ({ digest }: { readonly digest: string }) => {
      await world.read({ repository, digest });
      onStep?.();
    };
    await read(image);
    await Promise.all(image.blobs.map(read));
  }
}

async function readPart(world: World, random: Random): Promise<void> {
  const { repository, digest, size } = anyBlob(world, random);
  const start = random.below(size);
  const end = random.between(start + 1, size);
  const answer = await get(world.urlOf(repository, digest), { range: `bytes=${start}-${end - 1}` });
  world.oracle.judge(digest, answer, { start, end });
}

async function hangUp(world: World, random: Random): Promise<void> {
  const { repository, digest, size } = anyBlob(world, random);
  const reader = await open(world.urlOf(repository, digest));
  await reader.read(random.below(size));
  reader.abort();
}

async function breakUpstream(world: World, random: Random): Promise<void> {
  const at: Moment = random.pick(['headers', 'first', 'middle', 'last']);
  const faults: readonly Fault[] = [
    { drop: 'rst' },
    { drop: 'fin' },
    { flip: true },
    { truncate: true },
    { status: 503 },
    { html: true },
    { range: 'ignore' },
    { range: 'lying' },
  ];
  world.registry.fail({ kind: random.pick(['blob', 'blob', 'manifest'] as const), times: 1, at }, random.pick(faults));
  return Promise.resolve();
}

async function prefetch(world: World, random: Random): Promise<void> {
  const shelved = random.pick(world.library.shelf);
  await world.control(async (client) => {
    const spec = { images: [referenceTo(shelved)], allPlatforms: true };
    const { job } = await client.ask(prefetches.CreatePrefetchJob, { spec, requestId: `${random.next()}` });
    await collect(client.follow(prefetches.WatchPrefetchJob, { id: job?.id ?? '' }));
  });
}

async function collectGarbage(world: World): Promise<void> {
  await world.control(async (client) => {
    try {
      await collect(client.follow(garbageCollection.CollectGarbage, { dryRun: false }));
    } catch (error) {
      // Another actor's is under way, or nothing may be deleted yet.
      if (!isRefusal(error)) throw error;
    }
  });
}

async function evict(world: World, random: Random): Promise<void> {
  const shelved = random.pick(world.library.shelf);
  world.oracle.drops(shelved);
  await world.control(async (client) => {
    try {
      await client.ask(contents.EvictImage, { image: referenceTo(shelved) });
    } catch (error) {
      // It may not be there, a job may be working on it, or nothing may be deleted yet.
      if (!isRefusal(error)) throw error;
    }
  });
}

const referenceTo = ({ repository, tag }: Shelved): string => `${UPSTREAM}/${repository}:${tag}`;

function anyBlob(world: World, random: Random): { repository: string; digest: string; size: number } {
  const { repository, images } = random.pick(world.library.shelf);
  const { digest, size } = random.pick(random.pick(images).blobs);
  return { repository, digest, size };
}
