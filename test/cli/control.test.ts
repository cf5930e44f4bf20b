/** The commands that speak gRPC, run as main.ts runs them, against a real control plane over made-up parts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Command, CommanderError } from 'commander';
import { splitOutputs } from '../../src/cli/archive.js';
import { registerControlCommands } from '../../src/cli/control-commands.js';
import type { ExitCode } from '../../src/cli/output.js';
import { AppError, type ErrorCode } from '../../src/lib/errors.js';
import { Secret } from '../../src/lib/secret.js';
import type { Explanation, StoredImage, VerifyEvent } from '../../src/cache/contents/contents.js';
import {
  all,
  control,
  digest,
  directory,
  explained,
  image,
  job,
  type FakeParts,
  type Scope,
} from '../control/support.js';
import { recordedTerminal } from './terminal.js';

interface Ended {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[]): Promise<Ended> {
  const terminal = recordedTerminal();
  let code: ExitCode = 0;
  const program = new Command('cistern').exitOverride().configureOutput({ writeErr: () => undefined });
  registerControlCommands(program, terminal, (ended) => (code = ended));
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => undefined });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = 2;
  }
  return { code, stdout: terminal.stdout.join('\n'), stderr: terminal.stderr.join('\n') };
}

/** A function that runs commands against a daemon with these parts. */
async function daemon(t: Scope, parts: FakeParts) {
  const { server } = await control(t, parts);
  return (...args: string[]) => run([...args, '--address', server.address]);
}

const absent: Explanation = {
  reference: 'docker.io/library/node:22',
  presence: 'unknown',
  whole: false,
  missing: [],
  unpulled: [],
  links: [],
  linkCount: 0,
  keepers: [],
  keeperCount: 0,
  evictionOf: 0,
  fills: [],
  asked: [],
};

/** No key is the loader's own, such as `_size` beside a `size` that is optional. */
const json = ({ stdout }: Ended): unknown =>
  JSON.parse(stdout, (key, value: unknown) => {
    assert.ok(!key.startsWith('_'), `${key} in ${stdout}`);
    return value;
  });

async function* from<T>(...items: T[]): AsyncGenerator<T> {
  await Promise.resolve();
  yield* items;
}

const stored: StoredImage = {
  upstream: 'docker.io',
  repository: 'library/node',
  tag: '22',
  digest: digest('a'),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  platforms: ['linux/amd64'],
  size: 1000,
  fetchedAt: Date.UTC(2026, 0, 1),
  lastPulledAt: Date.UTC(2026, 0, 2),
  pulls: 3,
  pinned: false,
};

