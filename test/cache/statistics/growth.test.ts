import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Growth } from '../../../src/cache/statistics/growth.js';
import { keys } from '../../../src/catalog/keys.js';
import { eventually } from '../../support/eventually.js';
import { digest, memoryCatalog, repository, silent } from '../../support/catalogs.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function scene(t: TestContext) {
  const parts = await memoryCatalog(t);
  const { catalog, clock } = parts;
  let stored = 0;
  const store = async (size: number) => {
    const descriptor = { digest: digest(`blob ${++stored}`), size, mediaType: 'application/octet-stream' };
    await catalog.recordBlob({ repository: repository('a'), descriptor, public: true });
  };
  const samples = async () => (await catalog.records.get(keys.growth)) ?? [];
  const pass = async (hours: number) => {
    for (let hour = 0; hour < hours; hour++) {
      const before = clock.now();
      clock.jump(HOUR);
      await clock.advance(60_000);
      await eventually(async () => ((await samples()).at(-1)?.[0] ?? 0) > before, 'a sample is taken');
    }
  };
  return { ...parts, store, samples, pass, start: () => Growth.start({ ...parts, log: silent }) };
}

describe('the growth of the store', () => {
  it('is not known before a day is recorded, then is what came in a day', async (t) => {
    const { start, store, pass } = await scene(t);
    const growth = start();
    await store(1000);
    await pass(20);
    assert.equal(await growth.perDay(), undefined);
    await store(24_000);
    await pass(30);
    const perDay = (await growth.perDay()) ?? 0;
    // 25,000 bytes in about fifty hours.
    assert.ok(perDay > 11_000 && perDay < 13_000, `${perDay}`);
    await growth.close();
  });

  it('takes a sample an hour, for a week, also over a restart', async (t) => {
    const { start, samples, pass } = await scene(t);
    const first = start();
    await pass(30);
    await first.close();
    const taken = (await samples()).length;
    assert.ok(taken === 30 || taken === 31, `${taken}`);
    const second = start();
    assert.equal(await second.perDay(), 0);
    await pass(200);
    await second.close();
    const kept = await samples();
    assert.ok(kept.length <= 7 * 24 + 1, `${kept.length}`);
    assert.ok(kept.at(-1)![0] - kept[0]![0] <= 7 * DAY);
  });

  it('tells of a store that shrinks', async (t) => {
    const { catalog, clock, start } = await scene(t);
    await catalog.turn((tx) => tx.put(keys.growth, [[clock.now() - 2 * DAY, 5000]]));
    const growth = start();
    await growth.close();
    assert.equal(await growth.perDay(), -2500);
  });

  it('leaves out samples of a clock that was ahead', async (t) => {
    const { catalog, clock, start } = await scene(t);
    const ahead = clock.now() + 400 * DAY;
    await catalog.turn((tx) =>
      tx.put(keys.growth, [
        [ahead - 2 * DAY, 0],
        [ahead, 1e12],
      ]),
    );
    const growth = start();
    await growth.close();
    assert.equal(await growth.perDay(), undefined);
  });
});
