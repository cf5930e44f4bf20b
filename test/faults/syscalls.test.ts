/**
 * Each system call by which something is made to last fails, or is the daemon's last: while it starts, stores, indexes,
 * collects and stops. What it had acknowledged stays, and what clients get is right.
 */
import assert from 'node:assert/strict';
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

/** How many of all cases are tried; `all` takes an hour. */
const TRIED = process.env.CISTERN_FAULT_INJECTIONS ?? '21';
/** What makes things last, and how often one thread makes them in `throughItAll`: a later one would not come. */
const LASTING: readonly { readonly syscalls: readonly string[]; readonly calls: number }[] = [
  { syscalls: ['fsync'], calls: 105 },
  { syscalls: ['fdatasync'], calls: 55 },
  { syscalls: ['rename', 'renameat', 'renameat2'], calls: 46 },
  { syscalls: ['pwrite64', 'pwritev'], calls: 44 },
  { syscalls: ['unlink', 'unlinkat'], calls: 11 },
  { syscalls: ['mkdir', 'mkdirat'], calls: 37 },
  { syscalls: ['chmod', 'fchmodat'], calls: 37 },
];
const EFFECTS = ['kill', 'EIO', 'ENOSPC'] as const;

interface Case extends Injection {
  readonly does: (typeof EFFECTS)[number];
}

const all: readonly Case[] = LASTING.flatMap(({ syscalls, calls }) =>
  EFFECTS.flatMap((does) => Array.from({ length: calls }, (_, n) => ({ syscalls, does, nth: n + 1 }))),
);

after(stopPrograms);

describe(`a system call that goes wrong (seed ${seed})`, { skip: withoutStrace }, () => {
  for (const injection of chosen()) {
    const { syscalls, does, nth } = injection;
    it(
      `${syscalls[0]} no. ${nth}: ${does}`,
      scoped(async (t) => {
        const world = await World.create(t, { seed, images: 4 });
        const trace = join(world.dir, 'trace');
        const lived = await throughItAll(world, under(injection, trace));
        if (lived) await world.kill();
        const happened = injections(trace, does);
        t.diagnostic(happened === 0 ? 'the daemon makes fewer such calls' : `${world.oracle.kept.length} acknowledged`);
        assert.ok(lived || happened > 0, 'it ended, and nothing had been done to it');
        await world.start();
        await world.assertKept();
        await pullAll(world);
        await world.stop();
      }),
    );
  }
});

/** False when the daemon did not live to the end. */
async function throughItAll(world: World, command: readonly string[]): Promise<boolean> {
  try {
    await world.start(command);
    await pullAll(world, { mayFail: true });
    const [first] = world.library.shelf;
    await world.control(async (client) => {
      world.oracle.drops(first!);
      // With a disk that fails, these may fail: but not silently, and not by losing something else.
      await client.ask(contents.EvictImage, { image: `${UPSTREAM}/${first!.repository}:${first!.tag}` }).catch(refused);
    });
    await collectGarbage(world).catch(refused);
    await pullAll(world, { mayFail: true });
    await world.daemon.stop();
    return true;
  } catch (error) {
    if (isVerdict(error)) throw error;
    return false;
  }
}

const refused = (error: unknown): void => {
  if (!/^\d+ [A-Z_]+: /.test((error as Error).message)) throw error;
};

function chosen(): readonly Case[] {
  if (TRIED === 'all') return all;
  const random = new Random(seed);
  // Each call once with each effect before any is tried twice.
  return Array.from({ length: Number(TRIED) }, (_, n) => {
    const { syscalls, calls } = LASTING[n % LASTING.length]!;
    const does = EFFECTS[(n + Math.floor(n / LASTING.length)) % EFFECTS.length]!;
    return { syscalls, does, nth: random.between(1, calls) };
  });
}