describe('cistern prefetch', () => {
  const done = image('docker.io/library/node:22', {
    digest: digest('a'),
    state: 'succeeded',
    blobs: 5,
    bytesFetched: 2048,
    bytesReused: 1024,
  });
  const ending = (last: ReturnType<typeof job>) => ({
    create: () => Promise.resolve(job()),
    watch: () => Promise.resolve(from(job({ state: 'running', images: [{ ...done, state: 'running' }] }), last)),
  });

  it('follows the job and ends with 0 when all is fetched', async (t) => {
    const cistern = await daemon(t, { prefetches: ending(job({ state: 'succeeded', images: [done] })) });
    const ended = await cistern('prefetch', 'node:22', '-o', 'json');
    assert.equal(ended.code, 0);
    assert.deepEqual(json(ended), {
      job: 'job-1',
      state: 'succeeded',
      error: null,
      images: [
        {
          reference: 'docker.io/library/node:22',
          digest: digest('a'),
          platforms: ['linux/amd64'],
          blobs: 5,
          bytesFetched: 2048,
          bytesReused: 1024,
          state: 'succeeded',
        },
      ],
    });
  });

  it('says in lines how it goes where there is no terminal', async (t) => {
    const cistern = await daemon(t, { prefetches: ending(job({ state: 'succeeded', images: [done] })) });
    const { stderr, stdout } = await cistern('prefetch', 'node:22');
    assert.deepEqual(stderr.split('\n'), [
      'docker.io/library/node:22: fetching',
      'docker.io/library/node:22: succeeded, 5 blobs, 2 KiB fetched, 1 KiB reused',
    ]);
    assert.match(stdout, /^IMAGE .*STATE\n.*succeeded$/);
  });

  it('ends with 1 and says why when an image cannot be fetched', async (t) => {
    const error = { code: 'MANIFEST_UNKNOWN', message: 'no such tag' };
    const failed = { ...done, state: 'failed' as const, error };
    const cistern = await daemon(t, { prefetches: ending(job({ state: 'failed', images: [failed] })) });
    const ended = await cistern('prefetch', 'node:22');
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /docker\.io\/library\/node:22: no such tag/);
  });

  it('--detach leaves at once, --dry-run fetches nothing', async (t) => {
    const planned = { reference: 'a', digest: digest('a'), platforms: [], blobs: 2, bytesTotal: 100, bytesMissing: 40 };
    const cistern = await daemon(t, {
      prefetches: { create: () => Promise.resolve(job()), plan: () => Promise.resolve([planned]) },
    });
    const detached = json(await cistern('prefetch', 'node:22', '--detach', '-o', 'json')) as {
      job: string;
      state: string;
    };
    assert.deepEqual([detached.job, detached.state], ['job-1', 'queued']);
    const plan = json(await cistern('prefetch', 'node:22', '--dry-run', '-o', 'json'));
    assert.deepEqual(plan, {
      dryRun: true,
      bytesMissing: 40,
      images: [
        {
          platforms: [],
          reference: 'a',
          digest: digest('a'),
          blobs: 2,
          bytesMissing: 40,
          bytesFetched: 0,
          bytesReused: 60,
          state: 'queued',
        },
      ],
    });
  });

  it('passes on the platforms', async (t) => {
    let platforms: unknown;
    const cistern = await daemon(t, {
      prefetches: { create: (spec) => ((platforms = spec.platforms), Promise.resolve(job())) },
    });
    await cistern('prefetch', 'a', '--detach', '--platform', 'linux/amd64', '--platform', 'linux/arm64');
    assert.deepEqual(platforms, { platforms: ['linux/amd64', 'linux/arm64'], all: false });
  });
});

