/** The status page without a browser: what it says, to whom, and that nothing it is told becomes markup. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { document, untilFull } from '../../src/admin/page/document.js';
import { History } from '../../src/admin/page/history.js';
import { Latest } from '../../src/admin/page/latest.js';
import { Names } from '../../src/admin/page/names.js';
import { withoutNames, type Status } from '../../src/admin/page/status.js';
import { nothing, type Counting } from '../../src/cache/statistics/counts.js';
import { StatisticsLedger } from '../../src/cache/statistics/statistics.js';
import { deferred } from '../../src/lib/async.js';
import { AppError } from '../../src/lib/errors.js';
import { memoryCatalog, repository, silent } from '../support/catalogs.js';
import { ManualClock } from '../support/manual-clock.js';

const GiB = 1024 ** 3;
const HOUR = 3_600_000;
const HOSTILE = `<img src=x onerror=alert(1)>"'&</title><script>alert(2)</script>`;

const tally = (manifests: Partial<Counting['manifests']>, blobs: Partial<Counting['blobs']> = {}) => ({
  manifests: { ...nothing().manifests, ...manifests },
  blobs: { ...nothing().blobs, ...blobs },
});

const usage = {
  ...{ blobs: 10, bytes: 100 * GiB, maxBytes: 200 * GiB, images: 3, sharedBytes: GiB, uniqueBytes: 2 * GiB },
  ...{ reclaimableBytes: 0, spoolBytes: 0, quarantinedBytes: 0, freeBytes: 500 * GiB },
};
const plan = { above: 180 * GiB, downTo: 160 * GiB, images: 2, frees: 20 * GiB, more: false };
const image = (reference: string) => ({ reference, size: GiB, shared: 0, lastPulledAt: undefined, pulls: 0 });

const status = (change: Partial<Status> = {}): Status => ({
  now: Date.UTC(2026, 4, 3, 12),
  version: '1.2.3',
  uptime: (26 * 60 + 3) * 60_000,
  unready: undefined,
  health: 'ready',
  stored: { blobs: 10, bytes: 100 * GiB },
  maxSize: 200 * GiB,
  minFree: 0,
  counted: undefined,
  fills: [],
  overview: undefined,
  growth: undefined,
  upstreams: [],
  collection: undefined,
  scrub: { last: undefined, nextAt: undefined },
  jobs: undefined,
  names: 'shown',
  ...change,
});

const page = (change: Partial<Status> = {}): string => document(status(change), (name) => `page/${name}`).text;

const job = (asked: string, error?: string): NonNullable<Status['jobs']>[number] => ({
  ...{ id: '1', origin: 'request', state: error === undefined ? 'succeeded' : 'failed', createdAt: 0, asked: [asked] },
  ...{ finishedAt: 1, images: 1, bytes: 2, bytesHere: 2, error },
});

const full = (name: string): Partial<Status> => ({
  unready: name,
  version: name,
  fills: [{ name: `up.test/${name}`, received: 1, size: 2, clients: 1, prefetches: 1 }],
  overview: { at: 0, usage, largest: [image(`up.test/${name}`)], leastUsed: [image(`up.test/${name}`)], plan },
  upstreams: [
    {
      ...{ name: `up-${name}`, url: name, aliases: [name], default: true, credentialed: true, breaker: 'closed' },
      ...{ credential: { about: name, failure: name }, activeBodies: 0, maxBodies: 1, waitingBodies: 0 },
    },
  ],
  jobs: [job(`up.test/${name}`, name)],
});

describe('the document', () => {
  it('makes no markup of anything that it is told', () => {
    const text = page(full(HOSTILE));
    assert.doesNotMatch(text, /<img|alert\(2\)<\/script>|onerror=alert\(1\)>/);
    assert.equal(text.match(/<script/g)?.length, 2, 'its own');
    // In text and in attributes.
    assert.match(text, /&lt;img src=x onerror=alert\(1\)&gt;&quot;&#39;&amp;/);
    assert.equal(text.match(/<\/title>/g)?.length, 1);
  });

  it('says that there is nothing, rather than nothing', () => {
    const text = page({ jobs: [] });
    for (const said of [
      'Nothing is being downloaded.',
      'No image was prefetched yet.',
      'never ended',
      'Being looked up',
      'Being counted',
    ])
      assert.ok(text.includes(said), said);
  });

  it('tells why it is not ready, and what is wrong with the index', () => {
    assert.match(page({ unready: 'stopping' }), /class="bad">Not ready: stopping</);
    assert.match(page({ health: 'full' }), /class="fair">Ready, but the index is full</);
    assert.match(page(), /class="good">Ready</);
    assert.match(page(), /up for 1 d 2 h/);
  });

  it('has no script, style or address of elsewhere in it', () => {
    const text = page({ ...full('name'), names: 'shown' });
    assert.doesNotMatch(text, /https?:|style=|<style|javascript:| on\w+=/);
  });

  it('does not say that no image may leave above one that may', () => {
    const overview = { at: 0, usage, largest: [], leastUsed: [image('up.test/a:1')], plan: { ...plan, images: 0 } };
    assert.match(page({ overview }), /Just now it would take none\./);
    assert.doesNotMatch(page({ overview }), /No image may leave/);
    assert.match(page({ overview: { ...overview, leastUsed: [] } }), /No image may leave\./);
  });

  it('counts one as one', () => {
    const overview = { at: 0, usage: { ...usage, images: 1 }, largest: [], leastUsed: [], plan };
    const scrub = { last: { startedAt: 0, durationMs: 1, checked: 1, bytes: 1, corrupt: 0 }, nextAt: undefined };
    const text = page({ overview, scrub });
    assert.match(text, /of 200 GiB, 1 image</);
    assert.match(text, /1 image, <data/);
    assert.match(text, /1 blob read, none bad/);
    assert.doesNotMatch(text, /\b1 [a-z]+s\b/);
  });

  it('shows each upstream in its trouble', () => {
    const [upstream] = full('x').upstreams!;
    const said = (change: Partial<Status['upstreams'][number]>) =>
      page({ upstreams: [{ ...upstream!, credential: undefined, ...change }] });
    assert.match(said({}), /in order/);
    assert.match(said({ breaker: 'open' }), /failing; left alone/);
    assert.match(said({ breaker: 'half-open' }), /being tried again/);
    assert.match(said({ heldBackUntil: status().now + 90_000 }), /has us wait, 1 min 30 s more/);
    assert.match(said({ credential: { about: 'user a', failure: 'secret' } }), /our login fails/);
    assert.match(said({ rateLimit: { limit: 100, remaining: 7, seenAt: 0 } }), /7 of 100/);
    assert.doesNotMatch(said({ credential: { about: 'user a', failure: 'secret' } }), /secret|user a/);
  });
});

describe('a page without names', () => {
  it('has none of repositories, digests, or of what failures say', () => {
    const told = withoutNames(
      { ...status(), ...full('private/app@sha256:abc'), unready: undefined, version: '1' },
      'never',
    );
    const upstreams = told.upstreams.map((upstream) => ({ ...upstream, name: 'up.test', credential: undefined }));
    const text = document({ ...told, upstreams }, () => '').text;
    assert.doesNotMatch(text, /private|app@|abc/);
    assert.doesNotMatch(JSON.stringify({ ...told, upstreams: [] }), /private/, 'nor could a renderer tell any');
    assert.match(text, /up\.test/, 'the upstream of a fill stays');
    assert.match(text, /3 images/, 'so do figures');
  });

  it('says how to see them, where there is a way', () => {
    const text = (names: 'never' | 'after login') => document(withoutNames(status(), names), () => '').text;
    assert.match(text('after login'), /<a href="login">log in<\/a>/);
    assert.doesNotMatch(text('never'), /href="login"/);
    assert.match(text('never'), /admin\.auth/);
    assert.doesNotMatch(page(), /log in|admin\.auth/);
  });
});

describe('when it will be full', () => {
  const overview = (freeBytes = 500 * GiB, bytes = 100 * GiB) => ({
    ...{ at: 0, largest: [], leastUsed: [], plan },
    usage: { ...usage, freeBytes, bytes },
  });
  const days = (growth: number | undefined, of = overview(), minFree = 0) =>
    untilFull({ overview: of, growth, minFree })[0];

  it('is when eviction begins, at the recorded pace', () => {
    assert.equal(days(8 * GiB), '10 days');
    assert.equal(days(60 * GiB), '1 day');
    assert.equal(days(100 * GiB), 'less than a day');
  });

  it('is when the disk has no more to give, if that is earlier', () => {
    assert.equal(days(8 * GiB, overview(48 * GiB), 8 * GiB), '5 days');
  });

  it('is now when it is', () => assert.equal(days(undefined, overview(500 * GiB, 180 * GiB)), 'now'));

  it('is undefined when it cannot be told, and says why', () => {
    assert.deepEqual(untilFull({ overview: overview(), growth: undefined, minFree: 0 }), [
      '–',
      'not known before a whole day is recorded',
    ]);
    assert.deepEqual(untilFull({ overview: overview(), growth: -1, minFree: 0 }), ['–', 'it does not grow']);
    assert.deepEqual(untilFull({ overview: undefined, growth: 1, minFree: 0 }), ['–', 'being looked up']);
  });
});

describe('who is told names', () => {
  const asked = (headers: Record<string, string>) => ({ headers, socket: { remoteAddress: '192.0.2.1' } as never });
  const check = (authorization: string | undefined) =>
    authorization === 'Basic right'
      ? Promise.resolve('alice')
      : Promise.reject(new AppError('UNAUTHORIZED', 'wrong user or password'));

  it('is everybody on a loopback listener who asked for this machine by an address of its own', async () => {
    const names = new Names({ local: true, check: undefined });
    for (const host of ['127.0.0.1:5080', 'localhost:5080', '[::1]:5080', '127.8.8.8'])
      assert.equal(await names.of(asked({ host })), 'shown', host);
  });

  it('is nobody whose browser was made to come here, or who came through a proxy', async () => {
    const names = new Names({ local: true, check: undefined });
    for (const host of ['evil.example:5080', '127.0.0.1.evil.example', 'localhost.evil.example', '192.0.2.7', '', '::'])
      assert.equal(await names.of(asked({ host })), 'never', host);
    assert.equal(await names.of(asked({})), 'never');
    for (const header of ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'])
      assert.equal(await names.of(asked({ host: '127.0.0.1', [header]: 'a' })), 'never', header);
  });

  it('is who logs in, beyond loopback', async () => {
    const names = new Names({ local: false, check });
    assert.equal(await names.of(asked({ host: '127.0.0.1' })), 'after login');
    assert.equal(await names.of(asked({ host: 'a', authorization: 'Basic wrong' })), 'after login');
    assert.equal(await names.of(asked({ host: 'a', authorization: 'Basic right' })), 'shown');
  });

  it('is nobody beyond loopback when there is no login', async () => {
    const names = new Names({ local: false, check: undefined });
    assert.equal(await names.of(asked({ host: '127.0.0.1', authorization: 'Basic right' })), 'never');
    assert.equal(await names.login(asked({})), undefined);
  });

  it('asks for a login until it is right, and lets those who guess wait', async () => {
    const names = new Names({ local: false, check });
    const refused = await names.login(asked({}));
    assert.equal(refused?.status, 401);
    assert.match(refused.headers?.['WWW-Authenticate'] ?? '', /^Basic realm=/);
    const right = await names.login(asked({ authorization: 'Basic right' }));
    assert.deepEqual([right?.status, right?.headers?.Location], [303, './']);
    const wait = () => Promise.reject(new AppError('TOO_MANY_FAILURES', 'wait', { retryAfter: 30 }));
    const waits = await new Names({ local: false, check: wait }).login(asked({}));
    assert.deepEqual([waits?.status, waits?.headers?.['Retry-After']], [429, '30']);
  });
});

describe('the history', () => {
  it('gives what the statistics give, over hours and a clock that is put back', async (t) => {
    const { catalog, clock } = await memoryCatalog(t);
    const ledger = new StatisticsLedger({ catalog, clock, log: silent });
    const history = new History(ledger, () => clock.now());
    const answered = (bytes: number) =>
      ledger.answered({ repository: repository('a'), kind: 'blobs', head: false, outcome: 'hit', bytes });
    for (const hours of [0, 1, 1, 30, 24 * 20, -40, 24 * 11, 24 * 40]) {
      clock.jump(hours * HOUR);
      answered(7 + hours);
      answered(3);
      const { day, month, hours: lately, days } = await history.read();
      const since = async (ago: number) => (await ledger.query({ since: clock.now() - ago, by: 'hour' })).total;
      assert.deepEqual(day, await since(24 * HOUR), `after ${hours} hours`);
      assert.deepEqual(month, await since(30 * 24 * HOUR), `after ${hours} hours`);
      const requests = (spans: typeof days) => spans.reduce((sum, { tally: { blobs } }) => sum + blobs.hits, 0);
      assert.equal(requests(lately), day.blobs.hits);
      assert.equal(requests(days), month.blobs.hits);
    }
    await ledger.close();
  });

  it('reads again only the hour that still changes', async (t) => {
    const { clock } = await memoryCatalog(t);
    const asked: (number | undefined)[] = [];
    const hour = clock.now();
    const query = ({ since }: { readonly since?: number | undefined }) => {
      asked.push(since);
      return Promise.resolve({
        from: 0,
        to: hour + HOUR,
        total: nothing(),
        groups: [{ key: new Date(hour).toISOString(), ...tally({ hits: 1 }) }],
      });
    };
    const history = new History({ query }, () => clock.now());
    await history.read();
    const { day } = await history.read();
    assert.deepEqual(asked, [hour - 30 * 24 * HOUR, hour]);
    assert.equal(day.manifests.hits, 1, 'counted once');
  });
});

describe('an answer that takes long', () => {
  const scene = (freshFor: number) => {
    const clock = new ManualClock();
    const reads: ReturnType<typeof deferred<number>>[] = [];
    const latest = new Latest({
      ...{ what: 'a number', freshFor, clock, log: silent },
      read: () => {
        const read = deferred<number>();
        reads.push(read);
        return read.promise;
      },
    });
    return { clock, reads, latest };
  };

  it('keeps nobody waiting for long, and is there for the next one', async () => {
    const { clock, reads, latest } = scene(60_000);
    const [first, second] = [latest.get(), latest.get()];
    await clock.advance(300);
    assert.deepEqual([await first, await second], [undefined, undefined]);
    assert.equal(reads.length, 1, 'it is looked for once');
    reads[0]!.resolve(5);
    assert.equal(await latest.get(), 5);
  });

  it('is looked for again only when it is no longer fresh, and not before it has rested', async () => {
    const { clock, reads, latest } = scene(60_000);
    const first = latest.get();
    await clock.advance(20_000);
    reads[0]!.resolve(1);
    await first;
    assert.equal(await latest.get(), 1);
    await clock.advance(179_000);
    assert.equal(await latest.get(), 1);
    assert.equal(reads.length, 1);
    await clock.advance(2000);
    const again = latest.get();
    await clock.advance(300);
    assert.equal(await again, 1, 'the last one, while the next is looked for');
    assert.equal(reads.length, 2);
  });

  it('stays what it was when it is closed', async () => {
    const { reads, latest } = scene(0);
    const first = latest.get();
    reads[0]!.resolve(7);
    await first;
    await latest.close();
    assert.equal(await latest.get(), 7);
    assert.equal(reads.length, 1);
  });

  it('is none when it cannot be found, and may be found the next time', async () => {
    const { reads, latest } = scene(0);
    const first = latest.get();
    reads[0]!.reject(new Error('no'));
    assert.equal(await first, undefined);
    const second = latest.get();
    reads[1]!.resolve(3);
    assert.equal(await second, 3);
  });
});
