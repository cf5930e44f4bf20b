/** What `auth` of an upstream may say; also that what the documentation shows is accepted. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { formatProblem, readConfig, type ConfigResult } from '../../src/config/load.js';
import { missing } from '../../src/lib/optional-package.js';

const ROOT = join(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'cistern-auth-'));
after(() => rmSync(directory, { recursive: true }));

const secret = join(directory, 'secret');
writeFileSync(secret, '{"auths":{}}', { mode: 0o600 });

function read(yaml: string): ConfigResult {
  const file = join(directory, 'cistern.yaml');
  writeFileSync(file, yaml);
  return readConfig({ file, env: {} });
}

const authOf = (auth: string, name = 'ghcr.io') => {
  const { config, problems } = read(`upstreams: [{ name: ${name}, auth: ${auth} }]`);
  assert.deepEqual((problems ?? []).map(formatProblem), []);
  return config?.upstreams[0]?.auth;
};

const refusal = (auth: string): string =>
  (read(`upstreams: [{ name: ghcr.io, auth: ${auth} }]`).problems ?? []).map(formatProblem).join('\n');

const withClouds = {
  skip: missing('@aws-sdk/client-ecr') ?? missing('google-auth-library') ?? missing('@azure/identity') ?? false,
};

describe('the credential of an upstream', () => {
  for (const key of [`token: s3cret`, `tokenFile: ${secret}`]) {
    it(`may be a bearer token: ${key.split(':')[0]}`, () => {
      const auth = authOf(`{ type: bearer, ${key} }`);
      assert.ok(auth?.type === 'bearer');
      assert.notEqual(auth.token.reveal(), '');
      assert.doesNotMatch(JSON.stringify(auth), /s3cret/);
    });
  }

  it('may be in a docker config.json, with helpers if they are named', () => {
    assert.deepEqual(authOf(`{ type: docker-config, configFile: ${secret} }`), {
      type: 'docker-config',
      configFile: secret,
      helpers: [],
      helperTimeout: 10_000,
    });
    const auth = authOf(`{ type: docker-config, configFile: ${secret}, helpers: [ecr-login], helperTimeout: 3s }`);
    assert.ok(auth?.type === 'docker-config');
    assert.deepEqual([auth.helpers, auth.helperTimeout], [['ecr-login'], 3000]);
  });

  for (const [name, more, region, isPublic] of [
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', '', 'eu-west-1', false],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', '', 'cn-north-1', false],
    ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com', '', 'us-gov-west-1', false],
    ['123456789012.dkr-ecr.eu-west-1.on.aws', '', 'eu-west-1', false],
    ['public.ecr.aws', '', 'us-east-1', true],
    ['registry.example', ', region: eu-north-1', 'eu-north-1', false],
    ['public.example', ', public: true', 'us-east-1', true],
  ] as const) {
    it(`may be Amazon’s, whose region ${more === '' ? 'the host says' : 'is given'}: ${name}`, withClouds, () => {
      const auth = authOf(`{ type: ecr${more} }`, name);
      assert.deepEqual(auth, { type: 'ecr', region, public: isPublic });
    });
  }

  it('may be Google’s or Azure’s', withClouds, () => {
    assert.deepEqual(authOf('{ type: gcp }'), { type: 'gcp' });
    assert.deepEqual(authOf(`{ type: gcp, keyFile: ${secret} }`), { type: 'gcp', keyFile: secret });
    assert.deepEqual(authOf('{ type: acr, clientId: abc }'), { type: 'acr', clientId: 'abc' });
  });

  for (const [auth, expected] of [
    ['{ type: bearer }', /upstreams\.0\.auth: token or tokenFile is required/],
    [`{ type: bearer, token: x, tokenFile: ${secret} }`, /upstreams\.0\.auth: token and tokenFile exclude each other/],
    ['{ type: docker-config }', /auth\.configFile: is required/],
    ['{ type: docker-config, configFile: /nonexistent }', /auth\.configFile: \/nonexistent does not exist/],
    [
      `{ type: docker-config, configFile: ${secret}, helpers: [../evil] }`,
      /auth\.helpers\.0: "\.\.\/evil" is no credential helper; expected NAME of docker-credential-NAME/,
    ],
    [`{ type: docker-config, configFile: ${secret}, helpers: [Pass] }`, /is no credential helper/],
    [`{ type: docker-config, configFile: ${secret}, helperTimeout: 0s }`, /helperTimeout: expected a duration from/],
    ['{ type: ecr, region: mars }', /auth\.region: "mars" is no region of AWS/],
    ['{ type: gcp, keyFile: /nonexistent }', /auth\.keyFile: \/nonexistent does not exist/],
    ['{ type: acr, clientid: x }', /auth\.clientid: is not a known key; did you mean clientId\?/],
  ] as const) {
    it(`cannot be ${auth.replace(secret, 'FILE')}`, () => assert.match(refusal(auth), expected));
  }

  it('cannot be Amazon’s without a region', withClouds, () =>
    assert.match(refusal('{ type: ecr }'), /auth\.region: is required, because ghcr\.io does not say it/),
  );

  it('cannot be a cloud’s whose package was left out, and the problem says what to install', () => {
    const hook =
      'export const resolve = (name, context, next) => { if (/^(@aws-sdk|@azure|google-auth)/.test(name)) ' +
      'throw Object.assign(new Error("gone"), { code: "ERR_MODULE_NOT_FOUND" }); return next(name, context); };';
    const register = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});`;
    const file = join(directory, 'clouds.yaml');
    const entry = (type: string) =>
      `{ name: ${type}.test, auth: { type: ${type}${type === 'ecr' ? ', region: eu-west-1' : ''} } }`;
    writeFileSync(file, `upstreams: [${['ecr', 'gcp', 'acr'].map(entry).join(', ')}]`);
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        '--import',
        `data:text/javascript,${encodeURIComponent(register)}`,
        '--import',
        'tsx',
        'src/main.ts',
        'check-config',
        '-c',
        file,
      ],
      { cwd: ROOT, encoding: 'utf8' },
    );
    assert.equal(status, 2, stderr);
    for (const [type, name] of [
      ['ecr', '@aws-sdk/client-ecr@3'],
      ['gcp', 'google-auth-library@10'],
      ['acr', '@azure/identity@4.13'],
    ] as const) {
      assert.match(
        stderr,
        new RegExp(`auth\\.type: ${type} needs the package .*not installed; run npm install ${name} `),
      );
    }
  });
});

describe('the examples of docs/credentials.md', withClouds, () => {
  const examples = [
    ...readFileSync(join(ROOT, 'docs/credentials.md'), 'utf8').matchAll(/## ([^\n]*)\n[^#]*?```yaml\n(.*?)```/gs),
  ];
  const files = join(directory, 'etc');
  mkdirSync(files);

  it('are one for each kind', () => assert.equal(examples.length, 6));

  for (const [, title = '', example = ''] of examples) {
    it(`are accepted by check-config: ${title}`, () => {
      const yaml = example.replaceAll('/etc/cistern/', `${files}/`);
      for (const [path] of yaml.matchAll(new RegExp(`${files}/[^ }\\n]+`, 'g')))
        writeFileSync(path, 'x', { mode: 0o600 });
      const file = join(directory, 'example.yaml');
      writeFileSync(file, yaml);
      const said = execFileSync(process.execPath, ['--import', 'tsx', 'src/main.ts', 'check-config', '-c', file], {
        cwd: ROOT,
        encoding: 'utf8',
      });
      assert.match(said, /^OK: /);
    });
  }
});
