/** What a user may write, what comes of it, and where the blame is put. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { formatProblem, loadConfig, readConfig, type ConfigSource } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { AppError } from '../../src/lib/errors.js';

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'cistern-config-'));
});
after(() => rmSync(dir, { recursive: true }));

function write(name: string, text: string, mode = 0o600): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const DEFAULTS = 'upstreams: [{ name: docker.io }]\n';

function good(yaml: string, rest: Partial<ConfigSource> = {}): Config {
  return loadConfig({ file: write('cistern.yaml', yaml), env: {}, ...rest });
}

/** The problems as a user sees them, with the file's directory left out. */
function bad(yaml: string, rest: Partial<ConfigSource> = {}): readonly string[] {
  const { problems } = readConfig({ file: write('cistern.yaml', yaml), env: {}, ...rest });
  assert.ok(problems, 'the configuration was accepted');
  return problems.map((problem) => formatProblem(problem).replaceAll(`${dir}/`, ''));
}

const only = (problems: readonly string[], expected: RegExp) => {
  assert.match(problems.join('\n'), expected);
  assert.equal(problems.length, 1, problems.join('\n'));
};

describe('the defaults', () => {
  it('are those of the interface', () => {
    const config = good(DEFAULTS);
    assert.equal(config.dataDir, resolve('var'));
    assert.deepEqual(config.registry, {
      listen: { host: '127.0.0.1', port: 5000 },
      auth: { type: 'none' },
      allowAnonymous: false,
    });
    assert.deepEqual(config.control, { listen: { host: '127.0.0.1', port: 5051 } });
    assert.deepEqual(config.admin, { listen: { host: '127.0.0.1', port: 5080 } });
    assert.deepEqual(config.storage, {
      maxSize: 200 * 2 ** 30,
      highWatermark: 0.9,
      lowWatermark: 0.8,
      minFree: 5 * 2 ** 30,
    });
    assert.equal(config.drainTimeout, 8000);
    assert.deepEqual(config.gc, {
      schedule: '30 3 * * *',
      timezone: 'UTC',
      gracePeriod: 3_600_000,
      retention: 30 * 86_400_000,
    });
    assert.deepEqual(config.prefetch, { concurrency: 4, jobs: [] });
    assert.deepEqual(config.scrub, { schedule: '0 2 * * 0', rate: 50 * 2 ** 20 });
    assert.deepEqual(config.log, { level: 'info', format: 'json' });
    const [hub] = config.upstreams;
    assert.deepEqual(
      { ...hub, url: hub?.url.href },
      {
        name: 'docker.io',
        url: 'https://registry-1.docker.io/',
        default: false,
        auth: { type: 'anonymous' },
        aliases: [],
        realms: ['auth.docker.io'],
        allow: [],
        deny: [],
        tagTtl: 300_000,
        revalidateTimeout: 3000,
        negativeTtl: 10_000,
        staleIfError: 604_800_000,
        staleIfGone: 0,
        connectTimeout: 5000,
        responseTimeout: 30_000,
        linkTtl: 86_400_000,
        maxConnections: 16,
        connectionsPerBlob: 1,
        allowNetworks: [],
      },
    );
  });

  it('fill sections whose every line is commented out', () => {
    assert.equal(good(`storage:\n  # minFree: 1\nregistry:\n${DEFAULTS}`).storage.lowWatermark, 0.8);
  });

  it('make config/cistern.yaml a configuration', () => {
    const config = loadConfig({ file: resolve(import.meta.dirname, '../../config/cistern.yaml'), env: {} });
    assert.deepEqual(
      config.upstreams.map(({ name, default: isDefault }) => [name, isDefault]),
      [
        ['docker.io', true],
        ['ghcr.io', false],
        ['quay.io', false],
        ['registry.k8s.io', false],
      ],
    );
  });
});

