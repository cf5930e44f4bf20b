/**
 * Each system call by which something is made to last fails, or is the daemon's last: while it starts, stores, indexes,
 * collects and stops. What it had acknowledged stays, and what clients get is right.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { contents } from '../../src/cli/client.js';
import { stopPrograms } from '../e2e/support/processes.js';
import { Random, seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { collectGarbage, pullAll } from './lab/steps.js';
import { injections, under, withoutStrace, type Injection } from './lab/strace.js';
import { isVerdict } from './lab/oracle.js';
import { UPSTREAM, World } from './lab/world.js';

/** How many of all cases are tried; `all` takes hours. */
const TRIED = process.env.CISTERN_FAULT_INJECTIONS ?? '24';
const EFFECTS = ['kill', 'EIO', 'ENOSPC'] as const;

interface Phase {
  /** What is there before, undisturbed. */
  readonly prepare: (world: World) => Promise<void>;
  /** What the daemon is put through from its start to its stop. */
  readonly live: (world: World) => Promise<void>;
}

const PHASES = {
  life: { prepare: () => Promise.resolve(), live: liveThroughItAll },
  rebuild: {
    prepare: async (world) => {
      await storeAll(world);
      await rm(join(world.data, 'index'), { recursive: true });
    },
    live: (world) => pullAll(world, { mayFail: true }),
  },
  collection: { prepare: storeAll, live: dropAndCollect },
} as const satisfies Record<string, Phase>;

type PhaseName = keyof typeof PHASES;

interface Lasting {
  readonly syscalls: readonly string[];
  /** How often one thread makes them, at the least of four seeds: a later one may not come. */
  readonly calls: Readonly<Record<PhaseName, number>>;
  /** Only on files of the index and its copies: everything else is written by such calls, too. */
  readonly ofIndex?: boolean;
}

/** What makes things last. */
const LASTING: readonly Lasting[] = [
  { syscalls: ['fsync'], calls: { life: 88, rebuild: 12, collection: 12 } },
  { syscalls: ['fdatasync'], calls: { life: 39, rebuild: 12, collection: 12 } },
  { syscalls: ['rename', 'renameat', 'renameat2'], calls: { life: 40, rebuild: 9, collection: 8 } },
  { syscalls: ['pwrite64', 'pwritev'], calls: { life: 44, rebuild: 0, collection: 0 } },
  {
    syscalls: ['write'],
    calls: { life: 44, rebuild: 32, collection: 15 },
    ofIndex: true,
  },
  { syscalls: ['unlink', 'unlinkat'], calls: { life: 11, rebuild: 3, collection: 11 } },
  { syscalls: ['mkdir', 'mkdirat'], calls: { life: 33, rebuild: 14, collection: 13 } },
  { syscalls: ['chmod', 'fchmodat'], calls: { life: 29, rebuild: 0, collection: 0 } },
];

interface Case extends Injection {
  readonly phase: PhaseName;
  readonly ofIndex: boolean;
  readonly does: (typeof EFFECTS)[number];
}

after(stopPrograms);

describe(`a system call that goes wrong (seed ${seed})`, { skip: withoutStrace }, () => {
  /** By its name: how many cases there were, and in how many it came so far. */
  const tally = new Map<string, { tried: number; happened: number }>();

  for (const injection of chosen()) {
    const { phase, syscalls, does, nth, ofIndex } = injection;
    it(
      `${phase}: ${syscalls[0]} no. ${nth}${ofIndex ? ' of the index' : ''}: ${does}`,
      scoped(async (t) => {
        const { prepare, live } = PHASES[phase];
        const world = await World.create(t, { seed, images: 4 });
        const trace = join(world.dir, 'trace');
        await prepare(world);
        const lived = await liveUnder(
          world,
          under({ ...injection, ...(ofIndex && { paths: indexFiles(world.data) }) }, trace),
          live,
        );
        await world.abandon();
        const happened = injections(trace, does);
        const count = tally.get(syscalls[0]!) ?? { tried: 0, happened: 0 };
        tally.set(syscalls[0]!, { tried: count.tried + 1, happened: count.happened + (happened > 0 ? 1 : 0) });
        t.diagnostic(happened === 0 ? 'the daemon makes fewer such calls' : `${world.oracle.kept.length} acknowledged`);
        assert.ok(lived || happened > 0, 'it ended, and nothing had been done to it');
        await world.start();
        await world.assertKept();
        await pullAll(world);
        await world.stop();
      }),
    );
  }

  // The daemon makes fewer such calls on some days. Where none came the numbers above are of another program.
  it('has gone wrong as often as these tests say', (t) => {
    const counts = [...tally].map(([name, { tried, happened }]) => `${name} ${happened} of ${tried}`);
    t.diagnostic(counts.join(', '));
    for (const [name, { happened }] of tally) assert.ok(happened > 0, `${name} never went wrong`);
    const sum = (of: 'tried' | 'happened') => [...tally.values()].reduce((all, count) => all + count[of], 0);
    assert.ok(sum('happened') >= sum('tried') / 2, counts.join(', '));
  });
});

