/** What is counted stays counted: over flushes, failures, crashes and days. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { CountedUpstream } from '../../../src/cache/statistics/counted-upstream.js';
import { StatisticsLedger, type AnsweredPull, type Tally } from '../../../src/cache/statistics/statistics.js';
import type { Priority, Upstream } from '../../../src/upstream/upstream.js';
import { digest, memoryCatalog, repository, silent } from '../../support/catalogs.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const app = repository('team/app');
const hit = (of = app, bytes = 100): AnsweredPull => ({
  repository: of,
  kind: 'manifests',
  head: false,
  outcome: 'hit',
  bytes,
});

async function scene(t: TestContext) {
  const parts = await memoryCatalog(t);
  const open = () => new StatisticsLedger({ ...parts, log: silent });
  return { ...parts, open, ledger: open() };
}

const hits = async (ledger: StatisticsLedger): Promise<number> => (await ledger.query({})).total.manifests.hits;

describe('the statistics ledger', () => {
  it('reports what is only in memory, what is only written, and what is both', async (t) => {
    const { ledger, open } = await scene(t);
    ledger.answered(hit());
    assert.equal(await hits(ledger), 1);
    await ledger.flush();
    assert.equal(await hits(ledger), 1);
    ledger.answered(hit());
    assert.equal(await hits(ledger), 2);
    await ledger.close();
    const next = open();
    assert.equal(await hits(next), 2);
    next.answered(hit());
    assert.equal(await hits(next), 3);
    await next.close();
    assert.equal(await hits(open()), 3);
  });

  it('loses what was counted since the last flush when it is killed, and counts nothing twice', async (t) => {
    const { ledger, open } = await scene(t);
    ledger.answered(hit());
    await ledger.flush();
    await ledger.flush();
    ledger.answered(hit());
    const next = open();
    assert.equal(await hits(next), 1);
    next.answered(hit());
    await next.flush();
    assert.equal(await hits(open()), 2);
  });

  it('writes by itself every few seconds, and nothing when nothing was counted', async (t) => {
    const { ledger, open, clock, store } = await scene(t);
    ledger.answered(hit());
    await clock.advance(3000);
    await ledger.flush();
    const { writes } = store;
    assert.equal(await hits(open()), 1);
    await clock.advance(30_000);
    assert.equal(store.writes, writes);
  });

  for (const written of [false, true]) {
    it(`counts once when a write fails ${written ? 'after' : 'before'} it was made`, async (t) => {
      const { ledger, open, store } = await scene(t);
      ledger.answered(hit());
      await ledger.flush();
      ledger.answered(hit());
      store.failNextWrite('failed', { written });
      await assert.rejects(ledger.flush());
      assert.equal(await hits(ledger), 2);
      ledger.answered(hit());
      await ledger.flush();
      assert.equal(await hits(ledger), 3);
      assert.equal(await hits(open()), 3);
    });

    it(`counts once when the very first write fails ${written ? 'after' : 'before'} it was made`, async (t) => {
      const { ledger, open, store } = await scene(t);
      ledger.answered(hit());
      store.failNextWrite('failed', { written });
      await assert.rejects(ledger.flush());
      assert.equal(await hits(ledger), 1);
      await ledger.flush();
      assert.equal(await hits(open()), 1);
    });
  }

  it('tells when it last wrote, how often it could not, and which outcomes the bytes had', async (t) => {
    const { ledger, store, clock } = await scene(t);
    assert.deepEqual(ledger.flushes, { at: undefined, failures: 0 });
    await clock.advance(3000);
    await ledger.flush();
    const at = clock.now();
    assert.deepEqual(ledger.flushes, { at, failures: 0 });
    ledger.answered(hit());
    ledger.answered({ ...hit(), kind: 'blobs', outcome: 'bypassed', bytes: 7 });
    store.failNextWrite('failed', { written: false });
    await clock.advance(3000);
    await ledger.query({});
    assert.deepEqual(ledger.flushes, { at, failures: 1 });
    const served = ledger.sinceStart.get(app.upstream)?.served;
    assert.deepEqual([served?.manifests.hit, served?.blobs.bypassed, served?.blobs.hit], [100, 7, 0]);
  });

  it('counts on while a flush and a report are under way', async (t) => {
    const { ledger, open } = await scene(t);
    for (let round = 1; round <= 20; round++) {
      ledger.answered(hit());
      const flushed = ledger.flush();
      const report = hits(ledger);
      ledger.answered(hit());
      await Promise.all([flushed, report]);
      assert.equal(await hits(ledger), 2 * round);
    }
    await ledger.close();
    assert.equal(await hits(open()), 40);
  });

  it('groups by upstream, repository and hour, and narrows down to one of them', async (t) => {
    const { ledger, clock } = await scene(t);
    const began = clock.now();
    const other = repository('other', 'quay.io');
    const prefix = repository('team/app2');
    ledger.answered(hit());
    ledger.answered(hit(other));
    clock.jump(HOUR);
    await ledger.flush();
    ledger.answered(hit());
    ledger.answered(hit(prefix));

    const keys = async (query: Parameters<typeof ledger.query>[0]) =>
      (await ledger.query(query)).groups.map(({ key, manifests }) => [key, manifests.hits]);
    assert.deepEqual(await keys({}), []);
    assert.deepEqual(await keys({ by: 'upstream' }), [
      ['docker.io', 3],
      ['quay.io', 1],
    ]);
    assert.deepEqual(await keys({ by: 'repository' }), [
      ['docker.io/team/app', 2],
      ['docker.io/team/app2', 1],
      ['quay.io/other', 1],
    ]);
    assert.deepEqual(await keys({ by: 'hour' }), [
      ['2026-01-01T00:00:00.000Z', 2],
      ['2026-01-01T01:00:00.000Z', 2],
    ]);
    assert.deepEqual(await keys({ by: 'hour', repository: 'docker.io/team/app' }), [
      ['2026-01-01T00:00:00.000Z', 1],
      ['2026-01-01T01:00:00.000Z', 1],
    ]);
    assert.deepEqual(await keys({ by: 'repository', upstream: 'quay.io' }), [['quay.io/other', 1]]);

    // From the hour that `since` is in, to the end of the one that `until` is in.
    const late = await ledger.query({ since: began + HOUR + 1 });
    assert.deepEqual([late.from, late.to, late.total.manifests.hits], [began + HOUR, began + 2 * HOUR, 2]);
    const early = await ledger.query({ until: began + 1 });
    assert.deepEqual([early.to, early.total.manifests.hits], [began + HOUR, 2]);
    assert.equal((await ledger.query({ until: began + HOUR })).total.manifests.hits, 2);
    assert.equal((await ledger.query({ until: began })).total.manifests.hits, 0);
  });

  it('keeps 90 days, and erases the rest once the clock has been steady for an hour', async (t) => {
    const { ledger, clock, store, open, catalog } = await scene(t);
    const rows = async () => {
      const keys: string[] = [];
      for await (const [key] of store.scan('hour ')) keys.push(key);
      return keys.length;
    };
    ledger.answered(hit());
    await ledger.flush();
    clock.jump(90 * DAY);
    ledger.answered(hit());
    await ledger.flush();
    assert.equal(await hits(ledger), 2);
    clock.jump(HOUR);
    await ledger.flush();
    assert.equal(await hits(ledger), 1);
    assert.equal(await hits(open()), 1);
    assert.equal(await rows(), 2);
    await clock.advance(HOUR - 10_000);
    assert.equal(await rows(), 2);
    await clock.advance(20_000);
    await ledger.flush();
    assert.equal(await rows(), 1);
    // Before its directory goes.
    await catalog.close();
  });

  it('loses nothing to a clock that was wrong for a while', async (t) => {
    const { ledger, clock, catalog } = await scene(t);
    ledger.answered(hit());
    await clock.advance(2 * HOUR);
    clock.jump(365 * DAY);
    await clock.advance(30 * 60_000);
    assert.equal(await hits(ledger), 0);
    clock.jump(-365 * DAY);
    await clock.advance(30 * 60_000);
    assert.equal(await hits(ledger), 1);
    await catalog.close();
  });

  it('counts what comes from upstream for whoever waits at that moment', async (t) => {
    const { ledger } = await scene(t);
    let waits: Priority = 'prefetch';
    const source = {
      name: 'docker.io',
      manifest: (_repository: string, _reference: string, { meter }: Parameters<Upstream['manifest']>[2]) => {
        meter?.answered();
        meter?.received(7);
        return Promise.resolve(undefined);
      },
      blob: (_repository: string, _digest: string, { meter }: Parameters<Upstream['blob']>[2]) => {
        meter?.answered();
        for (const [who, bytes] of [
          ['prefetch', 1],
          ['idle', 2],
          ['live', 4],
          ['idle', 8],
        ] as const) {
          waits = who;
          meter?.received(bytes);
        }
        return Promise.resolve(undefined);
      },
    } as unknown as Upstream;
    const { signal } = new AbortController();
    const prefetching = new CountedUpstream(source, ledger, 'prefetch');
    await prefetching.blob('team/app', digest('blob'), { signal, priority: () => waits });
    await prefetching.manifest('team/app', digest('manifest'), { signal });
    await new CountedUpstream(source, ledger, 'live').manifest('team/app', digest('manifest'), { signal });
    const { total } = await ledger.query({});
    const of = ({ bytesFromUpstream, bytesPrefetched, upstreamGets }: Tally['blobs']) => [
      bytesFromUpstream,
      bytesPrefetched,
      upstreamGets,
    ];
    assert.deepEqual(of(total.blobs), [12, 3, 1]);
    assert.deepEqual(of(total.manifests), [7, 7, 2]);
  });
});