describe('an upstream', () => {
  it('has one name, whichever of Docker Hub’s was written', () => {
    assert.equal(good('upstreams: [{ name: index.docker.io }]').upstreams[0]?.name, 'docker.io');
  });

  it('has its name for a URL, unless it is no host', () => {
    assert.equal(good('upstreams: [{ name: quay.io }]').upstreams[0]?.url.href, 'https://quay.io/');
    only(
      bad('upstreams:\n  - name: hub'),
      /^cistern.yaml:2:5 upstreams\.0\.url: is required for a name that is no host$/,
    );
  });

  it('keeps Docker’s token host to Docker’s own URL', () => {
    const yaml =
      'upstreams: [{ name: docker.io, url: "https://mirror.example.com" }, { name: hub, url: "https://registry-1.docker.io" }]';
    assert.deepEqual(
      good(yaml).upstreams.map(({ realms }) => realms),
      [[], ['auth.docker.io']],
    );
  });

  it('has a password that is never printed, from the key or from its file', () => {
    for (const key of ['password: s3cret', `passwordFile: ${write('password', 's3cret\n')}`]) {
      const { auth } = good(`upstreams: [{ name: ghcr.io, auth: { type: basic, username: me, ${key} } }]`)
        .upstreams[0]!;
      assert.ok(auth.type === 'basic');
      assert.equal(auth.password.reveal(), 's3cret');
      assert.ok(!JSON.stringify(auth).includes('s3cret'));
    }
  });

  for (const [auth, expected] of [
    ['{ type: basic, username: me }', /upstreams\.0\.auth: password or passwordFile is required/],
    ['{ type: basic, password: x }', /upstreams\.0\.auth\.username: is required/],
    ['{ type: baisc }', /upstreams\.0\.auth\.type: expected .*; did you mean basic\?/],
  ] as const) {
    it(`cannot have auth ${auth}`, () => only(bad(`upstreams: [{ name: ghcr.io, auth: ${auth} }]`), expected));
  }

  for (const [keys, expected] of [
    ['url: ftp://x', /url: expected a URL with http/],
    ['url: "https://u:p@x.example"', /url: expected a URL without user and password/],
    [
      'url: "http://127.0.0.1:5001"',
      /url: 127\.0\.0\.1 is not a public address \(loopback\); add its network to allowNetworks/,
    ],
    ['url: "http://2130706433"', /url: 127\.0\.0\.1 is not a public address/],
    ['url: "http://[::ffff:10.0.0.1]"', /url: .* is not a public address \(private\)/],
    ['url: "http://169.254.169.254", allowNetworks: [0.0.0.0/0]', /url: 169\.254\.169\.254 is a link-local address/],
    ['realms: [192.168.0.1:8080]', /realms\.0: 192\.168\.0\.1 is not a public address/],
    ['allowNetworks: [10.0.0.1]', /allowNetworks\.0: "10\.0\.0\.1" is no network/],
    ['tagTtl: 300', /tagTtl: 300 is no duration/],
    ['connectTimeout: 30d', /connectTimeout: expected a duration from 1ms to 24d/],
    ['maxConnections: 0', /maxConnections: expected a whole number from 1 to 1024/],
    ['connectionsPerBlob: 9', /connectionsPerBlob: expected a whole number from 1 to 8/],
    ['allow: ["Library/*"]', /allow\.0: .* is no pattern/],
    ['tls: { caFile: /nowhere/ca.pem }', /tls\.caFile: \/nowhere\/ca\.pem does not exist/],
    ['aliases: [ghcr.io]', /aliases\.0: ghcr\.io is already a name of upstreams\.0/],
    ['aliases: ["a b"]', /aliases\.0: "a b" is no name for an upstream/],
  ] as const) {
    it(`cannot have ${keys}`, () => only(bad(`upstreams: [{ name: ghcr.io, ${keys} }]`), expected));
  }

  it('may have a private address that allowNetworks names', () => {
    good('upstreams: [{ name: a, url: "http://127.0.0.1:5001", allowNetworks: [127.0.0.0/8] }]');
    good('upstreams: [{ name: a, url: "http://[::1]:5001", allowNetworks: ["::1/128"] }]');
  });

  it('shares neither its names nor the default', () => {
    only(
      bad('upstreams: [{ name: docker.io }, { name: registry-1.docker.io }]'),
      /:1:42 upstreams\.1\.name: docker\.io is already/,
    );
    only(
      bad('upstreams:\n- { name: a.io, default: true }\n- { name: b.io, default: true }'),
      /:3:26 upstreams\.1\.default: only one upstream can be the default, and a\.io is/,
    );
  });

  it('must be there', () => only(bad('upstreams: []'), /upstreams: is empty/));
});

