/**
 * A long time of everything at once, with a collection every second. In the first quarter the daemon is stopped and killed
 * again and again; then one life goes on to the end, and what it takes from the machine must not grow. At the end
 * everything is judged.
 */
import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { stopPrograms } from '../e2e/support/processes.js';
import { eventually } from '../support/eventually.js';
import { diskUsed, eventLoopLag, liveMemory, memoryOf, MiB, probed, slope, type Point } from './lab/figures.js';
import { judgeAtRest, judgePins } from './lab/judge.js';
import { seed } from './lab/random.js';
import { scoped } from './lab/scoped.js';
import { endedAtRandom } from './lab/steps.js';
import { work } from './lab/workload.js';
import { World } from './lab/world.js';

const HOUR = 3600;
/** How long it goes on, in seconds. */
const LENGTH = Number(process.env.CISTERN_FAULT_HOURS ?? 0.015) * HOUR;
/** Of the one long life, in seconds: between two rounds everything acknowledged is looked for, and a line is reported. */
const ROUND = Math.min(60, LENGTH / 12);
const REPORT = process.env.CISTERN_FAULT_REPORT ?? join(tmpdir(), `cistern-soak-${seed}.jsonl`);
/** Memory that the long life may take more by the hour. */
const MOST_GROWTH = 1 * MiB;

after(stopPrograms);

describe(`a soak (seed ${seed})`, () => {
  it(
    `of ${(LENGTH / HOUR).toFixed(3)} hours loses nothing, serves no wrong byte, leaves nothing behind and does not grow`,
    scoped(async (t) => {
      const world = await World.create(t, { seed, sweeping: true });
      const soak = new Soak(world);
      await writeFile(REPORT, '');
      t.diagnostic(`report: ${REPORT}`);
      await soak.begin();

      while (soak.seconds < LENGTH / 4) {
        await soak.broken();
        await judgePins(world);
        await world.assertKept();
        await soak.report();
      }

      await soak.round();
      const base = await world.settledDescriptors();
      while (soak.seconds < LENGTH) await soak.round();
      await world.assertNothingOpen();
      await eventually(
        async () => (await world.descriptors()).length <= base + 4,
        `as many descriptors as before: ${base}`,
        30_000,
      );
      const growth = soak.growth();
      await judgeAtRest(world);
      await world.stop();
      t.diagnostic(soak.summary(growth));
      assert.ok(world.oracle.survivals > 0 && soak.collections > 0, 'nothing happened: the test shows nothing');
      if (LENGTH >= HOUR) assert.ok(growth <= MOST_GROWTH, `memory grows by ${mib(growth)} MiB an hour`);
    }),
  );
});

class Soak {
  readonly #world: World;
  readonly #startedAt = performance.now();
  /** What is alive after each round of the long life, by the hour, and what is resident. */
  readonly #memory: Point[] = [];
  readonly #resident: Point[] = [];
  operations = 0;
  collections = 0;
  stops = 0;
  kills = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  begin(): Promise<void> {
    return this.#world.start(probed(this.#world.dir));
  }

  /** Ends its life in the middle of everything, and starts the next. */
  async broken(): Promise<void> {
    const world = this.#world;
    const isKill = world.random.below(2) === 0;
    this[isKill ? 'kills' : 'stops']++;
    const listen = world.random.between(1, 400);
    this.operations += listen;
    await endedAtRandom(world, listen, () => (isKill ? world.kill() : world.stop()));
    await this.begin();
  }

  /** A part of the long life. */
  async round(): Promise<void> {
    const world = this.#world;
    world.onLine = (line) => {
      if (line.includes('"msg":"garbage collected"')) this.collections++;
    };
    const until = AbortSignal.timeout(ROUND * 1000);
    await work(world, { until, operators: true, faults: true, onStep: () => this.operations++ });
    await judgePins(world);
    await world.assertKept();
    world.registry.forgetRequests();
    const x = this.seconds / HOUR;
    this.#resident.push({ x, y: (await memoryOf(world.daemon.pid!)).rss });
    this.#memory.push({ x, y: await liveMemory(world) });
    await this.report();
  }

  /** Bytes an hour, after the first third of the long life. */
  growth(of: readonly Point[] = this.#memory): number {
    return slope(of.slice(Math.ceil(of.length / 3)));
  }

  async report(): Promise<void> {
    const world = this.#world;
    const { rss, rssAnon } = await memoryOf(world.daemon.pid!);
    const line = JSON.stringify({
      seconds: Math.round(this.seconds),
      operations: this.operations,
      answersRight: world.oracle.answers,
      foundAgain: world.oracle.survivals,
      acknowledged: world.oracle.kept.length,
      collections: this.collections,
      stops: this.stops,
      kills: this.kills,
      rssMiB: mib(rss),
      rssAnonMiB: mib(rssAnon),
      liveMiB: mib(this.#memory.at(-1)?.y ?? NaN),
      descriptors: (await world.descriptors()).length,
      lagP99Ms: Math.round(await eventLoopLag(world)),
      diskMiB: mib(await diskUsed(world)),
    });
    process.stdout.write(`${line}\n`);
    await appendFile(REPORT, `${line}\n`);
  }

  summary(growth: number): string {
    const { answers, survivals } = this.#world.oracle;
    return (
      `${this.operations} operations, ${answers} complete answers right, ${survivals} acknowledged blobs found again, ` +
      `${this.collections} collections, ${this.stops} stops and ${this.kills} kills, ${mib(growth)} MiB an hour alive, ` +
      `${mib(this.growth(this.#resident))} resident`
    );
  }
}

const mib = (bytes: number): number => Number((bytes / MiB).toFixed(1));
