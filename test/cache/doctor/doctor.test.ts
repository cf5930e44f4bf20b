/** What the doctor finds, in a daemon that pulls from upstreams with all sorts of trouble. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Doctor, type DoctorParts } from '../../../src/cache/doctor/doctor.js';
import type { Finding } from '../../../src/cache/doctor/upstream-states.js';
import { AppError } from '../../../src/lib/errors.js';
import { memoryCatalog } from '../../support/catalogs.js';
import { startTestDaemon, type TestDaemon } from '../../support/daemon.js';
import { eventually } from '../../support/eventually.js';
import { FakeRegistry, type FakeRegistryOptions } from '../../support/fake-registry.js';
import { makeImage } from '../../support/images.js';
import { temporaryDirectory } from '../../support/tmp.js';

const GiB = 1024 ** 3;
const { signal } = new AbortController();

async function all(findings: AsyncIterable<Finding>): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for await (const finding of findings) found.push(finding);
  return found;
}

const diagnosed = (daemon: TestDaemon, ...names: string[]) => all(daemon.upstreams.diagnose(names, signal));

/** `check: result` of an upstream's findings. */
const results = (findings: readonly Finding[], upstream?: string): string[] =>
  findings.filter((finding) => finding.upstream === upstream).map(({ check, result }) => `${check}: ${result}`);

const messageOf = (findings: readonly Finding[], check: string): string =>
  findings
    .filter((finding) => finding.check === check)
    .map(({ message, advice = '' }) => `${message} | ${advice}`)
    .join();

async function scene(t: TestContext, options: FakeRegistryOptions = {}, upstream: object = {}) {
  const registry = await FakeRegistry.start(t, options);
  const daemon = await startTestDaemon(t, { upstreams: [{ name: 'up.test', url: registry.url, ...upstream }] });
  // A new directory has an index that is made from its blobs, of which there are none.
  await eventually(() => daemon.logged('index rebuilt').length > 0, 'the index is ready');
  const image = makeImage({ seed: 'doctor' });
  registry.push('team/app', image, 'v1');
  const pull = async () => {
    await daemon.manifest('team/app', 'v1');
    for (const { digest } of image.blobs) {
      await daemon.blob('team/app', digest);
      await daemon.stored(digest);
    }
  };
  return { registry, daemon, image, pull };
}

