/**
 * The control plane as operators and their tools use it: the built program, commands as processes of their own, a daemon
 * that is another, and a registry that counts what it is asked.
 */
import assert from 'node:assert/strict';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import { FakeRegistry } from '../support/fake-registry.js';
import { get, head } from '../support/http.js';
import { content, makeImage, makeIndex, noise, type Content, type Image } from '../support/images.js';
import { temporaryDirectory, type Scope } from '../support/tmp.js';
import { Cistern } from './support/cistern.js';
import { command, type Ended } from './support/command.js';
import { freePort, stopPrograms, until } from './support/processes.js';

const NAME = 'registry.test';
const REPOSITORY = 'team/app';
const REFERENCE = `${NAME}/${REPOSITORY}:v1`;
const LAYERS = [40_000, 300_000];

after(stopPrograms);

interface Scene {
  readonly dir: string;
  readonly registry: FakeRegistry;
  readonly cistern: Cistern;
  readonly image: Image;
  readonly upstreams: readonly object[];
}

/** A registry that has `team/app:v1`, and a daemon in front of it. */
async function scene(
  t: Scope & { readonly name: string },
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  const dir = await temporaryDirectory(t, 'cistern-e2e');
  const registry = await FakeRegistry.start(t);
  const image = makeImage({ seed: t.name, layers: LAYERS });
  registry.push(REPOSITORY, image, 'v1');
  const upstreams = [{ name: NAME, url: registry.url, allowNetworks: ['127.0.0.0/8'] }];
  const cistern = await start(t, { dir, upstreams, settings });
  return { dir, registry, cistern, image, upstreams };
}

async function start(t: Scope, options: Parameters<typeof Cistern.start>[0]): Promise<Cistern> {
  const cistern = await Cistern.start(options);
  t.after(async () => {
    await cistern.stop('SIGKILL');
  });
  return cistern;
}

/** The last thing that was set up is torn down first: a daemon before its directory. */
function scoped(test: (t: Scope & { readonly name: string }) => Promise<void>): (t: TestContext) => Promise<void> {
  return async (t) => {
    const closers: (() => void | Promise<void>)[] = [];
    try {
      await test({ name: t.name, after: (close) => void closers.push(close) });
    } finally {
      for (const close of closers.reverse()) await close();
    }
  };
}

/** What a command printed with `-o json`, after it ended with `code`. */
async function json<T>(cistern: Cistern, args: readonly string[], code = 0): Promise<T> {
  const ended = await cistern.run(...args, '-o', 'json');
  assert.equal(ended.code, code, said(ended));
  return JSON.parse(ended.stdout) as T;
}

async function ends(cistern: Cistern, args: readonly string[], code: number): Promise<Ended> {
  const ended = await cistern.run(...args);
  assert.equal(ended.code, code, said(ended));
  return ended;
}

const said = ({ stdout, stderr }: Ended): string => `${stdout}\n${stderr}`;

const pathTo = (cistern: Cistern, kind: 'manifests' | 'blobs', reference: string): string =>
  `${cistern.url}/v2/${NAME}/${REPOSITORY}/${kind}/${reference}`;

/** As a client pulls: the tag, then all that the manifest names. */
async function pull(cistern: Cistern, image: Image, tag = 'v1'): Promise<void> {
  const manifest = await get(pathTo(cistern, 'manifests', tag), { headers: { accept: image.mediaType } });
  assert.deepEqual([manifest.status, manifest.body.equals(image.bytes)], [200, true]);
  for (const blob of image.blobs) await pullBlob(cistern, blob);
}

async function pullBlob(cistern: Cistern, blob: Content): Promise<void> {
  const answer = await get(pathTo(cistern, 'blobs', blob.digest));
  assert.deepEqual([answer.status, answer.complete, answer.body.equals(blob.bytes)], [200, true, true]);
}

const digestsOf = (image: Image) => [image, ...image.blobs].map(({ digest }) => digest);
const total = (parts: readonly Content[]): number => parts.reduce((sum, { size }) => sum + size, 0);
const sizeOf = (image: Image): number => total([image, ...image.blobs]);