describe('what machines read', () => {
  it('gc', async (t) => {
    const counts = { scannedBlobs: 9, reachableBlobs: 5, sweptBlobs: 3, sweptBytes: 30, keptByGrace: 1 };
    const rest = {
      leftoverFiles: 0,
      leftoverBytes: 0,
      trigger: 'request' as const,
      startedAt: 0,
      durationMs: 7,
      images: 1,
    };
    const cistern = await daemon(t, {
      collector: {
        run: ({ dryRun }) =>
          from(
            {
              kind: 'images' as const,
              images: [{ reference: 'a/b:1', digest: digest('a'), reason: 'expired' as const, bytes: 30 }],
            },
            { kind: 'report' as const, report: { ...counts, ...rest, dryRun } },
          ),
      },
    });
    const ended = await cistern('gc', '--dry-run', '-o', 'json');
    assert.equal(ended.code, 0);
    assert.deepEqual(json(ended), {
      dryRun: true,
      ...counts,
      leftoverFiles: 0,
      leftoverBytes: 0,
      images: [{ reference: 'a/b:1', digest: digest('a'), reason: 'expired', bytes: 30, lastPulledAt: null }],
      trigger: 'request',
      startedAt: '1970-01-01T00:00:00.000Z',
      durationMs: 7,
    });
    assert.match(
      (await cistern('gc')).stdout,
      /1 image, 3 blobs \(30 B\) went in 0\.0 s; 1 blob kept by the grace period/,
    );
  });

  it('stats', async (t) => {
    const zero = { hits: 0, misses: 0, collapsed: 0, revalidated: 0, stale: 0, bypassed: 0 };
    const bytes = { bytesServed: 0, bytesFromUpstream: 0, bytesPrefetched: 0, upstreamGets: 0, savedGets: 0 };
    const manifests = { ...zero, ...bytes, hits: 3, misses: 1, savedGets: 3, upstreamGets: 1, bytesServed: 100 };
    const blobs = { ...zero, ...bytes, bytesFromUpstream: 25 };
    const cistern = await daemon(t, {
      statistics: {
        query: ({ by }) =>
          Promise.resolve({
            from: 0,
            to: 3_600_000,
            total: { manifests, blobs },
            groups: by === 'upstream' ? [{ key: 'docker.io', manifests, blobs }] : [],
          }),
      },
    });
    assert.match((await cistern('stats')).stdout, /^Outcomes: +3 hits, 1 miss, 0 collapsed/m);
    const told = json(await cistern('stats', '--by', 'upstream', '--since', '24h', '-o', 'json')) as Record<
      string,
      unknown
    >;
    const expected = {
      requests: 4,
      hits: 3,
      misses: 1,
      collapsed: 0,
      revalidated: 0,
      stale: 0,
      bypassed: 0,
      hitRatio: 0.75,
    };
    const more = {
      bytesServed: 100,
      bytesFromUpstream: 25,
      byteHitRatio: 0.75,
      upstreamPulls: 1,
      upstreamPullsSaved: 3,
    };
    for (const [name, value] of Object.entries({ ...expected, ...more })) assert.equal(told[name], value, name);
    const [group] = told['groups'] as Record<string, unknown>[];
    assert.deepEqual([group?.['key'], group?.['requests'], group?.['hitRatio']], ['docker.io', 4, 0.75]);
    assert.match((await cistern('stats')).stdout, /Hit ratio: +75\.0 % of requests, 75\.0 % of bytes/);
  });

  it('images, over all pages', async (t) => {
    const seen: boolean[] = [];
    const cistern = await daemon(t, {
      contents: {
        list: (query, { after }) => {
          seen.push(query.untagged);
          return Promise.resolve(
            after === undefined
              ? { items: [stored], next: 'more' }
              : { items: [{ ...stored, tag: undefined, lastPulledAt: undefined }] },
          );
        },
      },
    });
    const [first, second] = json(await cistern('images', '--untagged', '-o', 'json')) as Record<string, unknown>[];
    assert.deepEqual(first, {
      ...stored,
      fetchedAt: '2026-01-01T00:00:00.000Z',
      lastPulledAt: '2026-01-02T00:00:00.000Z',
    });
    assert.deepEqual([second?.['tag'], second?.['lastPulledAt']], [null, null]);
    assert.deepEqual(seen, [true, true]);
  });

  it('df', async (t) => {
    const usage = { blobs: 1, bytes: 2, maxBytes: 3, images: 4, sharedBytes: 5, uniqueBytes: 6, reclaimableBytes: 7 };
    const more = { spoolBytes: 8, quarantinedBytes: 9, freeBytes: 10 };
    const cistern = await daemon(t, { contents: { diskUsage: () => Promise.resolve({ ...usage, ...more }) } });
    assert.deepEqual(json(await cistern('df', '-o', 'json')), { ...usage, ...more });
  });

  it('verify, which ends with 1 when something was bad', async (t) => {
    const done = { kind: 'done' as const, counts: { checked: 2, bytes: 20 }, durationMs: 3 };
    const bad = { kind: 'corrupt' as const, blob: { digest: digest('b'), action: 'refetched' as const } };
    const cistern = await daemon(t, {
      contents: { verify: (target) => from<VerifyEvent>(...(target.kind === 'all' ? [bad, done] : [done])) },
    });
    const ended = await cistern('verify', '-o', 'json');
    assert.equal(ended.code, 1);
    const corrupt = [{ digest: digest('b'), action: 'refetched' }];
    assert.deepEqual(json(ended), { checked: 2, bytes: 20, corrupt, durationMs: 3 });
    assert.equal((await cistern('verify', 'node:22')).code, 0);
  });

  it('upstreams and doctor, which ends with 1 when something does not work', async (t) => {
    const finding = { part: 'upstream' as const, upstream: 'docker.io', check: 'auth', message: 'refused' };
    const cistern = await daemon(t, {
      upstreams: {
        list: () => Promise.resolve([]),
        diagnose: () => from({ ...finding, result: 'failed' as const, advice: 'mend it' }),
      },
    });
    assert.deepEqual(json(await cistern('upstreams', '-o', 'json')), []);
    const ended = await cistern('doctor', '-o', 'json');
    assert.equal(ended.code, 1);
    assert.deepEqual(json(ended), { ok: false, findings: [{ ...finding, result: 'failed', advice: 'mend it' }] });
  });

  it('upstreams, with what is left of a rate limit and whether one has us wait', async (t) => {
    const now = Date.now();
    const state = {
      url: 'https://example.org/',
      aliases: [],
      default: false,
      credentialed: false,
      breaker: 'closed' as const,
      activeBodies: 0,
      maxBodies: 16,
      waitingBodies: 0,
    };
    const rateLimit = { limit: 100, remaining: 76, window: 21600, resetsAt: now + 3_600_000, seenAt: now };
    const list = [
      { ...state, name: 'a', rateLimit },
      { ...state, name: 'b', heldBackUntil: now + 600_000 },
      { ...state, name: 'c', rateLimit: { limit: 100, remaining: 7, window: 10, seenAt: now } },
      { ...state, name: 'd', rateLimit: { limit: 100, window: 600, seenAt: now } },
    ];
    const cistern = await daemon(t, { upstreams: { list: () => Promise.resolve(list) } });
    const { stdout } = await cistern('upstreams');
    assert.match(stdout, /^a .* ok .* 76 of 100 left in 6 h, all again in \d+ min, just now$/m);
    assert.match(stdout, /^b .* has us wait for \d+ min /m);
    assert.match(stdout, /^c .* ok .* 7 of 100 left in 10 s, just now$/m);
    assert.match(stdout, /^d .* ok .* 100 in 10 min$/m);
    const shown = json(await cistern('upstreams', '-o', 'json')) as readonly {
      readonly heldBackUntil: string | null;
    }[];
    assert.deepEqual(
      shown.map(({ heldBackUntil }) => heldBackUntil),
      [null, new Date(now + 600_000).toISOString(), null, null],
    );
  });

  it('pin, unpin and evict', async (t) => {
    const evicted = { digest: digest('a'), blobs: 2, bytes: 20, keptBlobs: 0, keptBytes: 0 };
    const cistern = await daemon(t, {
      contents: {
        pin: () => Promise.resolve({ ...stored, pinned: true }),
        unpin: () => Promise.resolve(stored),
        evict: () => Promise.resolve(evicted),
      },
    });
    assert.equal((await cistern('pin', 'node:22')).stdout, 'docker.io/library/node:22 is pinned');
    assert.equal((await cistern('unpin', 'node:22')).stdout, 'docker.io/library/node:22 is not pinned');
    assert.deepEqual(json(await cistern('evict', 'node:22', '-o', 'json')), { reference: 'node:22', ...evicted });
  });
});

