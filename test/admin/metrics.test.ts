/** What a scrape tells is what happened: each number, in a daemon in which just that took place. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Metrics } from '../../src/admin/metrics.js';
import { RequestTally } from '../../src/upstream/request-tally.js';
import { makeAuthority, skipWithoutOpenssl } from '../support/certificates.js';
import { startTestDaemon, type TestDaemon, type TestDaemonOptions } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeRegistry, type Gate } from '../support/fake-registry.js';
import { get, open } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { BEGINNING } from '../support/metrics.js';
import { temporaryDirectory } from '../support/tmp.js';

const UP = 'upstream="up.test"';
const EVERY_SECOND = '* * * * * *';
const LARGE = 3 * 1024 * 1024;

async function scene(
  t: TestContext,
  options: Omit<TestDaemonOptions, 'upstreams'> = {},
  prepare: (registry: FakeRegistry) => void = () => undefined,
) {
  const registry = await FakeRegistry.start(t);
  prepare(registry);
  const image = makeImage({ seed: 'metrics', layers: [LARGE] });
  registry.push('team/app', image, 'v1');
  const daemon = await startTestDaemon(t, { ...options, upstreams: [{ name: 'up.test', url: registry.url }] });
  await eventually(() => daemon.logged('index rebuilt').length > 0, 'the index is ready');
  const layer = image.blobs.find(({ size }) => size === LARGE)!;
  return { registry, daemon, image, layer, ...scraped(daemon) };
}

/** The value of one sample, by name and labels. */
function scraped(daemon: Pick<TestDaemon, 'adminUrl'>) {
  const sample = async (name: string): Promise<number | undefined> =>
    valueIn((await get(`${daemon.adminUrl}/metrics`)).body.toString(), name);
  const shows = (name: string, value: number) =>
    eventually(async () => (await sample(name)) === value, `${name} is ${value}`);
  return { sample, shows };
}

