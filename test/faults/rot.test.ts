/** What is stored goes bad by itself: bits flip, files get shorter, or vanish. It is noticed, set aside and fetched again. */
import assert from 'node:assert/strict';
import { chmod, open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { stopPrograms } from '../e2e/support/processes.js';
import { eventually } from '../support/eventually.js';
import { seed, type Random } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { injections, under, withoutStrace } from './lab/strace.js';
import { pullAll, verified } from './lab/steps.js';
import { World } from './lab/world.js';

/** Blobs above it are handed out as they are read; the scrub is what finds their rot. */
const HASHED_ON_READ = 1024 * 1024;
const SHARE_THAT_ROTS = 0.4;

after(stopPrograms);

type Damage = (path: string, size: number, random: Random) => Promise<void>;

const damages: Readonly<Record<string, Damage>> = {
  'a bit flips': async (path, size, random) => {
    await chmod(path, 0o644);
    const file = await open(path, 'r+');
    const at = random.below(size);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = byte[0]! ^ (1 << random.below(8));
    await file.write(byte, 0, 1, at);
    await file.close();
  },
  'its end is lost': async (path, size, random) => {
    await chmod(path, 0o644);
    await truncate(path, random.below(size));
  },
  'it vanishes': (path) => rm(path),
};

describe(`a stored blob (seed ${seed})`, () => {
  for (const [name, damage] of Object.entries(damages)) {
    it(
      `of which ${name}: no client gets a wrong byte, and after a verification all are whole`,
      scoped(async (t) => {
        const world = await World.create(t, { seed });
        await world.start();
        await pullAll(world);
        // What it has in memory is not read from the disk, so it begins anew.
        await world.stop();
        const found = await spoil(world, damage);
        await world.start();
        await pullAll(world, { among: (bytes) => name !== 'a bit flips' || bytes <= HASHED_ON_READ });
        await world.stop();

        const rotten = await spoil(world, damage);
        await world.start();
        const reported = await verified(world);
        for (const digest of rotten) assert.ok(reported.has(digest), `the verification found ${digest}`);
        await eventually(async () => {
          await pullAll(world);
          return (await world.files()).size >= new Set(world.oracle.kept.map(({ digest }) => digest)).size;
        }, 'everything is stored again');
        await world.assertKept();
        if (name === 'a bit flips') {
          assert.ok((await readdir(join(world.data, 'quarantine'))).length > 0, 'the bad ones were set aside');
        }
        await world.stop();
        t.diagnostic(
          `${found.length} and ${rotten.length} went bad, ${reported.size} were found by the verification, ${world.oracle.answers} answers right`,
        );
      }),
    );
  }
});

describe(`a stored blob that the disk cannot give back (seed ${seed})`, { skip: withoutStrace }, () => {
  for (const [size, most] of [
    ['read again before it is served', HASHED_ON_READ],
    ['served as it is read', Infinity],
  ] as const) {
    for (const syscall of ['openat', 'pread64']) {
      it(
        `${syscall} of one that is ${size}: it is set aside, and fetched again at once`,
        scoped(async (t) => {
          const world = await World.create(t, { seed });
          await world.start();
          await pullAll(world);
          await world.stop();
          const least = most === Infinity ? HASHED_ON_READ : 0;
          const fits = ({ size }: { readonly size: number }) => size > least && size <= most;
          const [victim] = world.library.shelf.flatMap(({ repository, images }) =>
            images.flatMap(({ blobs }) => blobs.filter(fits).map(({ digest }) => ({ repository, digest }))),
          );
          assert.ok(victim, 'there is one');
          const trace = join(world.dir, 'trace');
          const path = world.fileOf(victim.digest);
          const fault = { syscalls: [syscall], nth: 1, forGood: true, does: 'EIO', paths: [path] } as const;
          await world.start(under(fault, trace));
          const asked = () => world.registry.count({ kind: 'blob', method: 'GET', reference: victim.digest });
          const before = asked();
          const first = await world.read(victim);
          // What is served as it is read costs this one answer; otherwise nobody notices.
          const costs = most === Infinity && syscall === 'pread64';
          if (costs) assert.ok(first.status !== 200 || !first.complete);
          const answer = costs ? await world.read(victim) : first;
          assert.ok(answer.status === 200 && answer.complete, `${answer.status}`);
          assert.equal(asked(), before + 1);
          assert.ok(injections(trace, 'EIO') > 0);
          assert.equal((await readdir(join(world.data, 'quarantine'))).length, 1);
          await world.stop();
          await world.start();
          // Other repositories have to ask upstream again: a link goes with the record of what was bad.
          await pullAll(world);
          assert.equal(asked(), before + 1, 'it was stored again');
          await world.assertKept();
          await world.stop();
        }),
      );
    }
  }
});

/** Does this to some of what is stored, while nothing runs. */
async function spoil(world: World, damage: Damage): Promise<readonly string[]> {
  const stored = [...(await world.files())].sort();
  const chosen = stored.filter(() => world.random.next() < SHARE_THAT_ROTS);
  for (const digest of chosen) await damage(world.fileOf(digest), world.library.bytes(digest).length, world.random);
  return chosen;
}
