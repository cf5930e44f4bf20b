/** What several tests put the daemon through, in so many words. */
import assert from 'node:assert/strict';
import { contents, garbageCollection } from '../../../src/cli/client.js';
import { collect } from '../../support/collect.js';
import { work, type WorkloadOptions } from './workload.js';
import type { World } from './world.js';

export interface PullOptions {
  /** Of so many images; all without it. */
  readonly count?: number;
  /** By the size of a blob in bytes. */
  readonly among?: (bytes: number) => boolean;
  /** Where what is broken may cost an answer, but never give a wrong one. */
  readonly mayFail?: boolean;
}

/** Each image by its tag, then everything that belongs to it side by side. All answers are judged. */
export async function pullAll(world: World, options: PullOptions = {}): Promise<void> {
  const { count = Infinity, among = () => true, mayFail = false } = options;
  for (const { repository, tag, digests } of world.library.shelf.slice(0, count)) {
    const byTag = await world.readTag(repository, tag);
    assert.ok(mayFail || (byTag.status === 200 && byTag.complete), `${repository}:${tag} ${byTag.status}`);
    const wanted = digests.filter((digest) => among(world.library.bytes(digest).length));
    await Promise.all(
      wanted.map(async (digest) => {
        const { status, complete, body } = await world.read({ repository, digest });
        const said = `${digest}: ${status} ${complete ? 'whole' : 'cut'} ${status === 200 ? '' : body.toString()}`;
        assert.ok(mayFail || (status === 200 && complete), said);
      }),
    );
  }
}

/** The workload, for so many steps of its clients. */
export async function steps(world: World, count: number, options: Omit<WorkloadOptions, 'until'> = {}): Promise<void> {
  const ending = new AbortController();
  let left = count;
  const onStep = () => {
    if (--left <= 0) ending.abort();
  };
  await work(world, { ...options, until: ending.signal, onStep });
}

/** Whatever clients and operators do, until after `count` of their steps and of the lines of its log `end` is begun. */
export async function endedAtRandom(world: World, count: number, end: () => Promise<void>): Promise<void> {
  await endedAt(world, count, end, { steps: true, line: () => true });
}

/** The same, at an acknowledgement. */
export async function endedAtStored(world: World, count: number, end: () => Promise<void>): Promise<void> {
  await endedAt(world, count, end, { steps: false, line: (line) => line.includes('"msg":"stored"') });
}

async function endedAt(
  world: World,
  count: number,
  end: () => Promise<void>,
  counted: { readonly steps: boolean; readonly line: (line: string) => boolean },
): Promise<void> {
  const ending = new AbortController();
  let left = count;
  let ended: Promise<void> | undefined;
  const step = () => {
    if (ended || --left > 0) return;
    ending.abort();
    ended = end();
  };
  world.onLine = (line) => {
    if (counted.line(line)) step();
  };
  const onStep = () => {
    if (counted.steps) step();
  };
  await work(world, { until: ending.signal, operators: true, faults: true, onStep });
  await ended;
}

/** Hashes all that is stored. Resolves to what became of what was bad, by its digest. */
export const verified = (world: World): Promise<ReadonlyMap<string, string>> =>
  world.control(async (client) => {
    const bad = new Map<string, string>();
    for await (const { corrupt } of client.follow(contents.Verify, {})) {
      if (corrupt) bad.set(corrupt.digest, corrupt.action);
    }
    return bad;
  });

/** Rejects when it is refused. */
export const collectGarbage = (world: World): Promise<void> =>
  world.control(async (client) => {
    await collect(client.follow(garbageCollection.CollectGarbage, { dryRun: false }));
  });
