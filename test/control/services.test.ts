/** Garbage collection, statistics, contents and upstreams: what callers are told of what the parts know. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contents, garbageCollection, statistics, upstreams } from '../../src/cli/client.js';
import type {
  ExplainTarget,
  ImageArchive,
  ImportedImage,
  StoredImage,
  VerifyTarget,
} from '../../src/cache/contents/contents.js';
import type { CollectionCounts, CollectionEvent, CollectionReport } from '../../src/cache/collect/collection.js';
import type { Counts, StatisticsQuery } from '../../src/cache/statistics/statistics.js';
import { REASONS } from '../../src/cache/outcome.js';
import { AppError } from '../../src/lib/errors.js';
import { formatImageReference, type ImageReference } from '../../src/oci/reference.js';
import { eventually } from '../support/eventually.js';
import { all, control, digest, explained, failure } from './support.js';

const counts: CollectionCounts = {
  scannedBlobs: 10,
  reachableBlobs: 6,
  sweptBlobs: 3,
  sweptBytes: 300,
  keptByGrace: 1,
  leftoverFiles: 2,
  leftoverBytes: 20,
};
const report: CollectionReport = {
  ...counts,
  dryRun: true,
  trigger: 'request',
  startedAt: 1000,
  durationMs: 12,
  images: 1,
};

async function* from<T>(...items: T[]): AsyncGenerator<T> {
  await Promise.resolve();
  yield* items;
}

describe('garbage collection', () => {
  it('streams progress, images with their reason, and the report', async (t) => {
    const events: CollectionEvent[] = [
      { kind: 'progress', phase: 'plan', counts },
      { kind: 'images', images: [{ reference: 'a/b:1', digest: digest('a'), reason: 'evicted', bytes: 5 }] },
      { kind: 'report', report },
    ];
    let dry: boolean | undefined;
    const { client } = await control(t, {
      collector: {
        run: (options) => {
          dry = options.dryRun;
          return from(...events);
        },
      },
    });
    const told = await all(client().follow(garbageCollection.CollectGarbage, { dryRun: true }));
    assert.equal(dry, true);
    assert.deepEqual(
      told.map(({ event }) => event),
      ['progress', 'images', 'report'],
    );
    assert.equal(told[1]?.images?.images[0]?.reason, 'COLLECTION_REASON_EVICTED');
    assert.equal(told[1].images.images[0].lastPulledAt, null);
    assert.deepEqual(told[2]?.report?.counts, counts);
    assert.deepEqual(told[2].report.startedAt, { seconds: 1, nanos: 0 });
  });

  it('tells progress five times a second at most, and loses nothing else', async (t) => {
    const flood = Array.from({ length: 1000 }, (): CollectionEvent => ({ kind: 'progress', phase: 'sweep', counts }));
    const named: CollectionEvent[] = Array.from({ length: 20 }, (_, i) => ({
      kind: 'images',
      images: [{ reference: `a/b:${i}`, digest: digest('a'), reason: 'expired', bytes: 0 }],
    }));
    const events: CollectionEvent[] = [...flood, ...named, { kind: 'report', report }];
    const { client } = await control(t, { collector: { run: () => from(...events) } });
    const told = await all(client().follow(garbageCollection.CollectGarbage, {}));
    assert.ok(told.filter(({ event }) => event === 'progress').length < 100);
    assert.equal(told.filter(({ event }) => event === 'images').length, 20);
    assert.equal(told.at(-1)?.event, 'report');
  });

  it('that runs already is ABORTED', async (t) => {
    const { client } = await control(t, {
      collector: {
        run: () => {
          throw new AppError('ALREADY_RUNNING', 'a collection is running since 03:30');
        },
      },
    });
    const failed = await failure(all(client().follow(garbageCollection.CollectGarbage, {})));
    assert.deepEqual([failed.status, failed.code], ['ABORTED', 'ALREADY_RUNNING']);
  });

  it('tells of the last run and the next one', async (t) => {
    const { client } = await control(t, {
      collector: { state: () => Promise.resolve({ last: report, nextAt: 5000 }) },
    });
    const state = await client().ask(garbageCollection.GetCollectorState, {});
    assert.equal(state.running, null);
    assert.equal(state.last?.counts?.sweptBytes, 300);
    assert.deepEqual(state.nextAt, { seconds: 5, nanos: 0 });
  });
});

const zero: Counts = {
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

describe('statistics', () => {
  it('add up manifests and blobs, and give the ratios', async (t) => {
    const manifests = { ...zero, hits: 3, revalidated: 1, stale: 1, misses: 2, bytesServed: 70, bytesFromUpstream: 20 };
    const blobs = { ...zero, collapsed: 1, bypassed: 2, bytesServed: 30, bytesFromUpstream: 30, bytesPrefetched: 500 };
    const queries: StatisticsQuery[] = [];
    const { client } = await control(t, {
      statistics: {
        query: (query) => {
          queries.push(query);
          return Promise.resolve({ from: 0, to: 3_600_000, total: { manifests, blobs }, groups: [] });
        },
      },
    });
    const request = { since: { seconds: 7200 }, by: 'GROUPING_HOUR' as const, upstream: 'docker.io' };
    const { total } = await client().ask(statistics.GetStatistics, request);
    assert.deepEqual(queries, [
      { since: 7_200_000, until: undefined, upstream: 'docker.io', repository: undefined, by: 'hour' },
    ]);
    assert.equal(total?.all?.requests, 10);
    assert.equal(total.all.hitRatio, 0.6);
    assert.equal(total.all.byteHitRatio, 0.5);
    assert.equal(total.all.bytesPrefetched, 500);
    assert.deepEqual([total.manifests?.requests, total.blobs?.requests], [7, 3]);
    assert.equal(total.blobs?.byteHitRatio, 0);
  });

  it('of nothing are zero, not a division by it', async (t) => {
    const { client } = await control(t, {
      statistics: {
        query: () => Promise.resolve({ from: 0, to: 0, total: { manifests: zero, blobs: zero }, groups: [] }),
      },
    });
    const { total } = await client().ask(statistics.GetStatistics, {});
    assert.deepEqual([total?.all?.hitRatio, total?.all?.byteHitRatio], [0, 0]);
  });

  it('come group by group in pages', async (t) => {
    const groups = ['a', 'b', 'c'].map((key) => ({ key, manifests: zero, blobs: zero }));
    const { client } = await control(t, {
      statistics: {
        query: () => Promise.resolve({ from: 0, to: 0, total: { manifests: zero, blobs: zero }, groups }),
      },
    });
    const caller = client();
    const first = await caller.ask(statistics.GetStatistics, { by: 'GROUPING_UPSTREAM', pageSize: 2 });
    const pageToken = first.nextPageToken;
    const second = await caller.ask(statistics.GetStatistics, { by: 'GROUPING_UPSTREAM', pageSize: 2, pageToken });
    assert.deepEqual(
      [...first.groups, '|', ...second.groups].map((group) => (typeof group === 'string' ? group : group.key)),
      ['a', 'b', '|', 'c'],
    );
    assert.equal(second.nextPageToken, '');
  });

  it('until before since is refused', async (t) => {
    const { client } = await control(t);
    const request = { since: { seconds: 10 }, until: { seconds: 10 } };
    assert.equal((await failure(client().ask(statistics.GetStatistics, request))).field, 'until');
  });
});

const stored: StoredImage = {
  upstream: 'docker.io',
  repository: 'library/node',
  tag: '22',
  digest: digest('a'),
  mediaType: 'x/y',
  platforms: ['linux/amd64'],
  size: 2 ** 40,
  fetchedAt: 1000,
  pulls: 3,
  pinned: true,
};

describe('contents', () => {
  it('lists images, with what is absent left out', async (t) => {
    const untagged = { ...stored, tag: undefined, lastPulledAt: 1500 };
    const { client } = await control(t, { contents: { list: () => Promise.resolve({ items: [stored, untagged] }) } });
    const { images } = await client().ask(contents.ListImages, {});
    assert.deepEqual([images[0]?.tag, images[0]?.lastPulledAt, images[0]?.size], ['22', null, 2 ** 40]);
    assert.deepEqual([images[1]?.tag, images[1]?.lastPulledAt], [undefined, { seconds: 1, nanos: 500_000_000 }]);
  });

  it('pins and evicts what a short name means', async (t) => {
    const named: string[] = [];
    const note = (image: ImageReference) => void named.push(formatImageReference(image));
    const evicted = { digest: digest('a'), blobs: 2, bytes: 20, keptBlobs: 1, keptBytes: 10 };
    const { client } = await control(t, {
      contents: {
        pin: (image) => (note(image), Promise.resolve(stored)),
        evict: (image) => (note(image), Promise.resolve(evicted)),
      },
    });
    assert.equal((await client().ask(contents.PinImage, { image: 'node' })).image?.pinned, true);
    assert.deepEqual(await client().ask(contents.EvictImage, { image: 'ghcr.io/a/b@' + digest('a') }), evicted);
    assert.deepEqual(named, ['docker.io/library/node:latest', `ghcr.io/a/b@${digest('a')}`]);
  });

  it('explains an image, or a blob in whatever repository', async (t) => {
    const targets: ExplainTarget[] = [];
    const { client } = await control(t, {
      contents: { explain: (target) => (targets.push(target), Promise.resolve(explained)) },
    });
    const caller = client();
    const told = await caller.ask(contents.Explain, { image: 'node' });
    assert.deepEqual([told.presence, told.keepers[0]?.kind], ['PRESENCE_HERE', 'KEEPER_KIND_TAG']);
    assert.deepEqual([told.missing[0]?.why, told.links[0]?.until], ['MISSING_REASON_ABSENT', null]);
    assert.deepEqual([told.tag?.freshUntil, told.tag?.servedUntil], [{ seconds: 2, nanos: 0 }, null]);
    const [asked, hit] = told.asked;
    assert.deepEqual(
      [asked?.outcome, asked?.reason, asked?.meaning],
      ['revalidated', 'tag-expired', REASONS['tag-expired']],
    );
    assert.deepEqual([hit?.reason, hit?.meaning], ['', '']);
    await caller.ask(contents.Explain, { digest: digest('a') });
    assert.deepEqual(
      targets.map(({ kind }) => kind),
      ['image', 'blob'],
    );
    for (const request of [{}, { image: '' }, { digest: 'sha256:12' }])
      assert.equal((await failure(caller.ask(contents.Explain, request))).status, 'INVALID_ARGUMENT');
  });

  it('verifies everything, an image, or a blob', async (t) => {
    const targets: [VerifyTarget, number | undefined][] = [];
    const { client } = await control(t, {
      contents: {
        verify: (target, rate) => {
          targets.push([target, rate]);
          return from(
            { kind: 'corrupt' as const, blob: { digest: digest('b'), action: 'refetched' as const } },
            { kind: 'done' as const, counts: { checked: 2, bytes: 20 }, durationMs: 1.4 },
          );
        },
      },
    });
    const caller = client();
    const [bad, done] = await all(caller.follow(contents.Verify, {}));
    await all(caller.follow(contents.Verify, { image: 'node', rate: 5 }));
    await all(caller.follow(contents.Verify, { digest: digest('a') }));
    assert.equal(bad?.corrupt?.action, 'CORRUPT_ACTION_REFETCHED');
    assert.deepEqual(done?.report, { checked: 2, bytes: 20, durationMs: 1 });
    assert.deepEqual(
      targets.map(([{ kind }, rate]) => [kind, rate]),
      [
        ['all', undefined],
        ['image', 5],
        ['blob', undefined],
      ],
    );
    const failed = await failure(all(caller.follow(contents.Verify, { digest: 'sha256:12' })));
    assert.deepEqual([failed.status, failed.field], ['INVALID_ARGUMENT', 'digest']);
  });

  const bytes = Buffer.alloc(700_000, 'archive');

  it('exports byte for byte, in pieces that every client takes', async (t) => {
    const archive: ImageArchive = { bytes: bytes.length, chunks: from(bytes.subarray(0, 1), bytes.subarray(1)) };
    const { client } = await control(t, { contents: { export: () => Promise.resolve(archive) } });
    const told = await all(client().follow(contents.ExportImages, { images: ['node'] }));
    assert.equal(told[0]?.totalBytes, bytes.length);
    assert.ok(told.every(({ chunk }) => chunk.length <= 256 * 1024));
    assert.deepEqual(Buffer.concat(told.map(({ chunk }) => chunk)), bytes);
  });

  it('an export that fails in the middle is no export', async (t) => {
    const broken = async function* () {
      yield* from(bytes);
      throw new AppError('BLOB_CORRUPT', 'a stored blob is bad', { about: digest('a') });
    };
    const { client } = await control(t, {
      contents: { export: () => Promise.resolve({ bytes: 1_000_000, chunks: broken() }) },
    });
    const failed = await failure(all(client().follow(contents.ExportImages, { images: ['node'] })));
    assert.deepEqual([failed.status, failed.about], ['DATA_LOSS', digest('a')]);
  });

  const imported: ImportedImage = { reference: 'a/b:1', digest: digest('a'), blobs: 3, bytesAdded: 5, bytesReused: 6 };

  async function* upload(image: string, chunks: readonly Buffer[]): AsyncGenerator<{ image?: string; chunk?: Buffer }> {
    await Promise.resolve();
    yield { image };
    yield* chunks.map((chunk) => ({ chunk }));
  }

  it('imports byte for byte, under the name that was given', async (t) => {
    let got: { data: Buffer; as: ImageReference | undefined } | undefined;
    const { client } = await control(t, {
      contents: {
        import: async (archive, as) => {
          got = { data: Buffer.concat(await all(archive)), as };
          return [imported];
        },
      },
    });
    const messages = upload('a.io/b:1', [bytes, bytes]);
    assert.deepEqual(await client().upload(contents.ImportImages, messages), { images: [imported] });
    assert.deepEqual(got?.data, Buffer.concat([bytes, bytes]));
    assert.equal(got.as && formatImageReference(got.as), 'a.io/b:1');
  });

  it('an import that is refused early is answered, though more would come', async (t) => {
    const { client } = await control(t, {
      contents: {
        import: async (archive) => {
          for await (const chunk of archive) {
            assert.ok(chunk.length > 0);
            throw new AppError('ARCHIVE_INVALID', 'this is no archive');
          }
          return [];
        },
      },
    });
    let sent = 0;
    const endless = async function* () {
      for (;;) {
        await Promise.resolve();
        sent++;
        yield { chunk: bytes };
      }
    };
    const failed = await failure(client().upload(contents.ImportImages, endless()));
    assert.deepEqual([failed.status, failed.code], ['INVALID_ARGUMENT', 'ARCHIVE_INVALID']);
    assert.ok(sent < 1000);
  });

  it('an import of nothing is refused', async (t) => {
    const { client } = await control(t);
    assert.equal((await failure(client().upload(contents.ImportImages, from()))).status, 'INVALID_ARGUMENT');
  });

  it('an upload of which the reader fails ends the call', async (t) => {
    let [begun, reason] = [false, undefined as unknown];
    const { client } = await control(t, {
      contents: {
        import: async (archive, _, signal) => {
          begun = true;
          signal.addEventListener('abort', () => void (reason = signal.reason));
          await all(archive);
          return [];
        },
      },
    });
    const torn = async function* () {
      yield* from({ chunk: bytes });
      await eventually(() => begun, 'the import began');
      throw new Error('the disk is gone');
    };
    await assert.rejects(client().upload(contents.ImportImages, torn()), /the disk is gone/);
    await eventually(() => reason instanceof AppError && reason.code === 'CANCELLED', 'the import was aborted');
  });
});

describe('upstreams', () => {
  it('tell their state and what their rate limit leaves', async (t) => {
    const state = {
      name: 'docker.io',
      url: 'https://registry-1.docker.io',
      aliases: ['hub'],
      default: true,
      credentialed: false,
      activeBodies: 1,
      maxBodies: 16,
      waitingBodies: 0,
    };
    const rateLimit = { limit: 100, remaining: 0, window: 21600, seenAt: 1000, resetsAt: 3000 };
    const credential = { about: 'user alice', until: 5000, failure: 'refused' };
    const listed = { ...state, breaker: 'half-open', rateLimit, credential, heldBackUntil: 5000 } as const;
    const { client } = await control(t, {
      upstreams: { list: () => Promise.resolve([listed]) },
    });
    const { upstreams: told } = await client().ask(upstreams.ListUpstreams, {});
    assert.equal(told[0]?.breaker, 'BREAKER_STATE_HALF_OPEN');
    assert.equal(told[0].rateLimit?.remaining, 0);
    assert.equal(told[0].rateLimit.windowSeconds, 21600);
    assert.deepEqual([told[0].credential?.about, told[0].credential?.failure], ['user alice', 'refused']);
    assert.equal(told[0].credential?.validUntil?.seconds, 5);
    assert.equal(told[0].rateLimit.resetsAt?.seconds, 3);
    assert.equal(told[0].heldBackUntil?.seconds, 5);
    assert.deepEqual(told[0].aliases, ['hub']);
  });

  it('are diagnosed finding by finding', async (t) => {
    let named: readonly string[] = [];
    const { client } = await control(t, {
      upstreams: {
        diagnose: (names) => {
          named = names;
          return from(
            { part: 'disk' as const, check: 'space', result: 'ok' as const, message: '5 GiB free' },
            {
              part: 'upstream' as const,
              upstream: 'x',
              check: 'auth',
              result: 'failed' as const,
              message: 'm',
              advice: 'a',
            },
          );
        },
      },
    });
    const told = await all(client().follow(upstreams.Diagnose, { upstreams: ['x'] }));
    assert.deepEqual(named, ['x']);
    assert.deepEqual(
      told.map(({ part, result, advice }) => [part, result, advice]),
      [
        ['DIAGNOSED_PART_DISK', 'DIAGNOSIS_RESULT_OK', ''],
        ['DIAGNOSED_PART_UPSTREAM', 'DIAGNOSIS_RESULT_FAILED', 'a'],
      ],
    );
  });
});