function valueIn(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

describe('a scrape', () => {
  it('tells how long upstream took, and why it failed', async (t) => {
    const { registry, daemon, layer, sample } = await scene(t);
    registry.fail({ kind: 'manifest', reference: 'ill' }, { status: 500 });
    registry.fail({ kind: 'manifest', reference: 'much' }, { status: 429 });
    registry.fail({ kind: 'blob', times: 1, at: 'middle' }, { drop: 'rst' });
    for (const reference of ['v1', 'ill', 'much']) await daemon.manifest('team/app', reference);
    const asked = registry.requests.length;
    const errors = (reason: string) => sample(`cistern_upstream_errors_total{${UP},reason="${reason}"}`);
    const count = (lane: string) => sample(`cistern_upstream_response_seconds_count{${UP},lane="${lane}"}`);
    assert.equal(await errors('UPSTREAM_UNAVAILABLE'), registry.count({ status: 500 }));
    assert.equal(await errors('UPSTREAM_RATE_LIMITED'), registry.count({ status: 429 }));
    assert.equal(await errors('UPSTREAM_TIMEOUT'), 0);
    assert.equal(await count('metadata'), asked);
    assert.equal(await count('body'), 0);
    assert.equal(await sample(`cistern_upstream_held_back{${UP}}`), 1);

    assert.equal((await daemon.blob('team/app', layer.digest)).complete, true);
    assert.equal(await errors('UPSTREAM_UNREACHABLE'), 1);
    assert.equal(await count('body'), 2);
    await registry.down();
    await get(`${daemon.url}/v2/team/app/tags/list?ns=up.test`);
    assert.equal(await errors('UPSTREAM_UNREACHABLE'), 2);
  });

  it('tells of fills, of who waits for them, and of what was served how', async (t) => {
    const { registry, daemon, layer, sample, shows } = await scene(t);
    const gate = registry.hold({ kind: 'blob', at: 'middle' });
    const readers = [await daemon.openBlob('team/app', layer.digest), await daemon.openBlob('team/app', layer.digest)];
    await shows('cistern_flights', 1);
    assert.equal(await sample('cistern_followers{class="live"}'), 2);
    assert.equal(await sample('cistern_followers{class="prefetch"}'), 0);
    gate.open();
    for (const reader of readers) await reader.rest();
    await daemon.stored(layer.digest);
    const served = (outcome: string) => `cistern_served_bytes_total{${UP},kind="blob",outcome="${outcome}"}`;
    await shows(served('collapsed'), LARGE);
    assert.equal(await sample(served('miss')), LARGE);
    assert.equal(await sample(served('hit')), 0);
    await shows('cistern_followers{class="live"}', 0);
    assert.equal(await sample('cistern_flights'), 0);
  });

  it('tells of streams past the store, and of a disk without room', async (t) => {
    const { registry, daemon, layer, sample, shows } = await scene(t, { storage: { minFree: '4000TiB' } });
    const gate = registry.hold({ kind: 'blob', at: 'middle' });
    const reader = await daemon.openBlob('team/app', layer.digest);
    await shows('cistern_pass_through_streams', 1);
    gate.open();
    await reader.rest();
    await shows('cistern_pass_through_streams', 0);
    await shows(`cistern_requests_total{${UP},kind="blob",outcome="bypassed"}`, 1);
    const free = (await sample('cistern_disk_free_bytes'))!;
    assert.ok(free > 0 && free < (await sample('cistern_storage_min_free_bytes'))!);
  });

  it('tells of errors to clients, and of wrong passwords', async (t) => {
    const htpasswdFile = join(await temporaryDirectory(t), 'htpasswd');
    await writeFile(htpasswdFile, 'ann:$2b$04$GZGLNqIu/JNwSMnEWnHXmOSsJCt7Z7yM8kQ5Or5J5ZQoqU5yxy5Lm\n');
    const { daemon, sample } = await scene(t, { registry: { auth: { type: 'basic', htpasswdFile } } });
    const authorization = `Basic ${Buffer.from('ann:wrong').toString('base64')}`;
    assert.equal((await daemon.manifest('team/app', 'v1')).status, 401);
    assert.equal((await daemon.manifest('team/app', 'v1', { headers: { authorization } })).status, 401);
    assert.equal(await sample('cistern_request_errors_total{reason="UNAUTHORIZED"}'), 2);
    assert.equal(await sample('cistern_failed_logins_total'), 1);
  });

  it('tells of a blob that turned out bad', async (t) => {
    const { daemon, image, sample } = await scene(t);
    const config = image.blobs.find(({ size }) => size < LARGE)!;
    await daemon.blob('team/app', config.digest);
    await daemon.stored(config.digest);
    assert.equal(await sample('cistern_corrupt_blobs_total'), 0);
    await daemon.stop();
    await writeFile(daemon.blobPath(config.digest), Buffer.alloc(config.size), { mode: 0o600 }).catch(() => undefined);
    await daemon.start();
    await daemon.blob('team/app', config.digest);
    assert.equal(await sample('cistern_corrupt_blobs_total'), 1);
    assert.equal(await sample('cistern_quarantined_bytes'), config.size);
  });

  it('tells of jobs while they run and when they have ended', async (t) => {
    const jobs = ['v1', 'none'].map((tag) => ({ schedule: EVERY_SECOND, images: [`up.test/team/app:${tag}`] }));
    let gate: Gate | undefined;
    const { sample } = await scene(t, { config: { prefetch: { jobs } } }, (registry) => {
      gate = registry.hold({ kind: 'blob' });
    });
    const ended = async (state: string) => (await sample(`cistern_prefetch_jobs_ended_total{state="${state}"}`)) ?? 0;
    await eventually(async () => ((await sample('cistern_followers{class="prefetch"}')) ?? 0) > 0, 'a job waits');
    assert.equal(await sample('cistern_followers{class="live"}'), 0);
    assert.ok(((await sample('cistern_prefetch_jobs{state="running"}')) ?? 0) >= 1);
    assert.equal(await ended('succeeded'), 0);
    gate?.open();
    await eventually(async () => (await ended('succeeded')) > 0 && (await ended('failed')) > 0, 'both ended');
  });

  it('tells of collections, scrubs and the store, also after a restart', async (t) => {
    const began = Date.now() / 1000;
    const { daemon, shows, sample, image } = await scene(t, {
      config: { gc: { schedule: EVERY_SECOND, gracePeriod: '1ms' }, scrub: { schedule: EVERY_SECOND } },
    });
    const isRecent = async (name: string) => ((await sample(name)) ?? 0) >= began;
    await daemon.manifest('team/app', 'v1');
    for (const { digest } of image.blobs) await daemon.blob('team/app', digest);
    const bytes = image.blobs.reduce((sum, { size }) => sum + size, image.size);
    await shows('cistern_stored_bytes', bytes);
    await eventually(() => isRecent('cistern_gc_last_success_timestamp_seconds'), 'a collection ended');
    await shows('cistern_scrub_last_checked_bytes', bytes);
    await eventually(() => isRecent('cistern_statistics_last_flush_timestamp_seconds'), 'a flush');
    for (const [name, value] of [
      ['cistern_gc_failures_total', 0],
      ['cistern_gc_last_freed_bytes', 0],
      ['cistern_scrub_last_corrupt_blobs', 0],
      ['cistern_statistics_flush_failures_total', 0],
      ['cistern_erased_blobs_total', 0],
      ['cistern_storage_max_bytes', 200 * 1024 ** 3],
    ] as const)
      assert.equal(await sample(name), value, name);
    assert.ok(((await sample('cistern_index_bytes')) ?? 0) > 0);
    await daemon.reload({}, { gc: {}, scrub: {} });
    await daemon.restart();
    assert.ok(await isRecent('cistern_gc_last_success_timestamp_seconds'));
    assert.ok(await isRecent('cistern_scrub_last_success_timestamp_seconds'));
  });

  it('tells when certificates end', { skip: skipWithoutOpenssl }, async (t) => {
    const tls = (await makeAuthority(t)).issue('mirror');
    const { sample } = await scene(t, { registry: { tls } });
    const ends = (await sample('cistern_certificate_expiry_timestamp_seconds{listener="registry"}'))!;
    const hours = (ends - Date.now() / 1000) / 3600;
    assert.ok(hours > 22 && hours <= 24, `${hours} h`);
    assert.equal(await sample('cistern_certificate_expiry_timestamp_seconds{listener="control"}'), undefined);
  });

  it('is answered while the daemon stops, to the end, and refused after it', async (t) => {
    const { registry, daemon, layer, sample } = await scene(t);
    registry.hold({ kind: 'blob', at: 'middle' });
    const reader = await daemon.openBlob('team/app', layer.digest);
    assert.equal(await sample('cistern_ready'), 1);
    const { adminUrl } = daemon;
    let stopped = false;
    const stopping = daemon.stop().then(() => (stopped = true));
    let answers = 0;
    for (;;) {
      const answer = await get(`${adminUrl}/metrics`).catch((error: unknown) => error as NodeJS.ErrnoException);
      if (answer instanceof Error) {
        // A connection that was about to be accepted is reset, any later one refused.
        assert.match(answer.code ?? answer.message, /^ECONNRE(FUSED|SET)$/);
        break;
      }
      assert.deepEqual([answer.status, answer.complete], [200, true]);
      assert.equal(valueIn(answer.body.toString(), 'cistern_ready'), 0);
      assert.equal(valueIn(answer.body.toString(), 'cistern_storage_max_bytes'), 200 * 1024 ** 3);
      answers++;
    }
    await stopping;
    assert.ok(stopped);
    assert.ok(answers > 1, `${answers} answers`);
    reader.abort();
    await assert.rejects(open(`${adminUrl}/metrics`), { code: 'ECONNREFUSED' });
  });
});

describe('the metrics', () => {
  it('leave out what cannot be known now', async () => {
    const text = await new Metrics(() => Promise.resolve(BEGINNING)).text();
    for (const name of ['cistern_stored_bytes', 'cistern_disk_free_bytes', 'cistern_gc_failures_total'])
      assert.equal(valueIn(text, name), undefined, name);
    assert.match(text, /^# TYPE cistern_stored_bytes gauge$/m);
    assert.equal(valueIn(text, 'cistern_storage_max_bytes'), 0);
  });

  it('have cumulative classes of how long upstream took', async () => {
    const requests = new RequestTally();
    for (const ms of [5, 10, 11, 700, 45_000]) requests.answered('body', 200, ms);
    const text = await new Metrics(() =>
      Promise.resolve({ ...BEGINNING, upstreams: [{ ...UPSTREAM, requests }] }),
    ).text();
    const bucket = (le: string) =>
      valueIn(text, `cistern_upstream_response_seconds_bucket{${UP},lane="body",le="${le}"}`);
    assert.deepEqual(['0.01', '0.025', '0.5', '1', '30', '+Inf'].map(bucket), [2, 3, 3, 4, 4, 5]);
    assert.equal(valueIn(text, `cistern_upstream_response_seconds_count{${UP},lane="body"}`), 5);
    const sum = valueIn(text, `cistern_upstream_response_seconds_sum{${UP},lane="body"}`)!;
    assert.ok(Math.abs(sum - 45.726) < 1e-9);
    assert.match(text, /^# TYPE cistern_upstream_response_seconds histogram$/m);
  });

  it('say what is left of a rate limit only while that is known', async () => {
    const left = async (remaining: number | undefined) => {
      const upstreams = [{ ...UPSTREAM, rateLimit: { limit: 100, remaining, window: 60, seenAt: 0 } }];
      const text = await new Metrics(() => Promise.resolve({ ...BEGINNING, upstreams })).text();
      return valueIn(text, `cistern_upstream_rate_limit_remaining{${UP}}`);
    };
    assert.equal(await left(3), 3);
    assert.equal(await left(undefined), undefined);
  });
});

const UPSTREAM = {
  name: 'up.test',
  url: 'https://up.test/',
  aliases: [],
  default: true,
  credentialed: false,
  breaker: 'closed',
  activeBodies: 0,
  maxBodies: 8,
  waitingBodies: 0,
  counted: undefined,
  requests: undefined,
} as const;
