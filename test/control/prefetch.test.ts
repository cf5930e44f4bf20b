/** The prefetch service: what it asks of the part that runs jobs, and what callers are told of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prefetches as methods } from '../../src/cli/client.js';
import type { CreatePrefetchJobRequest } from '../../src/control/gen/cistern/v1/CreatePrefetchJobRequest.js';
import type { ListPrefetchJobsRequest } from '../../src/control/gen/cistern/v1/ListPrefetchJobsRequest.js';
import type { PrefetchJob, PrefetchSpec } from '../../src/cache/prefetch/prefetch.js';
import { AppError } from '../../src/lib/errors.js';
import { formatImagePattern } from '../../src/oci/image-pattern.js';
import { eventually } from '../support/eventually.js';
import { all, control, digest, failure, image, job } from './support.js';

const images = ['node:22'];

/** A job that moves when the test says so; a watcher is given the newest state, as the contract has it. */
function movingJob(first: PrefetchJob) {
  let [current, version] = [first, 0];
  let wake: () => void = () => undefined;
  const seen = { watchers: 0, left: 0 };
  return {
    seen,
    move: (next: PrefetchJob) => {
      current = next;
      version++;
      wake();
    },
    watch: async function* (signal: AbortSignal) {
      seen.watchers++;
      try {
        for (let told = -1; ;) {
          if (told === version) {
            await new Promise<void>((resolve, reject) => {
              wake = resolve;
              signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
            });
          }
          told = version;
          const now = current;
          yield now;
          if (now.state !== 'queued' && now.state !== 'running') return;
        }
      } finally {
        seen.left++;
      }
    },
  };
}

describe('creating a job', () => {
  it('gives the spec with full references, and the request id', async (t) => {
    const made: [PrefetchSpec, string | undefined][] = [];
    const { client } = await control(t, {
      prefetches: {
        create: (spec, requestId) => {
          made.push([spec, requestId]);
          return Promise.resolve(job({ spec }));
        },
      },
    });
    const spec = { images: ['node:22', 'ghcr.io/a/b:v1*'], platforms: ['linux/arm64/v8'], signatures: true };
    const { job: created } = await client().ask(methods.CreatePrefetchJob, { spec, requestId: 'again' });
    const [given, id] = made[0]!;
    assert.equal(id, 'again');
    assert.deepEqual(given.images.map(formatImagePattern), ['docker.io/library/node:22', 'ghcr.io/a/b:v1*']);
    assert.deepEqual(given.platforms, { platforms: ['linux/arm64/v8'], all: false });
    assert.deepEqual([given.signatures, given.referrers, given.attestations], [true, false, false]);
    assert.deepEqual(created?.spec?.images, ['docker.io/library/node:22', 'ghcr.io/a/b:v1*']);
    assert.equal(created.state, 'JOB_STATE_QUEUED');
    assert.deepEqual(created.createdAt, { seconds: Date.UTC(2026, 0, 1) / 1000, nanos: 0 });
  });

  const refused: readonly (readonly [what: string, request: CreatePrefetchJobRequest, field: string])[] = [
    ['no spec', {}, 'spec'],
    ['no image', { spec: {} }, 'spec.images'],
    ['an empty image', { spec: { images: ['node', ''] } }, 'spec.images[1]'],
    ['a malformed reference', { spec: { images: ['node', 'no de'] } }, 'spec.images[1]'],
    ['a bad digest', { spec: { images: ['node@sha256:12'] } }, 'spec.images[0]'],
    ['a bad pattern', { spec: { images: ['node:22*\u0000'] } }, 'spec.images[0]'],
    ['a pattern of repositories', { spec: { images: ['docker.io/library/*'] } }, 'spec.images[0]'],
    ['too many images', { spec: { images: Array<string>(1001).fill('node') } }, 'spec.images'],
    ['a platform that is none', { spec: { images, platforms: ['linux'] } }, 'spec.platforms[0]'],
    ['all platforms and one', { spec: { images, platforms: ['linux/amd64'], allPlatforms: true } }, 'spec.platforms'],
    ['a request id that is too long', { spec: { images }, requestId: 'x'.repeat(65) }, 'request_id'],
  ];
  for (const [what, request, field] of refused) {
    it(`with ${what} is an invalid argument, and says which field`, async (t) => {
      const { client } = await control(t);
      const failed = await failure(client().ask(methods.CreatePrefetchJob, request));
      assert.deepEqual([failed.status, failed.field], ['INVALID_ARGUMENT', field]);
    });
  }

  it('with a request id that another job has already exists', async (t) => {
    const error = new AppError('REQUEST_ID_REUSED', 'that request id made job-1, of other images', { about: 'job-1' });
    const { client } = await control(t, { prefetches: { create: () => Promise.reject(error) } });
    const failed = await failure(client().ask(methods.CreatePrefetchJob, { spec: { images } }));
    assert.deepEqual([failed.status, failed.code, failed.about], ['ALREADY_EXISTS', 'REQUEST_ID_REUSED', 'job-1']);
  });
});