describe('cistern export and import', () => {
  const bytes = Buffer.alloc(600_000, 'archive');

  it('carry an archive byte for byte', async (t) => {
    const file = join(await directory(t), 'images.tar');
    let got: Buffer | undefined;
    const cistern = await daemon(t, {
      contents: {
        export: () => Promise.resolve({ bytes: bytes.length, chunks: from(bytes) }),
        import: async (archive) => {
          got = Buffer.concat(await all(archive));
          return [{ reference: 'a/b:1', digest: digest('a'), blobs: 3, bytesAdded: 5, bytesReused: 6 }];
        },
      },
    });
    const exported = await cistern('export', 'node:22', '-o', file, '-o', 'json');
    assert.deepEqual(json(exported), { file, bytes: bytes.length, images: ['node:22'] });
    assert.deepEqual(readFileSync(file), bytes);
    const imported = await cistern('import', file, '-o', 'json');
    assert.deepEqual(got, bytes);
    assert.deepEqual(json(imported), {
      images: [{ reference: 'a/b:1', digest: digest('a'), blobs: 3, bytesAdded: 5, bytesReused: 6 }],
    });
  });

  it('leave no file behind when the daemon cannot finish', async (t) => {
    const dir = await directory(t);
    const broken = async function* () {
      yield* from(bytes);
      throw new AppError('BLOB_CORRUPT', 'a stored blob is bad');
    };
    const cistern = await daemon(t, {
      contents: { export: () => Promise.resolve({ bytes: 1, chunks: broken() }) },
    });
    const ended = await cistern('export', 'node:22', '-o', join(dir, 'images.tar'));
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /a stored blob is bad; `cistern verify`/);
    assert.equal(existsSync(join(dir, 'images.tar')), false);
  });

  it('need a file, which must be there', async (t) => {
    const cistern = await daemon(t, {});
    assert.equal((await cistern('export', 'node:22', '-o', 'json')).code, 2);
    const ended = await cistern('import', join(await directory(t), 'none.tar'));
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /^cistern: cannot read .*none\.tar: ENOENT$/);
  });

  it('tell the file from the format', () => {
    assert.deepEqual(splitOutputs(['json', 'a.tar']), { output: 'json', file: 'a.tar' });
    assert.deepEqual(splitOutputs(['./json']), { output: 'text', file: './json' });
    assert.deepEqual(splitOutputs(['json']), { output: 'json' });
  });
});