function fileOf(dir: string, digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return join(dir, 'var/blobs', algorithm, hex.slice(0, 2), hex);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

interface Prefetched {
  readonly job: string;
  readonly state: string;
  readonly bytesMissing?: number;
  readonly images: readonly {
    readonly reference: string;
    readonly digest: string;
    readonly platforms: readonly string[];
    readonly blobs: number;
    readonly bytesFetched: number;
    readonly bytesReused: number;
    readonly state: string;
  }[];
}

interface Explained {
  readonly presence: string;
  readonly whole: boolean;
  readonly digest: string;
  readonly evictionPlace: number | null;
  readonly keepers: readonly { readonly reference: string }[];
  readonly asked: readonly { readonly outcome: string; readonly reason: string | null }[];
}

interface Listed {
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string;
  readonly platforms: readonly string[];
  readonly size: number;
  readonly lastPulledAt: string | null;
  readonly pinned: boolean;
}

interface Collected {
  readonly dryRun: boolean;
  readonly scannedBlobs: number;
  readonly reachableBlobs: number;
  readonly sweptBlobs: number;
  readonly sweptBytes: number;
  readonly keptByGrace: number;
  readonly images: readonly { reference: string; digest: string; reason: string; bytes: number }[];
  readonly durationMs: number;
}

interface Verified {
  readonly checked: number;
  readonly bytes: number;
  readonly corrupt: readonly { digest: string; action: string }[];
  readonly durationMs: number;
}

describe('cistern prefetch', () => {
  it(
    'brings an image here, so that its pull asks upstream for nothing',
    scoped(async (t) => {
      const { registry, cistern, image } = await scene(t);
      const plan = await json<Prefetched>(cistern, ['prefetch', REFERENCE, '--dry-run']);
      assert.equal(plan.bytesMissing, sizeOf(image));
      const layers = new Set<string | undefined>(image.layers.map(({ digest }) => digest));
      assert.ok(!registry.requests.some(({ reference }) => layers.has(reference)), 'a dry run fetches no layer');

      const { state, images } = await json<Prefetched>(cistern, ['prefetch', REFERENCE]);
      assert.equal(state, 'succeeded');
      const blobs = image.blobs.length + 1;
      const [{ platforms, ...fetched }] = images as [Prefetched['images'][number]];
      assert.ok(Array.isArray(platforms));
      assert.deepEqual(fetched, {
        reference: REFERENCE,
        digest: image.digest,
        blobs,
        bytesFetched: sizeOf(image),
        bytesReused: 0,
        state: 'succeeded',
      });

      for (const layer of layers) assert.equal(registry.count({ reference: layer!, method: 'GET' }), 1, layer);
      registry.forgetRequests();
      await pull(cistern, image);
      assert.deepEqual(registry.requests, []);

      const again = await json<Prefetched>(cistern, ['prefetch', REFERENCE]);
      assert.deepEqual([again.images[0]?.bytesFetched, again.images[0]?.bytesReused], [0, sizeOf(image)]);
      assert.equal(registry.count({ kind: 'blob' }), 0);
    }),
  );

  it(
    'brings the platforms that were asked for, and says which there are when there is no such one',
    scoped(async (t) => {
      const { registry, cistern } = await scene(t);
      const index = makeIndex({ seed: t.name });
      registry.push(REPOSITORY, index, 'multi');
      const reference = `${NAME}/${REPOSITORY}:multi`;
      const args = ['prefetch', reference, '--platform', 'linux/arm64'];
      const { images } = await json<Prefetched>(cistern, args);
      assert.deepEqual(images[0]?.platforms, ['linux/arm64/v8']);
      const fetched = registry.seen({ kind: 'blob', method: 'GET' }).map((request) => request.reference);
      assert.deepEqual(fetched.sort(), index.images[1]?.blobs.map(({ digest }) => digest).sort());

      const lacking = await ends(cistern, ['prefetch', reference, '--platform', 'windows/amd64'], 1);
      assert.match(lacking.stderr, /windows\/amd64.*linux\/amd64/);
      const all = await json<Prefetched>(cistern, ['prefetch', reference, '--all-platforms']);
      assert.equal(all.images[0]?.platforms.length, 2);
    }),
  );

  it(
    'ends with 1 when an image does not exist, and fetches the others',
    scoped(async (t) => {
      const { cistern } = await scene(t);
      const missing = `${NAME}/${REPOSITORY}:nope`;
      const { state, images } = await json<Prefetched>(cistern, ['prefetch', missing, REFERENCE], 1);
      assert.equal(state, 'failed');
      assert.deepEqual(images.map((image) => [image.reference, image.state]).sort(), [
        [missing, 'failed'],
        [REFERENCE, 'succeeded'],
      ]);
    }),
  );

  it(
    'leaves a job behind with --detach, which can be listed and cancelled',
    scoped(async (t) => {
      const { registry, cistern } = await scene(t);
      const gate = registry.hold({ kind: 'blob' });
      const { job } = await json<Prefetched>(cistern, ['prefetch', REFERENCE, '--detach']);
      await gate.reached;
      const jobs = await json<{ job: string; state: string }[]>(cistern, ['jobs']);
      assert.deepEqual(
        jobs.map((each) => [each.job, each.state]),
        [[job, 'running']],
      );
      await ends(cistern, ['jobs', job, '--cancel'], 0);
      const { state } = await json<Prefetched>(cistern, ['jobs', job, '--watch'], 1);
      assert.equal(state, 'cancelled');
      gate.open();
    }),
  );

  it(
    'goes on with its job after kill -9',
    scoped(async (t) => {
      const { dir, registry, cistern, image, upstreams } = await scene(t);
      const gate = registry.hold({ kind: 'blob', reference: image.layers[1]!.digest });
      const { job } = await json<Prefetched>(cistern, ['prefetch', REFERENCE, '--detach']);
      await gate.reached;
      await cistern.stop('SIGKILL');
      gate.open();
      const second = await start(t, { dir, upstreams });
      const { state, images } = await json<Prefetched>(second, ['jobs', job, '--watch']);
      assert.deepEqual([state, images[0]?.state], ['succeeded', 'succeeded']);
      await registry.down();
      await pull(second, image);
    }),
  );
});

describe('what is stored', () => {
  it(
    'is listed, inspected, pinned and evicted',
    scoped(async (t) => {
      const { dir, registry, cistern, image } = await scene(t);
      await json(cistern, ['prefetch', REFERENCE]);
      const before = await json<Listed[]>(cistern, ['images']);
      const [listed] = before as [Listed];
      assert.equal(before.length, 1);
      assert.deepEqual(
        [listed.upstream, listed.repository, listed.tag, listed.digest, listed.size, listed.pinned],
        [NAME, REPOSITORY, 'v1', image.digest, sizeOf(image), false],
      );
      assert.ok(Array.isArray(listed.platforms));
      await pull(cistern, image);
      const [pulled] = (await json<Listed[]>(cistern, ['images'])) as [Listed];
      assert.match(pulled.lastPulledAt ?? '', /^\d{4}-\d\d-\d\dT.*Z$/);
      assert.deepEqual(await json(cistern, ['images', '--before', '1h']), []);
      assert.deepEqual(await json(cistern, ['images', '--untagged']), []);

      const inspected = await json<{ digest: string; images: { whole: boolean; layers: { digest: string }[] }[] }>(
        cistern,
        ['inspect', REFERENCE],
      );
      assert.equal(inspected.digest, image.digest);
      assert.deepEqual(
        inspected.images.map(({ whole, layers }) => [whole, layers.map(({ digest }) => digest)]),
        [[true, image.layers.map(({ digest }) => digest)]],
      );

      const explained = await json<Explained>(cistern, ['explain', REFERENCE]);
      assert.deepEqual([explained.presence, explained.whole, explained.digest], ['here', true, image.digest]);
      assert.deepEqual([explained.evictionPlace, explained.keepers[0]?.reference], [1, REFERENCE]);
      assert.deepEqual([explained.asked[0]?.outcome, explained.asked[0]?.reason], ['hit', null]);
      assert.match(
        (await ends(cistern, ['explain', image.layers[0]!.digest], 0)).stdout,
        /^Kept by: .*consists of it/m,
      );
      const byDigest = await json<Explained>(cistern, ['explain', image.digest]);
      assert.deepEqual(byDigest.asked[0], explained.asked[0], 'it was asked for by its tag');

      assert.equal((await json<Listed>(cistern, ['pin', REFERENCE])).pinned, true);
      assert.match((await ends(cistern, ['evict', REFERENCE], 1)).stderr, /pinned/);
      assert.equal((await json<Listed>(cistern, ['unpin', REFERENCE])).pinned, false);
      const evicted = await json<{ reference: string }>(cistern, ['evict', REFERENCE]);
      assert.equal(evicted.reference, REFERENCE);
      for (const digest of digestsOf(image)) assert.equal(await exists(fileOf(dir, digest)), false, digest);
      assert.deepEqual(await json(cistern, ['images']), []);
      assert.match(
        (await ends(cistern, ['explain', REFERENCE], 1)).stdout,
        /was here, and was removed .* by an operator/,
      );
      const none = `${REFERENCE.slice(0, -2)}none`;
      assert.match((await ends(cistern, ['explain', none], 1)).stdout, /is not here, and nobody asked for it/);
      assert.equal((await get(pathTo(cistern, 'manifests', 'none'))).status, 404);
      assert.match((await ends(cistern, ['explain', none], 1)).stdout, /is not here: upstream refused it/);
      await registry.down();
      assert.notEqual((await get(pathTo(cistern, 'manifests', 'v1'))).status, 200);
    }),
  );

  it(
    'is accounted for by df, what images share counted once',
    scoped(async (t) => {
      const { registry, cistern, image } = await scene(t, { storage: { minFree: 0, maxSize: '1GiB' } });
      const sibling = makeImage({ seed: t.name, layers: LAYERS, extra: { annotations: { 'team.app': 'sibling' } } });
      registry.push(REPOSITORY, sibling, 'v2');
      await json(cistern, ['prefetch', REFERENCE, `${NAME}/${REPOSITORY}:v2`]);
      const usage = await json<Record<string, number>>(cistern, ['df']);
      const { blobs, bytes, maxBytes, images, sharedBytes, uniqueBytes } = usage;
      const shared = total(image.blobs);
      const unique = image.size + sibling.size;
      assert.deepEqual(
        { blobs, bytes, maxBytes, images, sharedBytes, uniqueBytes },
        {
          blobs: image.blobs.length + 2,
          bytes: shared + unique,
          maxBytes: 1024 ** 3,
          images: 2,
          sharedBytes: shared,
          uniqueBytes: unique,
        },
      );
      assert.equal(typeof usage['reclaimableBytes'], 'number');
    }),
  );

  it(
    'is collected: a dry run tells what would go, a run deletes just that',
    scoped(async (t) => {
      const { dir, registry, cistern, image } = await scene(t, { gc: { gracePeriod: '0s', retention: '1s' } });
      const loose = content(noise(t.name, 5000), 'application/octet-stream');
      registry.addBlob(REPOSITORY, loose);
      await pullBlob(cistern, loose);
      await pull(cistern, image);
      await cistern.stored([loose.digest, ...digestsOf(image)]);
      const pinned = makeImage({ seed: `${t.name}, pinned` });
      registry.push(REPOSITORY, pinned, 'kept');
      await json(cistern, ['prefetch', `${NAME}/${REPOSITORY}:kept`]);
      await json(cistern, ['pin', `${NAME}/${REPOSITORY}:kept`]);

      let plan!: Collected;
      await until(async () => {
        plan = await json<Collected>(cistern, ['gc', '--dry-run']);
        return plan.images.length === 1;
      }, 'an image that nobody pulled for a second');
      const { dryRun, sweptBlobs, sweptBytes, images } = plan;
      const expected = { sweptBlobs: image.blobs.length + 2, sweptBytes: sizeOf(image) + loose.size };
      assert.deepEqual({ dryRun, sweptBlobs, sweptBytes }, { dryRun: true, ...expected });
      const [{ reference, digest, reason, bytes }] = images as [Collected['images'][number]];
      assert.deepEqual([reference, digest, reason, bytes], [REFERENCE, image.digest, 'expired', sizeOf(image)]);
      assert.equal(await exists(fileOf(dir, loose.digest)), true, 'a dry run deletes nothing');

      const run = await json<Collected>(cistern, ['gc']);
      assert.deepEqual(
        { dryRun: run.dryRun, sweptBlobs: run.sweptBlobs, sweptBytes: run.sweptBytes },
        { dryRun: false, ...expected },
      );
      assert.ok(run.scannedBlobs >= run.reachableBlobs && run.reachableBlobs >= pinned.blobs.length + 1);
      for (const gone of [loose.digest, ...digestsOf(image)])
        assert.equal(await exists(fileOf(dir, gone)), false, gone);
      await registry.down();
      await pull(cistern, pinned, 'kept');
      const status = await json<{ last: { sweptBlobs: number } | null }>(cistern, ['gc', '--status']);
      assert.equal(status.last?.sweptBlobs, expected.sweptBlobs);
    }),
  );

  it(
    'keeps a blob that no manifest names for as long as gc.gracePeriod says',
    scoped(async (t) => {
      const { registry, cistern } = await scene(t);
      const loose = content(noise(t.name, 5000), 'application/octet-stream');
      registry.addBlob(REPOSITORY, loose);
      await pullBlob(cistern, loose);
      await cistern.stored([loose.digest]);
      const { sweptBlobs, keptByGrace } = await json<Collected>(cistern, ['gc']);
      assert.deepEqual({ sweptBlobs, keptByGrace }, { sweptBlobs: 0, keptByGrace: 1 });
    }),
  );

  it(
    'is verified: a damaged blob is set aside and fetched again',
    scoped(async (t) => {
      const { dir, registry, cistern, image } = await scene(t);
      await json(cistern, ['prefetch', REFERENCE]);
      const good = await json<Verified>(cistern, ['verify']);
      assert.deepEqual([good.checked, good.bytes, good.corrupt], [image.blobs.length + 1, sizeOf(image), []]);

      const [damaged, other] = image.layers as [Content, Content];
      await damage(fileOf(dir, damaged.digest));
      const found = await json<Verified>(cistern, ['verify', REFERENCE], 1);
      assert.deepEqual(
        found.corrupt.map(({ digest, action }) => [digest, action]),
        [[damaged.digest, 'refetched']],
      );
      assert.equal((await readdir(join(dir, 'var/quarantine'))).length, 1);
      await json(cistern, ['verify', damaged.digest]);
      await pull(cistern, image);

      await damage(fileOf(dir, other.digest));
      await registry.down();
      const lost = await json<Verified>(cistern, ['verify'], 1);
      assert.deepEqual(
        lost.corrupt.map(({ digest, action }) => [digest, action]),
        [[other.digest, 'quarantined']],
      );
      assert.notEqual(
        (await get(pathTo(cistern, 'blobs', other.digest))).status,
        200,
        'rather nothing than a wrong byte',
      );
      const offline = await json<{ whole: boolean; missing: { digest: string }[] }>(
        cistern,
        ['inspect', REFERENCE, '--offline'],
        1,
      );
      assert.deepEqual([offline.whole, offline.missing.map(({ digest }) => digest)], [false, [other.digest]]);
    }),
  );

  it(
    'is carried in a file to a daemon that reaches no upstream',
    scoped(async (t) => {
      const { dir, registry, cistern, image, upstreams } = await scene(t);
      await json(cistern, ['prefetch', REFERENCE]);
      const file = join(dir, 'images.tar');
      await ends(cistern, ['export', REFERENCE, '-o', file], 0);
      await registry.down();

      const other = await start(t, { dir: join(dir, 'other'), upstreams });
      assert.equal((await ends(other, ['inspect', REFERENCE], 1)).stdout, '');
      const { images } = await json<{ images: { reference: string; digest: string; bytesAdded: number }[] }>(other, [
        'import',
        file,
      ]);
      assert.deepEqual(
        images.map(({ reference, digest, bytesAdded }) => [reference, digest, bytesAdded]),
        [[REFERENCE, image.digest, sizeOf(image)]],
      );
      await ends(other, ['inspect', REFERENCE, '--offline'], 0);
      await pull(other, image);

      const broken = join(dir, 'broken.tar');
      await writeFile(broken, (await readFile(file)).subarray(0, 5000));
      await ends(other, ['import', broken], 1);
      await ends(other, ['import', join(dir, 'nowhere.tar')], 2);
    }),
  );
});

async function damage(file: string): Promise<void> {
  const bytes = await readFile(file);
  bytes[100] = bytes[100]! ^ 1;
  await chmod(file, 0o644);
  await writeFile(file, bytes);
}

describe('cistern stats', () => {
  it(
    'equals a known script of pulls',
    scoped(async (t) => {
      const { cistern, image } = await scene(t);
      const [layer] = image.layers as [Content];
      await pull(cistern, image);
      await cistern.stored(digestsOf(image));
      await pull(cistern, image);
      assert.equal((await head(pathTo(cistern, 'manifests', 'v1'))).status, 200);
      assert.equal((await get(pathTo(cistern, 'blobs', layer.digest), { range: 'bytes=0-9999' })).status, 206);
      assert.equal((await get(pathTo(cistern, 'manifests', 'nope'))).status, 404);

      const parts = image.blobs.length + 1;
      const served = 2 * sizeOf(image) + 10_000;
      const expected = {
        requests: 2 * parts + 2,
        hits: parts + 2,
        misses: parts,
        collapsed: 0,
        revalidated: 0,
        stale: 0,
        bypassed: 0,
        hitRatio: (parts + 2) / (2 * parts + 2),
        bytesServed: served,
        bytesFromUpstream: sizeOf(image),
        byteHitRatio: 1 - sizeOf(image) / served,
      };
      const report = await json<
        typeof expected & { upstreamPulls: number; groups: ({ key: string } & typeof expected)[] }
      >(cistern, ['stats', '--since', '24h', '--by', 'repository']);
      assert.deepEqual(pick(report, expected), expected);
      assert.equal(report.upstreamPulls, 1);
      assert.deepEqual(
        report.groups.map((group) => [group.key, pick(group, expected)]),
        [[`${NAME}/${REPOSITORY}`, expected]],
      );
    }),
  );
});

/** Of `from`, what `like` has. */
const pick = <T extends object>(from: T, like: T): T =>
  Object.fromEntries(Object.keys(like).map((key) => [key, Reflect.get(from, key) as unknown])) as T;

describe('cistern upstreams and doctor', () => {
  it(
    'tell of an upstream that is well, and of one that is gone',
    scoped(async (t) => {
      const { registry, cistern } = await scene(t);
      const [upstream] = await json<{ name: string; url: string; breaker: string; rateLimit: null }[]>(cistern, [
        'upstreams',
      ]);
      assert.deepEqual([upstream?.name, upstream?.breaker, upstream?.rateLimit], [NAME, 'closed', null]);
      interface Diagnosis {
        readonly ok: boolean;
        readonly findings: readonly { part: string; check: string; result: string; advice: string | null }[];
      }
      const well = await json<Diagnosis>(cistern, ['doctor']);
      assert.equal(well.ok, true);
      assert.deepEqual([...new Set(well.findings.map(({ part }) => part))], ['config', 'disk', 'index', 'upstream']);
      await registry.down();
      const ill = await json<Diagnosis>(cistern, ['doctor', NAME], 1);
      const failed = ill.findings.filter(({ result }) => result === 'failed');
      assert.deepEqual(
        failed.map(({ part, check }) => [part, check]),
        [['upstream', 'reachable']],
      );
    }),
  );
});

describe('a command', () => {
  it(
    'ends with 1 when what was asked for is not there, with 2 when it was asked wrongly',
    scoped(async (t) => {
      const { cistern } = await scene(t);
      for (const verb of ['inspect', 'pin', 'unpin', 'evict', 'verify']) {
        const { stderr } = await ends(cistern, [verb, REFERENCE], 1);
        assert.match(stderr, /not stored here/, verb);
      }
      await ends(cistern, ['jobs', 'nope'], 1);
      const { error } = await json<{ error: { status: string; code: string; about: string } }>(
        cistern,
        ['inspect', REFERENCE],
        1,
      );
      assert.deepEqual([error.status, error.code, error.about], ['NOT_FOUND', 'IMAGE_UNKNOWN', REFERENCE]);
      await ends(cistern, ['inspect', 'Not/A/Name'], 2);
      await ends(cistern, ['prefetch'], 2);
      await ends(cistern, ['prefetch', REFERENCE, '--platform', 'amd64'], 2);
      await ends(cistern, ['stats', '--since', 'yesterday-ish'], 2);
      await ends(cistern, ['frobnicate'], 2);
    }),
  );

  it('ends with 2 and the address when no daemon answers', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await command(['images'], { CISTERN_ADDRESS: address });
    assert.equal(code, 2);
    assert.ok(stderr.includes(address), stderr);
  });

  it(
    'finds its daemon at a Unix socket, and needs its token',
    scoped(async (t) => {
      const dir = await temporaryDirectory(t, 'cistern-e2e');
      const socket = join(dir, 'control.sock');
      const token = join(dir, 'token');
      await writeFile(token, 'open-sesame\n', { mode: 0o600 });
      const settings = { control: { listen: `unix://${socket}`, tokenFile: token } };
      await start(t, {
        dir,
        upstreams: [{ name: NAME, url: 'http://127.0.0.1:9', allowNetworks: ['127.0.0.0/8'] }],
        settings,
      });
      const env = { CISTERN_ADDRESS: `unix://${socket}` };
      const refused = await command(['upstreams'], env);
      assert.equal(refused.code, 2, said(refused));
      const ended = await command(['upstreams', '--token-file', token, '-o', 'json'], env);
      assert.equal(ended.code, 0, said(ended));
      assert.equal((JSON.parse(ended.stdout) as unknown[]).length, 1);
    }),
  );
});