describe('a job that is not there', () => {
  for (const method of [methods.GetPrefetchJob, methods.CancelPrefetchJob] as const) {
    it(`is not found by ${method.path.split('/')[2] ?? ''}`, async (t) => {
      const none = () => Promise.resolve(undefined);
      const { client } = await control(t, { prefetches: { get: none, cancel: none } });
      const failed = await failure(client().ask(method, { id: 'nope' }));
      assert.deepEqual([failed.status, failed.code, failed.about], ['NOT_FOUND', 'JOB_UNKNOWN', 'nope']);
    });
  }

  it('is not found by WatchPrefetchJob', async (t) => {
    const { client } = await control(t, { prefetches: { watch: () => Promise.resolve(undefined) } });
    assert.equal((await failure(all(client().follow(methods.WatchPrefetchJob, { id: 'nope' })))).status, 'NOT_FOUND');
  });
});

describe('listing jobs', () => {
  it('goes from page to page by tokens, in the states that were asked for', async (t) => {
    const asked: unknown[] = [];
    const { client } = await control(t, {
      prefetches: {
        list: (states, page) => {
          asked.push([states, page]);
          return Promise.resolve({ items: [job()], ...(page.after === undefined && { next: 'after job-1' }) });
        },
      },
    });
    const caller = client();
    const states = ['JOB_STATE_RUNNING' as const];
    const first = await caller.ask(methods.ListPrefetchJobs, { states, pageSize: 5000 });
    const second = await caller.ask(methods.ListPrefetchJobs, { states, pageToken: first.nextPageToken });
    assert.equal(second.nextPageToken, '');
    assert.deepEqual(asked, [
      [['running'], { size: 1000, after: undefined }],
      [['running'], { size: 100, after: 'after job-1' }],
    ]);
  });

  const refused: readonly (readonly [field: string, request: ListPrefetchJobsRequest])[] = [
    ['page_size', { pageSize: -1 }],
    ['page_token', { pageToken: 'not base64url!' }],
    ['page_token', { pageToken: 'A'.repeat(4000) }],
    ['states[0]', { states: ['JOB_STATE_REUSED'] }],
  ];
  for (const [field, request] of refused) {
    it(`refuses a bad ${field}`, async (t) => {
      const { client } = await control(t);
      const failed = await failure(client().ask(methods.ListPrefetchJobs, request));
      assert.deepEqual([failed.status, failed.field], ['INVALID_ARGUMENT', field]);
    });
  }
});

