/** Pulls through the whole daemon, counted by hand and by the daemon. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ratiosOf, sum, type Counts, type Tally } from '../../../src/cache/statistics/counts.js';
import { startTestDaemon, type TestDaemon, type TestUpstream } from '../../support/daemon.js';
import { FakeRegistry } from '../../support/fake-registry.js';
import { makeImage } from '../../support/images.js';

const MiB = 1024 * 1024;

const NONE: Counts = {
  hits: 0,
  misses: 0,
  collapsed: 0,
  revalidated: 0,
  stale: 0,
  bypassed: 0,
  bytesServed: 0,
  bytesFromUpstream: 0,
  bytesPrefetched: 0,
  upstreamGets: 0,
  savedGets: 0,
};

const counted = (manifests: Partial<Counts>, blobs: Partial<Counts> = {}): Tally => ({
  manifests: { ...NONE, ...manifests },
  blobs: { ...NONE, ...blobs },
});

async function scene(t: TestContext, upstream: Partial<TestUpstream> = {}) {
  const registry = await FakeRegistry.start(t);
  const daemon = await startTestDaemon(t, { upstreams: [{ name: 'up.test', url: registry.url, ...upstream }] });
  return { registry, daemon };
}

async function total(daemon: TestDaemon): Promise<Tally> {
  return (await daemon.statistics.query({})).total;
}

/** The table of the example in docs/statistics.md. */
function documented(): ReadonlyMap<string, readonly number[]> {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/statistics.md'), 'utf8');
  const rows = text.matchAll(/^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|$/gm);
  return new Map([...rows].map(([, name = '', ...numbers]) => [name, numbers.map(Number)]));
}