describe('explain', () => {
  it('is sentences for people, and everything as JSON', async (t) => {
    const cistern = await daemon(t, { contents: { explain: () => Promise.resolve(explained) } });
    const { code, stdout } = await cistern('explain', 'node:22');
    assert.equal(code, 0);
    for (const line of [
      /^docker\.io\/library\/node:22 is here, and lacks 1 blob\.$/m,
      /^Never pulled: +linux\/s390x$/m,
      /^Tag: +confirmed \d+ days ago, not asked again until 1970-01-01T00:00:02\.000Z$/m,
      /^ +while upstream cannot answer, served for as long as that takes$/m,
      /^Served to: +docker\.io\/library\/node, confirmed \d+ days ago$/m,
      /^Kept by: +docker\.io\/library\/node:22, asked for by tag, last used \d+ days ago$/m,
      /^Expires: +1970-01-01T00:00:05\.000Z, unless it is used before$/m,
      /^Eviction: +12 of 340 to go when room is needed$/m,
      /^Last asked: +GET docker\.io\/library\/node 22 \d+ days ago: revalidated tag-expired: The tag had not been/m,
      /^ +GET docker\.io\/library\/node sha256:a{12} \d+ days ago: hit$/m,
      /^sha256:b{64} +absent +1000 B/m,
    ])
      assert.match(stdout, line);
    const told = json(await cistern('explain', digest('a'), '-o', 'json')) as Record<string, unknown>;
    assert.deepEqual(
      [told['presence'], told['whole'], told['evictionPlace'], told['expiresAt'], told['removedBy']],
      ['here', false, 12, '1970-01-01T00:00:05.000Z', null],
    );
    assert.deepEqual(
      (told['asked'] as { reason: string | null }[]).map(({ reason }) => reason),
      ['tag-expired', null],
    );
  });

  it('says how far what is being fetched is, and who waits for it', async (t) => {
    const repository = { upstream: 'docker.io', name: 'library/node' };
    const fill = (letter: string, size: number | undefined, live: number, prefetch: number) => ({
      ...{ repository, digest: digest(letter), received: 4 * 1024 * 1024, size },
      followers: { live, prefetch },
    });
    const fills = [fill('b', 57 * 1024 * 1024, 3, 1), fill('c', undefined, 0, 0)];
    const missing = fills.map((each) => ({ digest: each.digest, mediaType: '', why: 'absent' as const }));
    const explanation = { ...explained, missing, fills };
    const cistern = await daemon(t, { contents: { explain: () => Promise.resolve(explanation) } });
    const { stdout } = await cistern('explain', 'node:22');
    assert.match(stdout, /^docker\.io\/library\/node:22 is here, and lacks 2 blobs, 2 of them being fetched now\.$/m);
    assert.match(stdout, /^Being fetched: +sha256:b{12} 4 MiB of 57 MiB, for 3 clients and 1 prefetch job$/m);
    assert.match(stdout, /^ +sha256:c{12} 4 MiB, for nobody any more$/m);
    const told = json(await cistern('explain', 'node:22', '-o', 'json')) as { readonly fills: readonly unknown[] };
    const where = { upstream: 'docker.io', repository: 'library/node', received: 4 * 1024 * 1024 };
    assert.deepEqual(told.fills, [
      { ...where, digest: digest('b'), size: 57 * 1024 * 1024, clients: 3, prefetches: 1 },
      { ...where, digest: digest('c'), size: null, clients: 0, prefetches: 0 },
    ]);
  });

  for (const [made, line] of [
    [{ presence: 'unknown' }, /is not here, and nobody asked for it since the daemon started\.$/m],
    [{ presence: 'unknown', asked: explained.asked }, /is not here\.$/m],
    [
      { presence: 'gone', since: 1000, negativeUntil: 2000 },
      /upstream refused it \d+ days ago, and is not asked again until 1970/,
    ],
    [{ presence: 'gone', negativeUntil: 2000 }, /is not here: upstream refused it, and is not asked again until 1970/],
    [{ presence: 'removed', since: 1000, by: 'operator' }, /was here, and was removed \d+ days ago by an operator\.$/m],
    [{ presence: 'removed', since: 1000, by: 'collection' }, /by garbage collection\.$/m],
    [{ presence: 'unlinked' }, /is not here for this repository/],
    [{ presence: 'absent' }, /its bytes are not: the next pull fetches them/],
    [{ presence: 'filling' }, /is being fetched now\.$/],
  ] as const) {
    it(`says in one line, with exit code 1, of what is ${made.presence}: ${line.source}`, async (t) => {
      const explanation = { ...absent, ...made };
      const cistern = await daemon(t, { contents: { explain: () => Promise.resolve(explanation) } });
      const { code, stdout } = await cistern('explain', 'node:22');
      assert.equal(code, 1);
      assert.match(stdout.split('\n')[0]!, line);
      const { presence } = json(await cistern('explain', 'node:22', '-o', 'json')) as { presence: string };
      assert.equal(presence, made.presence);
    });
  }
});