const reflectionProto = join(
  dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json')),
  'build/proto/grpc/reflection/v1/reflection.proto',
);

interface Reflected {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] } | null;
}

describe('the API', () => {
  it(
    'describes itself to any gRPC client, and says that it is well',
    scoped(async (t) => {
      const { cistern } = await scene(t);
      const { grpc } = loadPackageDefinition({ ...loadSync(reflectionProto), ...loadSync(healthProto) }) as unknown as {
        grpc: {
          reflection: { v1: { ServerReflection: ServiceClientConstructor } };
          health: { v1: { Health: ServiceClientConstructor } };
        };
      };
      const reflection = new grpc.reflection.v1.ServerReflection(cistern.address, credentials.createInsecure());
      const health = new grpc.health.v1.Health(cistern.address, credentials.createInsecure());
      t.after(() => {
        reflection.close();
        health.close();
      });

      const call = reflection['ServerReflectionInfo']!.call(reflection) as unknown as NodeJS.ReadWriteStream & {
        write(message: object): boolean;
      };
      call.write({ listServices: '' });
      call.end();
      const names: string[] = [];
      for await (const answer of call as unknown as AsyncIterable<Reflected>) {
        names.push(...(answer.listServicesResponse?.service ?? []).map(({ name }) => name));
      }
      for (const service of ['Prefetch', 'GarbageCollection', 'Statistics', 'Contents', 'Upstreams']) {
        assert.ok(names.includes(`cistern.v1.${service}Service`), `${service}: ${names.join(', ')}`);
      }

      const { status } = await new Promise<{ status: string | number }>((resolve, reject) => {
        health['Check']!.call(health, { service: '' }, (error: Error | null, answer: { status: string | number }) =>
          error ? reject(error) : resolve(answer),
        );
      });
      assert.equal(status, 1, 'SERVING');
    }),
  );
});