describe('problems', () => {
  it('come all at once, each with file, line, column and key', () => {
    const problems = bad(
      'dataDri: x\nstorage:\n  maxSise: 1GiB\n  minFree: 1gib\nlog: { level: inof }\nupstreams: 3\n',
    );
    assert.deepEqual(problems, [
      'cistern.yaml:1:1 dataDri: is not a known key; did you mean dataDir?',
      'cistern.yaml:3:3 storage.maxSise: is not a known key; did you mean maxSize?',
      'cistern.yaml:4:12 storage.minFree: "1gib" is no size; expected one such as 10GiB, 512MB or a number of bytes',
      'cistern.yaml:5:15 log.level: expected debug, info, warn, error; did you mean info?',
      'cistern.yaml:6:12 upstreams: expected a list',
    ]);
  });

  it('name the keys that are known where none is near', () => {
    only(
      bad(`admin: { qqqqqq: 1 }\n${DEFAULTS}`),
      /:1:10 admin\.qqqqqq: is not a known key; known here: listen, auth$/,
    );
    only(
      bad('upstreams: [{ name: a.io, auth: { type: basic, username: u, password: p, user: x } }]'),
      /auth\.user: .*did you mean username/,
    );
  });

  it('are thrown as one CONFIG_INVALID with a line each', () => {
    assert.throws(
      () => good('a: 1\nb: 2\n'),
      (error: unknown) =>
        error instanceof AppError && error.code === 'CONFIG_INVALID' && error.message.split('\n').length === 2,
    );
  });

  for (const [what, yaml, expected] of [
    ['broken YAML', 'a: [1\nb: 2', /^cistern\.yaml:2:\d+: /],
    ['a key twice', `${DEFAULTS}${DEFAULTS}`, /^cistern\.yaml:2:1: .*unique/],
    ['a list', '- a', /expected a section/],
    ['two documents', 'a: 1\n---\nb: 2', /multiple documents/],
  ] as const) {
    it(`include ${what}`, () => assert.match(bad(yaml).join('\n'), expected));
  }

  it('include a prototype as a key', () => {
    only(bad(`__proto__: { polluted: true }\n${DEFAULTS}`), /__proto__: is not a known key/);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });

  it('include a bomb of aliases, which is not expanded', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++)
      lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`);
    assert.match(bad(lines.join('\n')).join('\n'), /alias/i);
  });

  it('include a file that is not there', () => {
    const { problems } = readConfig({ file: '/nowhere/cistern.yaml', env: {} });
    assert.deepEqual(problems?.map(formatProblem), ['/nowhere/cistern.yaml: there is no such file']);
  });
});

describe('the environment', () => {
  it('wins over the file, and flags win over both', () => {
    const env = {
      CISTERN_REGISTRY__LISTEN: '127.0.0.1:7000',
      CISTERN_STORAGE__MAX_SIZE: '1GiB',
      CISTERN_STORAGE__LOW_WATERMARK: '.5',
      CISTERN_UPSTREAMS__0__TAG_TTL: '1s',
      CISTERN_UPSTREAMS__0__MAX_CONNECTIONS: '3',
      CISTERN_UPSTREAMS__0__DEFAULT: 'true',
      CISTERN_UPSTREAMS__0__ALLOW__0: 'library/*',
      CISTERN_UPSTREAMS__1__NAME: 'quay.io',
      CISTERN_DATA_DIR: '/tmp/a',
      CISTERN_DRAIN_TIMEOUT: '7s',
      CISTERN_LOG__LEVEL: 'warn',
      CISTERN_ADDRESS: 'not configuration',
      OTHER__NAME: 'neither',
    };
    const flags = [{ source: '--data-dir', path: ['dataDir'], value: '/tmp/b' }];
    const config = good(`registry: { listen: "127.0.0.1:6000" }\n${DEFAULTS}`, { env, flags });
    assert.equal(config.registry.listen.port, 7000);
    assert.equal(config.storage.maxSize, 2 ** 30);
    assert.equal(config.storage.lowWatermark, 0.5);
    assert.equal(config.dataDir, '/tmp/b');
    assert.equal(config.drainTimeout, 7000);
    assert.equal(config.log.level, 'warn');
    const [hub, quay] = config.upstreams;
    assert.deepEqual([hub?.tagTtl, hub?.maxConnections, hub?.default, hub?.allow], [1000, 3, true, ['library/*']]);
    assert.equal(quay?.name, 'quay.io');
  });

  it('is enough without a file', () => {
    const { config } = readConfig({ env: { CISTERN_UPSTREAMS__0__NAME: 'ghcr.io' } });
    assert.equal(config?.upstreams[0]?.url.href, 'https://ghcr.io/');
  });

  for (const [name, value, expected] of [
    ['CISTERN_STORAGE__MAX_SIZE', '1G', /^CISTERN_STORAGE__MAX_SIZE storage\.maxSize: "1G" is no size/],
    ['CISTERN_STORAGE__MAX_SISE', '1', /^CISTERN_STORAGE__MAX_SISE storage\.maxSise: .*did you mean maxSize/],
    ['CISTERN_NOPE__X', '1', /^CISTERN_NOPE__X nope: is not a known key/],
    ['CISTERN_UPSTREAMS__7__NAME', 'x.io', /^CISTERN_UPSTREAMS__7__NAME upstreams\.7\.name: .* has 1 items/],
    ['CISTERN_UPSTREAMS__NAME', 'x.io', /^CISTERN_UPSTREAMS__NAME upstreams\.name: .* is not a section/],
    ['CISTERN_DATA_DIR__X', '1', /^CISTERN_DATA_DIR__X dataDir: expected text/],
    [
      'CISTERN_UPSTREAMS__0__URL',
      'http://10.0.0.1',
      /^CISTERN_UPSTREAMS__0__URL upstreams\.0\.url: 10\.0\.0\.1 is not/,
    ],
    ['CISTERN___PROTO____POLLUTED', '1', /^CISTERN___PROTO____POLLUTED: is not a known key; known here/],
    ['CISTERN_CONSTRUCTOR__X', '1', /^CISTERN_CONSTRUCTOR__X constructor: is not a known key/],
  ] as const) {
    it(`is blamed by name: ${name}`, () => only(bad(DEFAULTS, { env: { [name]: value } }), expected));
  }
});

describe('the location that blobs are handed over to', () => {
  it('is none unless it is named, and then is below a folder of its own', () => {
    assert.equal(good(DEFAULTS).registry.accelRedirect, undefined);
    for (const location of ['/cistern-blobs/', '/in.ternal/blobs_2/'])
      assert.equal(good(`registry: { accelRedirect: ${location} }\n${DEFAULTS}`).registry.accelRedirect, location);
    for (const location of [
      '/',
      '',
      'blobs/',
      '/blobs',
      '//',
      '/a//',
      '/../etc/',
      '/a b/',
      '/%2e/',
      '/a?b/',
      '"/a\\r\\nX: y/"',
    ])
      only(
        bad(`registry: { accelRedirect: ${location === '' ? '""' : location} }\n${DEFAULTS}`),
        /registry\.accelRedirect: .* is no location of blobs; expected one that begins and ends with a slash/,
      );
  });
});

describe('what other machines can reach', () => {
  const credentialed = 'upstreams: [{ name: ghcr.io, auth: { type: basic, username: u, password: p } }]\n';

  it('does not lend an upstream’s credentials to everybody, unless that is said', () => {
    only(
      bad(`registry: { listen: "0.0.0.0:5000" }\n${credentialed}`),
      /:1:21 registry\.listen: lets every machine.*ghcr\.io.*allowAnonymous/,
    );
    good(`registry: { listen: "0.0.0.0:5000", allowAnonymous: true }\n${credentialed}`);
    good(`registry: { listen: "0.0.0.0:5000" }\n${DEFAULTS}`);
    const tls = `{ certFile: ${write('us.pem', 'c', 0o644)}, keyFile: ${write('us.key', 'k')} }`;
    only(
      bad(`registry: { listen: "0.0.0.0:5000" }\nupstreams: [{ name: ghcr.io, tls: ${tls} }]\n`),
      /registry\.listen: lets every machine.*ghcr\.io/,
    );
    for (const host of ['127.0.0.1', '127.9.9.9', '[::1]', 'localhost'])
      good(`registry: { listen: "${host}:5000" }\n${credentialed}`);
    // Others come through the nginx there.
    only(
      bad(`registry: { listen: "127.0.0.1:5000", accelRedirect: /blobs/ }\n${credentialed}`),
      /registry\.listen: lets every machine.*ghcr\.io/,
    );
    good(`registry: { accelRedirect: /blobs/, allowAnonymous: true }\n${credentialed}`);
  });

  it('asks for passwords over TLS only', () => {
    const htpasswd = write('htpasswd', 'u:x', 0o644);
    const yaml = (host: string, more = '') =>
      `registry: { listen: "${host}:1", auth: { type: basic, htpasswdFile: ${htpasswd} }${more} }\n${DEFAULTS}`;
    only(bad(yaml('0.0.0.0')), /registry\.auth: type basic beyond loopback needs registry\.tls/);
    good(yaml('127.0.0.1'));
    good(yaml('0.0.0.0', `, tls: { certFile: ${write('c.pem', 'c', 0o644)}, keyFile: ${write('k.pem', 'k')} }`));
  });

  it('may have a login to the status page, also without TLS, which its listener has none of', () => {
    const htpasswdFile = write('page-htpasswd', 'u:x', 0o644);
    const auth = { type: 'basic', htpasswdFile };
    assert.equal(good(DEFAULTS).admin.auth, undefined);
    assert.deepEqual(
      good(`admin: { listen: "0.0.0.0:1", auth: ${JSON.stringify(auth)} }\n${DEFAULTS}`).admin.auth,
      auth,
    );
    const env = { CISTERN_ADMIN__AUTH__TYPE: 'basic', CISTERN_ADMIN__AUTH__HTPASSWD_FILE: htpasswdFile };
    assert.deepEqual(good(DEFAULTS, { env }).admin.auth, auth);
    only(bad(`admin: { auth: { type: basic } }\n${DEFAULTS}`), /:1:\d+ admin\.auth\.htpasswdFile: is required/);
    only(
      bad(`admin: { auth: { type: basic, htpasswdFile: ${htpasswdFile}.none } }\n${DEFAULTS}`),
      /:1:\d+ admin\.auth\.htpasswdFile: /,
    );
  });

  it('is controlled with a token or a client certificate only', () => {
    only(bad(`control: { listen: "0.0.0.0:5051" }\n${DEFAULTS}`), /control\.listen: beyond loopback needs/);
    assert.equal(
      good(
        `control: { listen: "0.0.0.0:5051", tokenFile: ${write('token', 'tok')} }\n${DEFAULTS}`,
      ).control.token?.reveal(),
      'tok',
    );
    assert.deepEqual(good(`control: { listen: "unix:///run/c.sock" }\n${DEFAULTS}`).control.listen, {
      path: '/run/c.sock',
    });
  });
});

describe('files with secrets', () => {
  const using = (path: string) => `control: { tokenFile: ${path} }\n${DEFAULTS}`;

  it('are for their owner alone', () => {
    for (const mode of [0o644, 0o640, 0o604, 0o660]) {
      only(
        bad(using(write('open', 'x', mode))),
        new RegExp(`control\\.tokenFile: open holds a secret .*mode 0${mode.toString(8)}.*chmod 600`),
      );
    }
    good(using(write('closed', 'x', 0o400)));
  });

  it('exist, are files, and hold something', () => {
    only(bad(using(join(dir, 'missing'))), /:1:23 control\.tokenFile: missing does not exist/);
    only(bad(using(dir)), /is not a file/);
    only(bad(using(write('empty', ''))), /empty holds a secret but is empty/);
  });

  it('exclude the secret in the configuration itself', () => {
    only(
      bad(`control: { token: x, tokenFile: ${write('t', 'x')} }\n${DEFAULTS}`),
      /control: token and tokenFile exclude each other/,
    );
  });
});

describe('other rules', () => {
  for (const [yaml, expected] of [
    ['storage: { lowWatermark: 0.9 }', /:1:26 storage\.lowWatermark: must be below highWatermark, which is 0\.9/],
    ['storage: { highWatermark: 1.1 }', /storage\.highWatermark: expected a number above 0 and up to 1/],
    ['storage: { maxSize: 0 }', /storage\.maxSize: must be above 0/],
    ['gc: { schedule: "61 * * * *" }', /gc\.schedule: "61 \* \* \* \*" is no cron expression: .*minute/],
    ['gc: { timezone: Mars/Olympus }', /gc\.timezone: "Mars\/Olympus" is no timezone/],
    ['prefetch: { jobs: [{ schedule: "@daily", images: [] }] }', /prefetch\.jobs\.0\.images: names no image/],
    ['prefetch: { jobs: [{ schedule: "@daily", images: ["A b"] }] }', /prefetch\.jobs\.0\.images\.0: .*is no/],
    [
      'prefetch: { jobs: [{ schedule: "@daily", images: [quay.io/a/b] }] }',
      /images\.0: quay\.io is not one of the upstreams/,
    ],
    [
      'prefetch: { jobs: [{ schedule: "@daily", images: [a], platforms: [linux] }] }',
      /platforms\.0: "linux" is no platform/,
    ],
    ['registry: { listen: "5000" }', /registry\.listen: "5000" is no address to listen on/],
    ['registry: { listen: 127.0.0.1:70000 }', /registry\.listen: .* is no address to listen on/],
    ['registry: { listen: 127.0.0.1:5080 }', /admin\.listen: is the address of registry\.listen too/],
  ] as const) {
    it(`refuse ${yaml}`, () => only(bad(`${yaml}\n${DEFAULTS}`), expected));
  }

  it('let several listeners take any free port, and minFree be 0', () => {
    good(`registry: { listen: 127.0.0.1:0 }\nadmin: { listen: 127.0.0.1:0 }\nstorage: { minFree: 0 }\n${DEFAULTS}`);
  });

  it('write prefetched images out in full', () => {
    const yaml = `prefetch: { jobs: [{ schedule: "0 5 * * *", images: [node:22, 'node:23*'], platforms: [linux/arm64/v8] }] }\n${DEFAULTS}`;
    assert.deepEqual(good(yaml).prefetch.jobs[0]?.images, ['docker.io/library/node:22', 'docker.io/library/node:23*']);
  });
});
