/**
 * What clients and operators do all day, at random and at once: pull images whole, read parts, hang up in the middle,
 * prefetch, import, pin, collect garbage, drop images, while tags move and upstream breaks now and then. Every complete answer is judged.
 */
import { prefetches, contents, garbageCollection, type ControlClient } from '../../../src/cli/client.js';
import type { Fault, Moment } from '../../support/fake-reply.js';
import { collect } from '../../support/collect.js';
import { get, open } from '../../support/http.js';
import { MOVING, type Shelved } from './library.js';
import { isVerdict, Verdict } from './oracle.js';
import type { Random } from './random.js';
import { UPSTREAM, type World } from './world.js';

export interface WorkloadOptions {
  /** Ends it; whatever was under way then may fail. */
  readonly until: AbortSignal;
  /** Clients at once. */
  readonly actors?: number;
  /** Whether operators collect, prefetch, import, pin and drop images meanwhile. */
  readonly operators?: boolean;
  /** Whether upstream breaks now and then. */
  readonly faults?: boolean;
  /** Called after each step of a client. */
  readonly onStep?: () => void;
}

/** Of an archive, in one message. */
const CHUNK = 256 * 1024;

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
  [1, pinOrUnpin],
  [0.5, importImage],
];
const FAULTS: readonly (readonly [number, Act])[] = [
  [4, breakUpstream],
  [1, moveTag],
];

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
  const { repository, tag, images } = random.pick(world.library.all);
  const answer = await world.readTag(repository, random.next() < 0.2 ? MOVING : tag);
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

async function moveTag(world: World, random: Random): Promise<void> {
  world.library.moveTag(world.registry, random);
  return Promise.resolve();
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
  const since = Date.now();
  await world.control(async (client) => {
    const spec = { images: [referenceTo(shelved)], allPlatforms: true };
    const { job } = await client.ask(prefetches.CreatePrefetchJob, { spec, requestId: `${random.next()}` });
    const seen = await collect(client.follow(prefetches.WatchPrefetchJob, { id: job?.id ?? '' }));
    if (seen.at(-1)?.job?.state === 'JOB_STATE_SUCCEEDED') world.oracle.told(shelved, since);
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
  const shelved = random.pick(world.library.all);
  await world.alone(shelved, async () => {
    const wasPinned = world.oracle.isPinned(shelved);
    const drop = world.oracle.drops(shelved);
    if (await isDone(world, (client) => client.ask(contents.EvictImage, { image: referenceTo(shelved) }))) {
      if (wasPinned) throw new Verdict(`EVICTED: ${referenceTo(shelved)} was pinned`);
      drop.done();
    } else drop.refused();
  });
}

/** A quarter of the images is pinned at times. */
async function pinOrUnpin(world: World, random: Random): Promise<void> {
  const shelved = random.pick(world.library.all.filter((_, n) => n % 4 === 0));
  const image = referenceTo(shelved);
  await world.alone(shelved, async () => {
    if (world.oracle.isPinned(shelved)) {
      world.oracle.unpins(shelved);
      await isDone(world, (client) => client.ask(contents.UnpinImage, { image }));
    } else if (await isDone(world, (client) => client.ask(contents.PinImage, { image }))) world.oracle.pins(shelved);
  });
}

async function importImage(world: World): Promise<void> {
  const { imported } = world.library;
  await world.alone(imported, async () => {
    const since = Date.now();
    const chunks = async function* () {
      for (let at = 0; at < world.archive.length; at += CHUNK) {
        yield await Promise.resolve({ chunk: world.archive.subarray(at, at + CHUNK) });
      }
    };
    await world.control((client) => client.upload(contents.ImportImages, chunks()));
    world.oracle.told(imported, since);
  });
}

/** False when it was refused: the image is not there, a job works on it, it is pinned, or nothing may be deleted yet. */
async function isDone(world: World, command: (client: ControlClient) => Promise<unknown>): Promise<boolean> {
  try {
    await world.control(command);
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
}

export const referenceTo = ({ repository, tag }: Shelved): string => `${UPSTREAM}/${repository}:${tag}`;

function anyBlob(world: World, random: Random): { repository: string; digest: string; size: number } {
  const { repository, images } = random.pick(world.library.all);
  const { digest, size } = random.pick(random.pick(images).blobs);
  return { repository, digest, size };
}
