/** Every source of credentials, by the one suite. Those of clouds are the real SDKs, with the clouds' endpoints faked. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { missing } from '../../../src/lib/optional-package.js';
import { Secret } from '../../../src/lib/secret.js';
import type { UpstreamAuth } from '../../../src/upstream/credentials/open.js';
import type { ManualClock } from '../../support/manual-clock.js';
import { FakeClouds } from '../../support/fake-clouds.js';
import { temporaryDirectory } from '../../support/tmp.js';
import { credentialSource, type Origin } from './suite.js';

const url = new URL('https://registry.example');
const HOUR = 3_600_000;

/** A source that reads a file, which holds what `written` makes of a secret. */
const fromFile =
  (auth: (file: string) => UpstreamAuth, written: (secret: string) => string, broken?: string) =>
  async (t: TestContext): Promise<Origin> => {
    const file = join(await temporaryDirectory(t), 'secret');
    const secrets: string[] = [];
    const mend = () => {
      secrets.push(`hunter-${secrets.length + 1}-secret`);
      return writeFile(file, written(secrets.at(-1)!));
    };
    await mend();
    const spoil = () => (broken === undefined ? rm(file) : writeFile(file, broken));
    return { auth: auth(file), url, break: spoil, mend, secrets: () => secrets, given: () => 1 };
  };

credentialSource('a password from a file', {
  open: fromFile(
    (file) => ({ type: 'basic', username: 'alice', password: Secret.fromFile(file) }),
    (secret) => `${secret}\n`,
  ),
});

credentialSource('a password from a file that was emptied', {
  open: fromFile(
    (file) => ({ type: 'basic', username: 'alice', password: Secret.fromFile(file) }),
    (secret) => secret,
    '\n',
  ),
});

credentialSource('a bearer token from a file', {
  open: fromFile(
    (file) => ({ type: 'bearer', token: Secret.fromFile(file) }),
    (secret) => secret,
  ),
});

const dockerConfig = (configFile: string): UpstreamAuth => ({
  type: 'docker-config',
  configFile,
  helpers: ['fake-cistern'],
  helperTimeout: 10_000,
});

credentialSource('an entry of a docker config.json', {
  open: fromFile(
    dockerConfig,
    (secret) => JSON.stringify({ auths: { [url.host]: { auth: Buffer.from(`alice:${secret}`).toString('base64') } } }),
    // Broken by hand, with a secret in it: what cannot be parsed must not be quoted.
    '{"auths": hunter-1-secret',
  ),
});

credentialSource('a docker credential helper', {
  life: 300_000,
  open: async (t) => {
    const directory = await temporaryDirectory(t);
    const file = (name: string) => join(directory, name);
    const helper = file('docker-credential-fake-cistern');
    await writeFile(file('config.json'), JSON.stringify({ credHelpers: { [url.host]: 'fake-cistern' } }));
    await writeFile(file('given'), '');
    const good = `#!/bin/sh
read -r host
echo "$1 $host" >> ${file('given')}
number=$(wc -l < ${file('given')})
echo "{\\"ServerURL\\":\\"$host\\",\\"Username\\":\\"alice\\",\\"Secret\\":\\"helper-secret-$((number))\\"}"
`;
    const write = async (text: string) => {
      await writeFile(helper, text);
      await chmod(helper, 0o755);
    };
    await write(good);
    const { PATH } = process.env;
    process.env['PATH'] = `${directory}:${PATH ?? ''}`;
    t.after(() => void (process.env['PATH'] = PATH));
    return {
      auth: dockerConfig(file('config.json')),
      url,
      break: () => write('#!/bin/sh\necho helper-secret-oops\necho helper-secret-oops >&2\nexit 3\n'),
      mend: () => write(good),
      secrets: () => ['helper-secret'],
      given: () => readFileSync(file('given'), 'utf8').split('\n').length - 1,
    };
  },
});

/** A source that fetches its credentials from a cloud, by an SDK that finds it through the environment. */
const fromCloud =
  (auth: UpstreamAuth, environment: (clouds: FakeClouds) => Readonly<Record<string, string>>) =>
  async (t: TestContext, clock: ManualClock): Promise<Origin> => {
    const clouds = await FakeClouds.start(t, clock);
    const variables = environment(clouds);
    Object.assign(process.env, variables);
    t.after(() => {
      for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, name);
    });
    return {
      auth,
      url: new URL(clouds.url),
      break: () => void (clouds.broken = true),
      mend: () => void (clouds.broken = false),
      secrets: () => [...clouds.secrets, ...Object.values(variables).filter((value) => value.includes('secret'))],
      given: () => clouds.given,
    };
  };

const aws = (clouds: FakeClouds) => ({
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'aws-secret-key',
  AWS_ENDPOINT_URL: clouds.url,
});

credentialSource('ECR', {
  life: 12 * HOUR,
  skip: missing('@aws-sdk/client-ecr') ?? false,
  open: fromCloud({ type: 'ecr', region: 'eu-west-1', public: false }, aws),
});

credentialSource('ECR Public', {
  life: 12 * HOUR,
  skip: missing('@aws-sdk/client-ecr-public') ?? false,
  open: fromCloud({ type: 'ecr', region: 'us-east-1', public: true }, aws),
});

credentialSource('Google’s metadata server', {
  life: HOUR,
  skip: missing('google-auth-library') ?? false,
  open: fromCloud({ type: 'gcp' }, (clouds) => ({ GCE_METADATA_HOST: clouds.authority })),
});

credentialSource('the AAD exchange of an ACR, as a managed identity', {
  life: 3 * HOUR,
  skip: missing('@azure/identity') ?? false,
  open: fromCloud({ type: 'acr' }, (clouds) => ({
    IDENTITY_ENDPOINT: `${clouds.url}/msi/token`,
    IDENTITY_HEADER: 'managed-identity-secret',
  })),
});

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

credentialSource('a Google service account', {
  life: HOUR,
  skip: missing('google-auth-library') ?? false,
  open: async (t, clock) => {
    const keyFile = join(await temporaryDirectory(t), 'key.json');
    const key = { type: 'service_account', client_email: 'ci@example', private_key: privateKey };
    await writeFile(keyFile, JSON.stringify(key));
    const origin = await fromCloud({ type: 'gcp', keyFile }, () => ({}))(t, clock);
    const here = (to: unknown, init?: RequestInit) =>
      fetch(String(to).replace('https://oauth2.googleapis.com', origin.url.origin), init);
    return { ...origin, fetch: here, secrets: () => [...origin.secrets(), privateKey.slice(100, 200)] };
  },
});