describe('what goes wrong', () => {
  for (const [code, exit, next] of [
    ['IMAGE_UNKNOWN', 1, /`cistern images`/],
    ['NAME_UNKNOWN', 1, /`cistern upstreams`/],
    ['STORE_FULL', 1, /`cistern gc`/],
    ['UPSTREAM_UNREACHABLE', 1, /`cistern doctor`/],
    ['NAME_INVALID', 2, undefined],
    ['DRAINING', 2, /try again/],
  ] as const satisfies readonly (readonly [ErrorCode, ExitCode, RegExp | undefined])[]) {
    it(`${code} is one line that says what to do next, and exit code ${exit}`, async (t) => {
      const error = new AppError(code, 'it did not work', { about: 'docker.io/library/node:22' });
      const cistern = await daemon(t, { contents: { inspect: () => Promise.reject(error) } });
      const ended = await cistern('inspect', 'node:22');
      assert.equal(ended.code, exit);
      assert.match(ended.stderr, /^cistern: it did not work(; .*)?$/);
      if (next) assert.match(ended.stderr, next);
      const { error: told } = json(await cistern('inspect', 'node:22', '-o', 'json')) as {
        error: Record<string, string>;
      };
      assert.deepEqual([told['code'], told['about']], [code, 'docker.io/library/node:22']);
    });
  }

  it('a daemon that cannot be reached is exit code 2, and how to start one', async (t) => {
    const address = `unix://${join(await directory(t), 'nobody.sock')}`;
    const ended = await run(['df', '--address', address]);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /^cistern: cannot reach the daemon at unix:.*`cistern serve`.*--address/);
    assert.doesNotMatch(ended.stderr, /Resolution note/);
  });

  it('a token that is missing is exit code 2, and which option names it', async (t) => {
    const { server } = await control(t, {}, { token: Secret.of('s3cret') });
    const ended = await run(['df', '--address', server.address]);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /--token-file/);
  });

  it('options that make no sense are exit code 2 and ask nobody', async (t) => {
    const dir = await directory(t);
    writeFileSync(join(dir, 'empty'), '\n');
    const cistern = await daemon(t, {});
    for (const args of [
      ['df', '--address', 'nowhere'],
      ['df', '--token-file', join(dir, 'none')],
      ['df', '--token-file', join(dir, 'empty')],
      ['df', '--cert-file', join(dir, 'empty')],
      ['df', '--timeout', 'soon'],
      ['df', '-o', 'yaml'],
      ['stats', '--since', 'yesterday'],
      ['stats', '--by', 'phase'],
      ['images', '--before', '31.01.2026'],
      ['verify', '--rate', 'fast'],
      ['jobs', '--cancel'],
      ['prefetch'],
    ]) {
      const ended = args.includes('--address') ? await run(args) : await cistern(...args);
      assert.equal(ended.code, 2, args.join(' '));
    }
  });

  it('--timeout ends what takes too long, with exit code 2', async (t) => {
    const cistern = await daemon(t, {
      contents: {
        diskUsage: (signal) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      },
    });
    const ended = await cistern('df', '--timeout', '50ms');
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /did not answer in time/);
  });
});
