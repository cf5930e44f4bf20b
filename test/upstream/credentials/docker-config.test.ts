/** What is read of a docker config.json, for which host, and what credential helpers may and may not do. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { reasonsOf } from '../../../src/lib/errors.js';
import { openCredentials } from '../../../src/upstream/credentials/open.js';
import type { Credential } from '../../../src/upstream/credentials/credential-source.js';
import { ManualClock } from '../../support/manual-clock.js';
import { eventually } from '../../support/eventually.js';
import { temporaryDirectory, type Scope } from '../../support/tmp.js';
import { failsWith, testLog } from '../support.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const alice = { kind: 'password', username: 'alice', password: 'se:cret' } as const;
const auth = { auth: base64('alice:se:cret') };

interface Options {
  readonly host?: string;
  readonly helpers?: readonly string[];
  readonly clock?: ManualClock;
}

async function credential(t: Scope, config: unknown, options: Options = {}): Promise<Credential> {
  const { host = 'ghcr.io', helpers = [], clock = new ManualClock() } = options;
  const configFile = join(await temporaryDirectory(t), 'config.json');
  await writeFile(configFile, typeof config === 'string' ? config : JSON.stringify(config));
  const source = openCredentials(
    { type: 'docker-config', configFile, helpers, helperTimeout: 10_000 },
    {
      upstream: 'up.test',
      url: new URL(`https://${host}`),
      env: {},
      ask: () => Promise.reject(new Error('nobody is to be asked')),
      clock,
      log: testLog(),
    },
  );
  assert.ok(source);
  return source.get(new AbortController().signal);
}

const refused =
  (expected: RegExp, ...secrets: readonly string[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Error);
    assert.match(reasonsOf(error), expected);
    return failsWith('UPSTREAM_CREDENTIALS', ...secrets)(error);
  };

describe('a docker config.json', () => {
  for (const [what, auths, host, expected] of [
    ['a user and a password in base64', { 'ghcr.io': auth }, 'ghcr.io', alice],
    ['a user and a password in the clear', { 'ghcr.io': { username: 'alice', password: 'se:cret' } }, 'ghcr.io', alice],
    [
      'an identity token, which goes before the rest',
      { 'ghcr.io': { ...auth, identitytoken: 'id' } },
      'ghcr.io',
      { kind: 'refresh', token: 'id' },
    ],
    ['a host with its port', { 'r.test:5000': auth }, 'r.test:5000', alice],
    ['a URL in place of the host', { 'https://ghcr.io/v1/': auth }, 'ghcr.io', alice],
    ['Docker Hub by its old URL', { 'https://index.docker.io/v1/': auth }, 'registry-1.docker.io', alice],
    ['Docker Hub by its name', { 'docker.io': auth }, 'registry-1.docker.io', alice],
    [
      'a service account’s key',
      { 'gcr.io': { auth: base64('_json_key:{\n"type":"service_account"\n}') } },
      'gcr.io',
      { kind: 'password', username: '_json_key', password: '{\n"type":"service_account"\n}' },
    ],
  ] as const) {
    it(`may have ${what}`, async (t) => assert.deepEqual(await credential(t, { auths }, { host }), expected));
  }

  for (const [what, config, expected] of [
    ['no entry for the host', { auths: { 'quay.io': auth } }, /has no entry for ghcr\.io/],
    ['an entry for the host on another port', { auths: { 'ghcr.io:444': auth } }, /has no entry for ghcr\.io/],
    ['an entry for a part of the host only', { auths: { 'ghcr.io/alice': auth } }, /has no entry for ghcr\.io/],
    ['an entry without a credential', { auths: { 'ghcr.io': {} } }, /an entry for ghcr\.io without a credential/],
    [
      'an entry that is not base64 of a pair',
      { auths: { 'ghcr.io': { auth: base64('alice') } } },
      /without a credential/,
    ],
    ['nothing', {}, /has no entry for ghcr\.io/],
    ['a list', [], /has no entry for ghcr\.io/],
    ['half of its JSON', '{"auths":{"ghcr.io":{"auth":"YWxpY2U6c2U6Y3JldA', /is not valid JSON/],
  ] as const) {
    it(`with ${what} is UPSTREAM_CREDENTIALS, and the host is not asked anonymously`, (t) =>
      assert.rejects(credential(t, config), refused(expected, 'YWxp', 'se:cret')));
  }

  it('in which a helper is named for the host has no other credential for it, as for docker', (t) =>
    assert.rejects(
      credential(t, { auths: { 'ghcr.io': auth }, credHelpers: { 'ghcr.io': 'fake' } }),
      refused(/docker-credential-fake, which is not one of "helpers"/),
    ));
});

describe('a docker credential helper', () => {
  let directory: string;
  const script = async (name: string, text: string) => {
    const path = join(directory, `docker-credential-${name}`);
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
  };
  const told = '{"ServerURL":"x","Username":"alice","Secret":"se:cret"}';
  const ask = (t: TestContext, name: string, options: Options = {}) =>
    credential(t, { credsStore: name }, { helpers: [name], ...options });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cistern-helpers-'));
    process.env['PATH'] = `${directory}:${process.env['PATH'] ?? ''}`;
  });

  after(() => rm(directory, { recursive: true }));

  it('is asked for the host, on its stdin', async (t) => {
    await script('asked', `cat > ${directory}/stdin; echo $# $1 > ${directory}/arguments; echo '${told}'`);
    assert.deepEqual(await ask(t, 'asked'), alice);
    assert.equal(readFileSync(join(directory, 'stdin'), 'utf8'), 'ghcr.io');
    assert.equal(readFileSync(join(directory, 'arguments'), 'utf8'), '1 get\n');
    await ask(t, 'asked', { host: 'registry-1.docker.io' });
    assert.equal(readFileSync(join(directory, 'stdin'), 'utf8'), 'https://index.docker.io/v1/');
  });

  it('may answer without reading', async (t) => {
    await script('deaf', `exec <&-; echo '${told}'`);
    assert.deepEqual(await ask(t, 'deaf'), alice);
  });

  it('may give an identity token', async (t) => {
    await script('token', `echo '{"Username":"<token>","Secret":"id"}'`);
    assert.deepEqual(await ask(t, 'token'), { kind: 'refresh', token: 'id' });
  });

  it('for one host goes before the one for all', async (t) => {
    await script('one', `echo '${told}'`);
    const config = { credsStore: 'absent', credHelpers: { 'ghcr.io': 'one' } };
    assert.deepEqual(await credential(t, config, { helpers: ['one', 'absent'] }), alice);
  });

  it('that is not allowed by our own configuration is not run', async (t) => {
    await script('evil', `touch ${directory}/ran; echo '${told}'`);
    for (const name of ['evil', '../evil', `${directory}/docker-credential-evil`]) {
      await assert.rejects(credential(t, { credsStore: name }, { helpers: ['good'] }), refused(/not one of "helpers"/));
    }
    assert.equal(existsSync(join(directory, 'ran')), false);
  });

  it('is not told what Cistern is configured with', async (t) => {
    process.env['CISTERN_UPSTREAMS__0__AUTH__PASSWORD'] = 'other';
    t.after(() => Reflect.deleteProperty(process.env, 'CISTERN_UPSTREAMS__0__AUTH__PASSWORD'));
    await script('env', `env > ${directory}/env; echo '${told}'`);
    await ask(t, 'env');
    const seen = readFileSync(join(directory, 'env'), 'utf8');
    assert.match(seen, /^PATH=/m);
    assert.doesNotMatch(seen, /CISTERN_/);
  });

  for (const [what, text, expected] of [
    [
      'that knows nothing of the host',
      'echo credentials not found in native keychain; exit 1',
      /no credential for ghcr\.io/,
    ],
    ['that has an empty secret', `echo '{"Username":"alice","Secret":""}'`, /has no credential for ghcr\.io/],
    ['that fails', 'echo se:cret; echo se:cret >&2; exit 7', /docker-credential-bad failed with exit code 7/],
    ['that prints no JSON', 'echo se:cret', /answered something that is no credential/],
    ['that prints something else', `echo '{"secret":"se:cret"}'`, /answered something that is no credential/],
    ['that prints without end', 'yes se:cret', /printed more than 65536 bytes/],
    ['that is killed', 'kill -9 $$', /docker-credential-bad failed \(killed\)/],
  ] as const) {
    it(`${what} is UPSTREAM_CREDENTIALS, and what it printed is not told`, async (t) => {
      await script('bad', text);
      await assert.rejects(ask(t, 'bad'), refused(expected, 'se:cret'));
    });
  }

  it('that is not in the PATH says so', (t) =>
    assert.rejects(ask(t, 'not-there'), refused(/docker-credential-not-there is not in the PATH/)));

  it('that hangs is ended when its time is up', async (t) => {
    await script('slow', `echo $$ > ${directory}/pid; exec sleep 600`);
    const clock = new ManualClock();
    const asked = assert.rejects(ask(t, 'slow', { clock }), refused(/not had within 10000 ms/));
    const pid = () => (existsSync(join(directory, 'pid')) ? Number(readFileSync(join(directory, 'pid'), 'utf8')) : 0);
    await eventually(() => pid() > 0, 'it runs');
    await clock.advance(10_000);
    await asked;
    await eventually(() => !existsSync(`/proc/${pid()}`), 'it is gone');
  });
});