describe('watching a job', () => {
  const [a, b] = [image('a', { state: 'running' }), image('b')];

  it('tells everything first, then what changed, and ends with the job', async (t) => {
    const moving = movingJob(job({ state: 'running', images: [a, b] }));
    const { client } = await control(t, {
      prefetches: { watch: (_, signal) => Promise.resolve(moving.watch(signal)) },
    });
    const watched = client().follow(methods.WatchPrefetchJob, { id: 'job-1' });
    const seen: string[][] = [];
    for await (const { job: now, more } of watched) {
      seen.push(now!.images.map(({ index, state }) => `${index} ${state}`));
      assert.equal(more, false);
      if (seen.length === 1) moving.move(job({ state: 'running', images: [a, { ...b, state: 'running' }] }));
      if (seen.length === 2) {
        const done = { state: 'succeeded', digest: digest('d'), bytesFetched: 12 } as const;
        moving.move(
          job({
            state: 'succeeded',
            images: [
              { ...a, ...done },
              { ...b, ...done },
            ],
          }),
        );
      }
    }
    assert.deepEqual(seen, [
      ['0 JOB_STATE_RUNNING', '1 JOB_STATE_QUEUED'],
      ['1 JOB_STATE_RUNNING'],
      ['0 JOB_STATE_SUCCEEDED', '1 JOB_STATE_SUCCEEDED'],
    ]);
  });

  it('sends a job that is too big for one message in parts', async (t) => {
    const layers = Array.from({ length: 900 }, () => ({
      digest: digest('c'),
      size: 9,
      received: 9,
      state: 'reused' as const,
    }));
    const big = Array.from({ length: 5 }, (_, i) => image(`image-${i}`, { state: 'succeeded', layers }));
    const { client } = await control(t, {
      prefetches: {
        watch: (_, signal) => Promise.resolve(movingJob(job({ state: 'succeeded', images: big })).watch(signal)),
      },
    });
    const parts = await all(client().follow(methods.WatchPrefetchJob, { id: 'job-1' }));
    assert.deepEqual(
      parts.map(({ job: part, more }) => [part!.images.map(({ index }) => index), more]),
      [
        [[0, 1], true],
        [[2, 3], true],
        [[4], false],
      ],
    );
    assert.equal(parts[0]!.job!.images[0]!.layers[899]!.state, 'JOB_STATE_REUSED');
  });

  it('a watcher that does not read is not written to without end, and holds up nobody', async (t) => {
    const blob = { digest: digest('c'), size: 9, received: 0, state: 'running' as const };
    let produced = 0;
    const flood = async function* (signal: AbortSignal) {
      for (;;) {
        await Promise.resolve();
        signal.throwIfAborted();
        produced++;
        // Ended, so that nothing is waited for between two of them.
        yield job({ state: 'succeeded', images: [image('a', { layers: Array<typeof blob>(1000).fill(blob) })] });
      }
    };
    const { client, server } = await control(t, {
      prefetches: { watch: (_, signal) => Promise.resolve(flood(signal)) },
    });
    const watched = client().follow(methods.WatchPrefetchJob, { id: 'job-1' })[Symbol.asyncIterator]();
    await watched.next();
    let before = -1;
    // Until back-pressure has stopped it.
    await eventually(() => {
      const stopped = produced === before;
      before = produced;
      return stopped;
    }, 'the stream stands still');
    assert.ok(produced < 1000, `${produced} messages of 100 kB were made for nobody`);
    await server.close(AbortSignal.abort());
    await assert.rejects(async () => {
      for (;;) if ((await watched.next()).done === true) return;
    });
  });

  it('ends when its caller leaves', async (t) => {
    const moving = movingJob(job({ state: 'running', images: [a] }));
    const { client } = await control(t, {
      prefetches: { watch: (_, signal) => Promise.resolve(moving.watch(signal)) },
    });
    for await (const message of client().follow(methods.WatchPrefetchJob, { id: 'job-1' })) {
      assert.equal(message.job?.id, 'job-1');
      break;
    }
    await eventually(() => moving.seen.left === moving.seen.watchers, 'the watcher left');
  });

  it('says by which upstream it is held back, and until when', async (t) => {
    const heldBack = { upstream: 'docker.io', limit: 100, remaining: 3, until: Date.UTC(2026, 0, 1, 12) };
    const { client } = await control(t, {
      prefetches: { get: () => Promise.resolve(job({ state: 'running', heldBack })) },
    });
    const { job: now } = await client().ask(methods.GetPrefetchJob, { id: 'job-1' });
    assert.deepEqual(now?.heldBack, { ...heldBack, until: { seconds: heldBack.until / 1000, nanos: 0 } });
  });
});

describe('planning and checking', () => {
  it('a plan adds up what is missing', async (t) => {
    const planned = { reference: 'a', digest: digest('a'), platforms: ['linux/amd64'], blobs: 3, bytesTotal: 100 };
    const { client } = await control(t, {
      prefetches: {
        plan: () =>
          Promise.resolve([
            { ...planned, bytesMissing: 60 },
            { ...planned, reference: 'b', bytesMissing: 5 },
          ]),
      },
    });
    const plan = await client().ask(methods.PlanPrefetch, { spec: { images } });
    assert.equal(plan.bytesMissing, 65);
    assert.deepEqual(plan.images[1], { ...planned, reference: 'b', bytesMissing: 5 });
  });

  it('an image that is not whole offline says what is missing and why', async (t) => {
    const { client } = await control(t, {
      prefetches: {
        offline: () =>
          Promise.resolve({
            reference: 'docker.io/library/node:22',
            digest: digest('a'),
            platforms: ['linux/amd64'],
            whole: false,
            missing: [
              { digest: digest('b'), size: 10, mediaType: 'x/y', why: 'absent' },
              { digest: digest('c'), mediaType: 'x/z', why: 'unlinked' },
            ],
          }),
      },
    });
    const report = await client().ask(methods.CheckOffline, { image: 'node:22' });
    assert.deepEqual([report.whole, report.bytesMissing], [false, 10]);
    assert.deepEqual(
      report.missing.map(({ size, why }) => [size, why]),
      [
        [10, 'MISSING_REASON_ABSENT'],
        [undefined, 'MISSING_REASON_UNLINKED'],
      ],
    );
  });
});
