/**
 * What is true when nobody asks for anything: no job is left, and on the disk lies what images need and nothing else. It
 * looks at the disk from outside, and otherwise knows what operators see.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { contents, prefetches } from '../../../src/cli/client.js';
import { eventually } from '../../support/eventually.js';
import { Verdict } from './oracle.js';
import { collectGarbage } from './steps.js';
import type { World } from './world.js';

/** What docs/architecture.md says lies in the data directory. */
const KNOWN = ['blobs', 'epoch', 'format', 'index', 'lock', 'quarantine', 'snapshot', 'spool', 'statistics'];
/** For what a collection has to wait for, milliseconds. */
const PATIENCE = 60_000;
/** Everything that is not pinned is old at once. */
const NOTHING_STAYS = { gc: { gracePeriod: '1s', retention: '1s' }, storage: { minFree: 0 } };

/**
 * What was acknowledged is served, and pins hold; then jobs end, and collections leave what images need; then all images
 * grow old but the pinned ones, and collections leave those alone. The grace period must be short. Leaves the daemon running.
 */
export async function judgeAtRest(world: World): Promise<void> {
  await eventually(async () => (await unfinishedJobs(world)) === 0, 'no prefetch job is left', PATIENCE);
  await judgePins(world);
  await world.assertKept();
  await assertSwept(world);
  await assertNothingLeftOver(world);

  world.oracle.expired();
  await world.stop();
  await world.start([], NOTHING_STAYS);
  await assertSwept(world, () => allPinned(world));
  await judgePins(world);
  await world.assertKept();
  await assertNothingLeftOver(world);
}

/** What a command said is pinned, is. */
export async function judgePins(world: World): Promise<void> {
  const images = await world.images();
  for (const { repository, tag, digests } of world.oracle.pinned) {
    const image = images.find((each) => each.repository === repository && each.tag === tag);
    if (!image?.pinned || image.digest !== digests[0]) throw new Verdict(`UNPINNED: ${repository}:${tag} was pinned`);
  }
}

const allPinned = async (world: World): Promise<boolean> => (await world.images()).every(({ pinned }) => pinned);

/** Collects until `settled`, and until the files are what the listed images are made of. */
async function assertSwept(world: World, settled: () => Promise<boolean> = () => Promise.resolve(true)): Promise<void> {
  let strays: readonly string[] = [];
  const swept = async () => {
    await collectGarbage(world).catch((error: unknown) => {
      if (!/is under way/.test(String(error))) throw error;
    });
    if (!(await settled())) return false;
    const reachable = world.library.reachableFrom(new Set((await world.images()).map(({ digest }) => digest)));
    strays = [...(await world.files())].filter((digest) => !reachable.has(digest));
    return strays.length === 0;
  };
  await eventually(swept, 'nothing is stored that no image needs', PATIENCE).catch((error: unknown) => {
    throw new Verdict(`LEFT OVER: ${strays.join(', ') || 'images that had expired'}`, { cause: error });
  });
}

/** No temporary files, no spool but the partials that it knows of, and nothing bad. */
async function assertNothingLeftOver(world: World): Promise<void> {
  const strange = (await readdir(world.data)).filter((name) => !KNOWN.includes(name));
  const quarantined = await readdir(join(world.data, 'quarantine')).catch(() => []);
  const spool = new Set(await readdir(join(world.data, 'spool')));
  const lonely = [...spool].filter((name) => !spool.has(name.endsWith('.json') ? name.slice(0, -5) : `${name}.json`));
  const { spoolBytes } = await world.control((client) => client.ask(contents.GetDiskUsage, {}));
  const unknown = spoolBytes === 0 ? [...spool] : [];
  const found = [...strange, ...quarantined, ...lonely, ...unknown];
  if (found.length > 0) throw new Verdict(`LEFT OVER in ${world.data}: ${found.join(', ')}`);
}

async function unfinishedJobs(world: World): Promise<number> {
  const states = ['JOB_STATE_QUEUED', 'JOB_STATE_RUNNING'] as const;
  const { jobs } = await world.control((client) => client.ask(prefetches.ListPrefetchJobs, { states: [...states] }));
  return jobs.length;
}