describe('statistics', () => {
  it('count what the example in the documentation says, and the same after a restart', async (t) => {
    const { registry, daemon } = await scene(t);
    const image = makeImage({ seed: 'statistics', layers: [100_000] });
    const [layer] = image.layers;
    registry.push('team/app', image, 'v1');

    const pull = async () => {
      assert.equal((await daemon.manifest('team/app', 'v1')).status, 200);
      for (const { digest } of image.blobs) {
        assert.equal((await daemon.blob('team/app', digest)).status, 200);
        await daemon.stored(digest);
      }
    };
    await pull();
    await pull();
    assert.equal((await daemon.manifest('team/app', 'v1', { method: 'HEAD' })).status, 200);
    assert.equal((await daemon.blob('team/app', layer!.digest, { range: 'bytes=0-9999' })).status, 206);
    assert.equal((await daemon.manifest('team/typo', 'v1')).status, 404);

    const table = documented();
    const shown = (tally: Tally) => {
      const all = sum(
        { manifests: tally.manifests, blobs: tally.manifests },
        { manifests: tally.blobs, blobs: tally.blobs },
      );
      const columns = [tally.manifests, tally.blobs, all.manifests];
      const requests = columns.map((counts) => ratiosOf({ manifests: counts, blobs: NONE }).requests);
      return new Map([
        ['requests', requests],
        ...Object.keys(NONE).map((name): [string, number[]] => [
          name,
          columns.map((counts) => counts[name as keyof Counts]),
        ]),
      ]);
    };
    const report = await daemon.statistics.query({ by: 'repository' });
    assert.equal(table.size, 12);
    assert.deepEqual(shown(report.total), table);
    assert.deepEqual(report.groups, [{ key: 'up.test/team/app', ...report.total }]);
    const { hitRatio, byteHitRatio } = ratiosOf(report.total);
    assert.equal(hitRatio, 0.625);
    assert.equal(byteHitRatio.toFixed(4), '0.5237');

    await daemon.restart();
    assert.deepEqual(await total(daemon), report.total);
    // On top of what was counted before.
    assert.equal((await daemon.manifest('team/app', 'v1', { method: 'HEAD' })).status, 200);
    assert.deepEqual(await total(daemon), sum(report.total, counted({ hits: 1 })));
  });

  it('count a joined download once upstream, and as collapsed', async (t) => {
    const { registry, daemon } = await scene(t);
    const image = makeImage({ seed: 'joined', layers: [3 * MiB] });
    const digest = image.layers[0]!.digest;
    registry.push('team/app', image, 'v1');
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 'middle' });
    const first = await daemon.openBlob('team/app', digest);
    await gate.reached;
    const second = await daemon.openBlob('team/app', digest);
    gate.open();
    const bodies = await Promise.all([first.rest(), second.rest()]);
    assert.deepEqual(
      bodies.map((body) => body.length),
      [3 * MiB, 3 * MiB],
    );
    assert.deepEqual(
      await total(daemon),
      counted(
        {},
        {
          misses: 1,
          collapsed: 1,
          bytesServed: 6 * MiB,
          bytesFromUpstream: 3 * MiB,
          upstreamGets: 1,
          savedGets: 1,
        },
      ),
    );
  });

  it('count joined questions for a manifest and for the head of a blob as collapsed', async (t) => {
    const { registry, daemon } = await scene(t);
    const image = makeImage({ seed: 'asked together' });
    registry.push('team/app', image, 'v1');
    for (const kind of ['manifest', 'blob'] as const) {
      const gate = registry.hold({ kind, repository: 'team/app' });
      const ask = () =>
        kind === 'manifest'
          ? daemon.manifest('team/app', 'v1')
          : daemon.blob('team/app', image.config.digest, { method: 'HEAD' });
      const first = ask();
      await gate.reached;
      const second = ask();
      // By the time a later question has been to upstream and back, the second one waits too.
      assert.equal((await daemon.manifest(`team/no-${kind}`, 'v1')).status, 404);
      gate.open();
      assert.deepEqual(
        (await Promise.all([first, second])).map(({ status }) => status),
        [200, 200],
      );
      assert.equal(registry.count({ kind, repository: 'team/app' }), 1);
    }
    assert.deepEqual(
      await total(daemon),
      counted(
        {
          misses: 1,
          collapsed: 1,
          bytesServed: 2 * image.size,
          bytesFromUpstream: image.size,
          upstreamGets: 1,
          savedGets: 1,
        },
        { misses: 1, collapsed: 1 },
      ),
    );
  });

  it('count a range far ahead of its download as bypassed, and its bytes from upstream apart from the download', async (t) => {
    const { registry, daemon } = await scene(t);
    const image = makeImage({ seed: 'ahead', layers: [20 * MiB] });
    const digest = image.layers[0]!.digest;
    registry.push('team/app', image, 'v1');
    const gate = registry.hold({ kind: 'blob', method: 'GET', at: 2 * MiB, times: 1 });
    const whole = await daemon.openBlob('team/app', digest);
    await gate.reached;
    const ahead = await daemon.blob('team/app', digest, { range: `bytes=${19 * MiB}-${19 * MiB + 999}` });
    assert.equal(ahead.body.length, 1000);
    gate.open();
    assert.equal((await whole.rest()).length, 20 * MiB);
    assert.deepEqual(
      await total(daemon),
      counted(
        {},
        {
          misses: 1,
          bypassed: 1,
          bytesServed: 20 * MiB + 1000,
          bytesFromUpstream: 20 * MiB + 1000,
          upstreamGets: 2,
        },
      ),
    );
  });

  it('count what came again after a download broke', async (t) => {
    const { registry, daemon } = await scene(t);
    const image = makeImage({ seed: 'broken', layers: [3 * MiB] });
    const digest = image.layers[0]!.digest;
    registry.push('team/app', image, 'v1');
    registry.fail({ kind: 'blob', times: 1, at: 2 * MiB }, { drop: 'rst' });
    assert.equal((await daemon.blob('team/app', digest)).body.length, 3 * MiB);
    const { blobs } = await total(daemon);
    assert.equal(blobs.upstreamGets, 2);
    assert.equal(blobs.misses, 1);
    assert.equal(blobs.bytesServed, 3 * MiB);
    assert.equal(blobs.bytesFromUpstream, 3 * MiB, 'it was resumed where it broke');
  });

  it('count revalidated and stale tags as saved, and a moved one as a miss', async (t) => {
    const { registry, daemon } = await scene(t, { tagTtl: '0s', staleIfError: '1h' });
    const [old, fresh] = [makeImage({ seed: 'old' }), makeImage({ seed: 'fresh' })];
    registry.push('team/app', old, 'v1');
    const pull = async () => (await daemon.manifest('team/app', 'v1')).status;
    assert.equal(await pull(), 200);
    assert.equal(await pull(), 200);
    registry.push('team/app', fresh, 'v1');
    assert.equal(await pull(), 200);
    await registry.down();
    assert.equal(await pull(), 200);
    assert.deepEqual(
      await total(daemon),
      counted({
        misses: 2,
        revalidated: 1,
        stale: 1,
        bytesServed: 2 * old.size + 2 * fresh.size,
        bytesFromUpstream: old.size + fresh.size,
        upstreamGets: 2,
        savedGets: 2,
      }),
    );
  });

  it('have no row for a repository that never resolved, and log the bytes of bodies alone', async (t) => {
    const { registry, daemon } = await scene(t);
    const image = makeImage({ seed: 'logged' });
    registry.push('team/app', image, 'v1');
    await daemon.manifest('secret/unknown', 'v1');
    await daemon.blob('secret/unknown', image.config.digest);
    assert.deepEqual((await daemon.statistics.query({ by: 'repository' })).groups, []);
    await daemon.manifest('team/app', 'v1');
    const [line = '{}'] = daemon.logged('"msg":"request"', '"repository":"team/app"');
    assert.equal((JSON.parse(line) as { bytes: number }).bytes, image.size);
    const head = await daemon.manifest('team/app', 'v1', { method: 'HEAD' });
    assert.equal(head.status, 200);
    const [, second = '{}'] = daemon.logged('"msg":"request"', '"repository":"team/app"');
    assert.equal((JSON.parse(second) as { bytes: number }).bytes, 0);
  });

  it('count a client that leaves with what it was sent', async (t) => {
    const { registry, daemon } = await scene(t);
    const image = makeImage({ seed: 'left', layers: [3 * MiB] });
    registry.push('team/app', image, 'v1');
    const gate = registry.hold({ kind: 'blob', at: 'middle' });
    const reader = await daemon.openBlob('team/app', image.layers[0]!.digest);
    const got = (await reader.read(MiB)).length;
    reader.abort();
    gate.open();
    await daemon.stored(image.layers[0]!.digest);
    const { blobs } = await total(daemon);
    assert.equal(blobs.misses, 1);
    assert.ok(blobs.bytesServed >= got && blobs.bytesServed < 3 * MiB, `${blobs.bytesServed} bytes`);
    assert.equal(blobs.bytesFromUpstream, 3 * MiB, 'the download went on, for whom it was begun');
  });
});