describe('the doctor', () => {
  it('finds nothing wrong where nothing is', async (t) => {
    const { registry, daemon, pull } = await scene(t, { auth: { type: 'bearer' } });
    await pull();
    registry.forgetRequests();
    const findings = await diagnosed(daemon);
    assert.deepEqual(results(findings), ['file: ok', 'space: ok', 'min-free: ok', 'writable: ok', 'state: ok']);
    assert.deepEqual(results(findings, 'up.test'), [
      'reachable: ok',
      'realm: ok',
      'credential: skipped',
      'auth: ok',
      'range: ok',
      'rate-limit: skipped',
    ]);
    assert.deepEqual(
      registry.seen({ kind: 'blob' }).map(({ range, status }) => [range, status]),
      [['bytes=1-1', 206]],
    );
    assert.match(messageOf(findings, 'state'), /3 blobs/);
  });

  it('skips the range while nothing was pulled, and everything of an upstream that is down', async (t) => {
    const { registry, daemon } = await scene(t);
    assert.deepEqual(results(await diagnosed(daemon), 'up.test').slice(1), [
      'realm: skipped',
      'credential: skipped',
      'auth: ok',
      'range: skipped',
      'rate-limit: skipped',
    ]);
    await registry.down();
    const findings = await diagnosed(daemon);
    assert.deepEqual(results(findings, 'up.test'), [
      'reachable: failed',
      'realm: skipped',
      'credential: skipped',
      'auth: skipped',
      'range: skipped',
      'rate-limit: skipped',
    ]);
    assert.match(messageOf(findings, 'reachable'), /look at its url/);
  });

  it('names a realm that may not be asked, and sends it nothing', async (t) => {
    const other = await FakeRegistry.start(t);
    const { daemon } = await scene(t, { auth: { type: 'bearer', realm: `${other.url}/token` } });
    const findings = await diagnosed(daemon, 'up.test');
    const expected = ['reachable: ok', 'realm: failed', 'credential: skipped', 'auth: skipped'];
    assert.deepEqual(results(findings, 'up.test').slice(0, 4), expected);
    assert.match(messageOf(findings, 'realm'), /not in "realms".*add that host to "realms"/);
    assert.equal(other.connections, 0);
  });

  for (const type of ['basic', 'bearer'] as const) {
    it(`tells a good ${type} login from a bad one, and keeps the password to itself`, async (t) => {
      const directory = await temporaryDirectory(t);
      const login = async (password: string) => {
        const passwordFile = join(directory, `password-${password}`);
        await writeFile(passwordFile, password, { mode: 0o600 });
        const auth = { type: 'basic', username: 'ci', passwordFile };
        const { daemon } = await scene(t, { auth: { type, users: { ci: 'right' } } }, { auth });
        return diagnosed(daemon);
      };
      assert.ok(results(await login('right'), 'up.test').includes('auth: ok'));
      const bad = await login('wrong-secret');
      assert.ok(results(bad, 'up.test').includes('auth: failed'));
      assert.ok(results(bad, 'up.test').includes('credential: ok'));
      assert.match(messageOf(bad, 'credential'), /^user ci \|/);
      assert.match(messageOf(bad, 'auth'), /refused by .*: it is user ci \| look at its "auth"/);
      assert.doesNotMatch(JSON.stringify(bad), /wrong-secret"|:wrong-secret/);
    });
  }

  it('says why there is no credential, which clients are not told, and that it is mended', async (t) => {
    const configFile = join(await temporaryDirectory(t), 'config.json');
    const save = (auths: object) => writeFile(configFile, JSON.stringify({ auths }), { mode: 0o600 });
    await save({});
    const auth = { type: 'docker-config', configFile };
    const { registry, daemon } = await scene(t, { auth: { type: 'basic', users: { ci: 'right' } } }, { auth });
    const answer = await daemon.manifest('team/app', 'v1');
    assert.equal(answer.status, 502);
    assert.match(answer.body.toString(), /UPSTREAM_CREDENTIALS/);
    assert.match(answer.body.toString(), /up\.test: Cistern has no credential to log in with/);
    assert.doesNotMatch(answer.body.toString(), /config\.json/);
    assert.equal(registry.connections, 0, 'never asked anonymously instead');
    const findings = await diagnosed(daemon);
    assert.match(messageOf(findings, 'credential'), /config\.json has no entry for 127\.0\.0\.1/);
    assert.ok(results(findings, 'up.test').includes('auth: skipped'));
    assert.match((await daemon.upstreams.list())[0]?.credential?.failure ?? '', /has no entry/);
    assert.equal(daemon.logged('"level":"error"', 'no entry').length, 1);

    await save({ [new URL(registry.url).host]: { username: 'ci', password: 'right' } });
    assert.equal((await daemon.manifest('team/app', 'v1')).status, 200);
    assert.ok(results(await diagnosed(daemon), 'up.test').includes('credential: ok'));
    assert.equal((await daemon.upstreams.list())[0]?.credential?.failure, undefined);
  });

  it('says when an upstream wants a login that is not configured', async (t) => {
    const { daemon } = await scene(t, { auth: { type: 'basic', users: { ci: 'right' } } });
    const findings = await diagnosed(daemon);
    assert.ok(results(findings, 'up.test').includes('auth: failed'));
    assert.match(messageOf(findings, 'auth'), /configure "auth"/);
  });

  it('warns of an upstream that ignores ranges', async (t) => {
    const { registry, daemon, pull } = await scene(t);
    await pull();
    registry.fail({ kind: 'blob', ranged: true }, { range: 'ignore' });
    assert.ok(results(await diagnosed(daemon), 'up.test').includes('range: warning'));
  });

  it('warns when the configuration on disk is not what is in force, and lists what is wrong with it', async (t) => {
    const { daemon } = await scene(t);
    const file = join(daemon.dataDir, '../cistern.yaml');
    await writeFile(file, `dataDir: ${daemon.dataDir}\nupstreams: [{ name: docker.io }]\n`);
    assert.ok(results(await diagnosed(daemon)).includes('file: warning'));
    await writeFile(file, 'dataDirr: here\nstorage: { maxSize: much }\n');
    const findings = await diagnosed(daemon);
    assert.ok(results(findings).filter((text) => text === 'file: failed').length >= 2);
  });

  it('refuses a name that no upstream has, and takes aliases', async (t) => {
    const { daemon } = await scene(t, {}, { aliases: ['up'] });
    await assert.rejects(diagnosed(daemon, 'nowhere.test'), { code: 'NAME_UNKNOWN' });
    assert.equal((await diagnosed(daemon, 'up', 'up.test')).filter(({ check }) => check === 'reachable').length, 1);
  });

  it('says what is the matter with the disk and the index', async (t) => {
    const { catalog, store } = await memoryCatalog(t);
    const dataDir = await temporaryDirectory(t);
    const found = async (parts: Partial<DoctorParts>) =>
      results(
        await all(
          new Doctor({
            upstreams: () => [],
            config: () => ({ inForce: true }),
            dataDir,
            minFree: 5 * GiB,
            free: () => Promise.resolve(100 * GiB),
            catalog,
            ...parts,
          }).diagnose([], signal),
        ),
      ).slice(1);
    assert.deepEqual(await found({}), ['space: ok', 'min-free: ok', 'writable: ok', 'state: ok']);
    const free = (bytes: number) => ({ free: () => Promise.resolve(bytes) });
    assert.deepEqual((await found(free(8 * GiB))).slice(0, 2), ['space: ok', 'min-free: warning']);
    assert.deepEqual((await found(free(GiB / 2))).slice(0, 2), ['space: warning', 'min-free: failed']);
    assert.deepEqual((await found({ ...free(1000), minFree: 0 })).slice(0, 2), ['space: failed', 'min-free: ok']);
    const unknown = { free: () => Promise.reject(new AppError('STORE_FAILED', 'no such disk')) };
    assert.equal((await found(unknown))[0], 'space: failed');
    assert.equal((await found({ dataDir: join(dataDir, 'gone') }))[2], 'writable: failed');
    store.failNextWrite('full');
    store.hasSpace = false;
    await assert.rejects(catalog.pin({ upstream: 'up.test', name: 'team/app' }, 'v1' as never));
    assert.equal((await found({}))[3], 'state: failed');
    store.hasSpace = true;
  });
});

describe('the list of upstreams', () => {
  it('tells of each, in the order of the configuration, without asking', async (t) => {
    const registry = await FakeRegistry.start(t);
    const daemon = await startTestDaemon(t, {
      upstreams: [
        { name: 'b.test', url: registry.url, aliases: ['bee'], maxConnections: 2 },
        { name: 'a.test', url: `${registry.url}/below` },
      ],
    });
    const rest = {
      credentialed: false,
      breaker: 'closed',
      rateLimit: undefined,
      heldBackUntil: undefined,
      credential: undefined,
      activeBodies: 0,
      waitingBodies: 0,
    };
    assert.deepEqual(await daemon.upstreams.list(), [
      { name: 'b.test', url: `${registry.url}/`, aliases: ['bee'], default: true, maxBodies: 2, ...rest },
      { name: 'a.test', url: `${registry.url}/below`, aliases: [], default: false, maxBodies: 16, ...rest },
    ]);
    assert.equal(registry.connections, 0);
  });

  it('counts bodies under way and those that wait', async (t) => {
    const { registry, daemon } = await scene(t, {}, { maxConnections: 1 });
    const image = makeImage({ seed: 'slots', layers: [3_000_000, 3_000_001] });
    registry.push('team/slots', image, 'v1');
    const gate = registry.hold({ kind: 'blob', at: 'middle' });
    const first = daemon.blob('team/slots', image.layers[0]!.digest);
    await gate.reached;
    const second = daemon.blob('team/slots', image.layers[1]!.digest);
    const state = async () => (await daemon.upstreams.list())[0]!;
    await eventually(async () => (await state()).waitingBodies > 0, 'the second one waits');
    assert.deepEqual([(await state()).activeBodies, (await state()).waitingBodies], [1, 1]);
    gate.open();
    assert.deepEqual(
      (await Promise.all([first, second])).map(({ body }) => body.length),
      [3_000_000, 3_000_001],
    );
    assert.deepEqual([(await state()).activeBodies, (await state()).waitingBodies], [0, 0]);
  });
});