/** False when the daemon did not live to the end. */
async function liveUnder(world: World, command: readonly string[], live: Phase['live']): Promise<boolean> {
  try {
    await world.start(command);
    await live(world);
    await world.daemon.stop();
    return true;
  } catch (error) {
    if (isVerdict(error)) throw error;
    return false;
  }
}

async function storeAll(world: World): Promise<void> {
  await world.start();
  await pullAll(world);
  await world.stop();
}

async function liveThroughItAll(world: World): Promise<void> {
  await pullAll(world, { mayFail: true });
  await dropAndCollect(world);
  await pullAll(world, { mayFail: true });
}

async function dropAndCollect(world: World): Promise<void> {
  const [first] = world.library.shelf;
  await world.control(async (client) => {
    world.oracle.drops(first!);
    // With a disk that fails, these may fail: but not silently, and not by losing something else.
    await client.ask(contents.EvictImage, { image: `${UPSTREAM}/${first!.repository}:${first!.tag}` }).catch(refused);
  });
  await collectGarbage(world).catch(refused);
}

const refused = (error: unknown): void => {
  if (!/^\d+ [A-Z_]+: /.test((error as Error).message)) throw error;
};

/** Names that LevelDB may give its files in a life as short as these, and what is copied out of it. */
function indexFiles(data: string): readonly string[] {
  const names = Array.from({ length: 24 }, (_, n) => `${n + 1}`.padStart(6, '0'));
  const files = names.flatMap((name) => [`${name}.log`, `${name}.ldb`, `${name}.dbtmp`, `MANIFEST-${name}`]);
  const copies = ['snapshot', 'statistics', 'epoch'].map((name) => join(data, `${name}.tmp`));
  return [...files.map((file) => join(data, 'index', file)), ...copies];
}

function chosen(): readonly Case[] {
  const random = new Random(seed);
  const phasesOf = ({ calls }: Lasting) => (Object.keys(PHASES) as PhaseName[]).filter((phase) => calls[phase] > 0);
  const at = ({ syscalls, ofIndex = false }: Lasting, phase: PhaseName, does: Case['does'], nth: number): Case => ({
    ...{ phase, syscalls, does, nth },
    ofIndex,
  });
  if (TRIED !== 'all') {
    // Each call in each phase, and with each effect, before any is tried twice.
    return Array.from({ length: Number(TRIED) }, (_, n) => {
      const lasting = LASTING[n % LASTING.length]!;
      const round = Math.floor(n / LASTING.length);
      const phases = phasesOf(lasting);
      const phase = phases[round % phases.length]!;
      return at(lasting, phase, EFFECTS[(n + round) % EFFECTS.length]!, random.between(1, lasting.calls[phase]));
    });
  }
  const all = LASTING.flatMap((lasting) =>
    phasesOf(lasting).flatMap((phase) =>
      EFFECTS.flatMap((does) =>
        Array.from({ length: lasting.calls[phase] }, (_, n) => at(lasting, phase, does, n + 1)),
      ),
    ),
  );
  // In an order of chance: a run that is cut short has tried some of everything.
  const order = all.map((each) => ({ each, at: random.next() })).sort((a, b) => a.at - b.at);
  return order.map(({ each }) => each);
}
