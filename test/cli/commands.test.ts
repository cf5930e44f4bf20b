/** The commands that need no daemon of ours: check-config, health and mirror-config, and the program around them. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { checkConfig } from '../../src/cli/check-config.js';
import { health } from '../../src/cli/health.js';
import { mirrorConfig } from '../../src/cli/mirror-config.js';
import { CLIENTS, type Client } from '../../src/cli/mirror-snippets.js';
import { recordedTerminal } from './terminal.js';

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'cistern-cli-'));
});
after(() => rmSync(dir, { recursive: true }));

function write(text: string): string {
  const path = join(dir, 'cistern.yaml');
  writeFileSync(path, text);
  return path;
}

describe('cistern check-config', () => {
  it('says OK, the file, the upstreams, and what is known of each', () => {
    const terminal = recordedTerminal();
    const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
    const config = write(`upstreams: [{ name: docker.io }, { name: ${ecr} }, { name: harbor.example.org }]`);
    assert.equal(checkConfig({ config, output: 'text' }, terminal), 0);
    assert.deepEqual(terminal.stdout, [
      `OK: ${config}, 3 upstreams (docker.io, ${ecr}, harbor.example.org)`,
      '  docker.io: Docker Hub at https://registry-1.docker.io/, tokens also from auth.docker.io',
      `  ${ecr}: Amazon ECR at https://${ecr}/, gives nothing without auth: { type: ecr }`,
      '  harbor.example.org: https://harbor.example.org/',
    ]);
    assert.equal(checkConfig({ config, output: 'json' }, terminal), 0);
    const { resolved, ...rest } = JSON.parse(terminal.stdout.at(-1)!) as { readonly resolved: readonly unknown[] };
    assert.deepEqual(rest, { ok: true, file: config, upstreams: ['docker.io', ecr, 'harbor.example.org'] });
    assert.deepEqual(resolved[0], {
      name: 'docker.io',
      registry: 'Docker Hub',
      url: 'https://registry-1.docker.io/',
      realms: ['auth.docker.io'],
      auth: 'anonymous',
    });
  });

  it('prints each problem on a line of its own, and ends with 2', () => {
    const config = write('log: { levl: info }\nupstreams: []');
    const terminal = recordedTerminal({ CISTERN_STORAGE__MAX_SIZE: 'much' });
    assert.equal(checkConfig({ config, output: 'text' }, terminal), 2);
    assert.deepEqual(
      terminal.stderr.map((line) => line.split(': ')[0]),
      [`${config}:1:8 log.levl`, 'CISTERN_STORAGE__MAX_SIZE storage.maxSize'],
    );
    assert.deepEqual(terminal.stdout, []);
  });

  it('gives machines the same as JSON', () => {
    const config = write('log: { levl: info }\nupstreams: [{ name: a.io }]');
    const terminal = recordedTerminal();
    assert.equal(checkConfig({ config, output: 'json' }, terminal), 2);
    assert.deepEqual(JSON.parse(terminal.stdout.join('')), {
      ok: false,
      file: config,
      problems: [
        { file: config, line: 1, column: 8, key: 'log.levl', message: 'is not a known key; did you mean level?' },
      ],
    });
  });
});

describe('cistern health', () => {
  let server: Server;
  let address: string;
  let status = 200;
  before(async () => {
    server = createServer((request, response) => {
      response.writeHead(request.url === '/readyz' ? status : 404).end('because\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    address = `127.0.0.1:${bound.port}`;
  });
  after(() => server.close());

  it('is 0 when the daemon is ready and 1 with the reason when it is not', async () => {
    const terminal = recordedTerminal();
    status = 200;
    assert.equal(await health({ adminAddress: address, output: 'text' }, terminal), 0);
    assert.deepEqual(terminal.stdout, ['ready']);
    status = 503;
    assert.equal(await health({ adminAddress: address, output: 'text' }, terminal), 1);
    assert.deepEqual(terminal.stderr, ['not ready: because']);
    assert.equal(await health({ adminAddress: address, output: 'json' }, terminal), 1);
    assert.deepEqual(JSON.parse(terminal.stdout[1]!), { ready: false, address, status: 503, reason: 'because' });
  });

  it('takes the address from the environment, whatever the configuration says, else from that', async () => {
    status = 200;
    const config = write(`admin: { listen: "${address}" }\nupstreams: [{ name: a.io }]`);
    assert.equal(await health({ config, output: 'text' }, recordedTerminal()), 0);
    const broken = write('x: 1');
    const environment = { CISTERN_ADMIN__LISTEN: address };
    assert.equal(await health({ config: broken, output: 'text' }, recordedTerminal(environment)), 0);
  });

  it('is 2 when nobody answers, the address is none, or the named configuration is broken', async () => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const bound = gone.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    gone.close();
    await once(gone, 'close');
    for (const options of [
      { adminAddress: `127.0.0.1:${bound.port}` },
      { adminAddress: 'x' },
      { config: write('x: 1') },
    ]) {
      const terminal = recordedTerminal();
      assert.equal(await health({ ...options, output: 'text' }, terminal), 2);
      assert.match(terminal.stderr.join('\n'), /^cistern: cannot ask the daemon: ./);
    }
  });

  it('does not wait for ever', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const bound = silent.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    const adminAddress = `127.0.0.1:${bound.port}`;
    assert.equal(await health({ adminAddress, output: 'text', timeout: 50 }, recordedTerminal()), 2);
    silent.closeAllConnections();
    silent.close();
  });
});

describe('cistern mirror-config', () => {
  function print(
    client: Client,
    url = 'http://mirror:5000',
    yaml = 'upstreams: [{ name: docker.io, default: true }, { name: ghcr.io }]',
  ) {
    const terminal = recordedTerminal();
    const code = mirrorConfig(client, { url, config: write(yaml), output: 'text' }, terminal);
    return { code, text: terminal.stdout.join('\n'), notes: terminal.stderr.join('\n') };
  }

  it('says what is wrong with a configuration that it cannot read, and prints nothing for clients', () => {
    const terminal = recordedTerminal();
    assert.equal(mirrorConfig('docker', { url: 'http://m', config: '/nonexistent.yaml', output: 'text' }, terminal), 2);
    assert.match(terminal.stderr.join('\n'), /\/nonexistent\.yaml/);
    assert.deepEqual(terminal.stdout, []);
  });

  it('gives dockerd a mirror, with a path where Docker Hub is not the default upstream', () => {
    const { code, text, notes } = print('docker');
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(text), { 'registry-mirrors': ['http://mirror:5000'] });
    assert.match(notes, /\/etc\/docker\/daemon\.json/);
    assert.deepEqual(JSON.parse(print('docker', 'https://m', 'upstreams: [{ name: docker.io }]').text), {
      'registry-mirrors': ['https://m/docker.io'],
    });
  });

  it('gives containerd a host for every registry, without a server of its own', () => {
    assert.equal(
      print('containerd', 'https://mirror/').text,
      '# /etc/containerd/certs.d/_default/hosts.toml\n[host."https://mirror"]\n  capabilities = ["pull", "resolve"]',
    );
  });

  it('gives podman a mirror for each upstream, insecure only over http', () => {
    const { text } = print('podman');
    assert.match(
      text,
      /prefix = "ghcr\.io"\nlocation = "ghcr\.io"\n\[\[registry\.mirror\]\]\nlocation = "mirror:5000\/ghcr\.io"\ninsecure = true$/,
    );
    assert.equal(text.match(/\[\[registry\]\]/g)?.length, 2);
    assert.ok(!print('podman', 'https://mirror').text.includes('insecure'));
  });

  it('gives BuildKit mirrors and says that the mirror speaks http', () => {
    const { text } = print('buildkit');
    assert.match(text, /\[registry\."docker\.io"\]\n {2}mirrors = \["mirror:5000\/docker\.io"\]/);
    assert.match(text, /\[registry\."mirror:5000"\]\n {2}http = true$/);
    assert.ok(!print('buildkit', 'https://mirror').text.includes('http = true'));
  });

  it('gives k3s an endpoint for everything', () => {
    assert.deepEqual(parse(print('k3s').text), { mirrors: { '*': { endpoint: ['http://mirror:5000'] } } });
  });

  it('gives kaniko flags', () => {
    assert.equal(
      print('kaniko').text,
      "--registry-map='index.docker.io=mirror:5000/docker.io;ghcr.io=mirror:5000/ghcr.io'\n--insecure-registry=mirror:5000",
    );
  });

  it('gives regctl a host of its own for each upstream, below a path', () => {
    const { hosts } = JSON.parse(print('regctl', 'http://mirror:5000/prefix').text) as {
      hosts: Record<string, object>;
    };
    assert.deepEqual(hosts['ghcr.io'], { mirrors: ['cistern-ghcr.io'] });
    const host = { hostname: 'mirror:5000', pathPrefix: 'prefix/ghcr.io' };
    assert.deepEqual(hosts['cistern-ghcr.io'], { ...host, tls: 'disabled' });
    const secure = JSON.parse(print('regctl', 'https://mirror:5000/prefix').text) as { hosts: Record<string, object> };
    assert.deepEqual(secure.hosts['cistern-ghcr.io'], host);
  });

  for (const client of ['crane', 'oras', 'trivy', 'docker-scout'] as const) {
    it(`gives ${client} a command for each upstream, plain only over http`, () => {
      const lines = print(client).text.split('\n');
      assert.equal(lines.length, 2);
      assert.match(lines[1]!, /mirror:5000\/ghcr\.io\/IMAGE\b.* # ghcr\.io\/IMAGE$/);
      assert.doesNotMatch(print(client, 'https://mirror').text, /--insecure|plain-http/);
    });
  }

  it('gives Renovate an alias for each upstream', () => {
    assert.deepEqual(JSON.parse(print('renovate', 'https://mirror').text), {
      registryAliases: { 'docker.io': 'mirror/docker.io', 'ghcr.io': 'mirror/ghcr.io' },
    });
    assert.match(print('renovate').text, /"insecureRegistry": true/);
  });

  it('gives the runners of CI what their docker and BuildKit read', () => {
    assert.match(print('gitlab-runner').text, /^ {2}command = \["--registry-mirror", "http:\/\/mirror:5000"\]$/m);
    const [step] = parse(print('github-actions').text) as [{ with: Record<string, string> }];
    assert.match(step.with['buildkitd-config-inline']!, /^\[registry\."ghcr\.io"\]\n {2}mirrors = /m);
  });

  it('gives every client something, and says where it belongs as far as the format has comments', () => {
    for (const client of CLIENTS) {
      const { code, text, notes } = print(client);
      assert.deepEqual([code, notes === ''], [0, false], client);
      assert.match(text, /^(# |\{|--|[a-z ]+ )/, client);
      assert.ok(text.includes('mirror:5000'), client);
    }
  });

  it('gives machines JSON', () => {
    const terminal = recordedTerminal();
    const config = write('upstreams: [{ name: a.io }]');
    assert.equal(mirrorConfig('k3s', { url: 'http://m', config, output: 'json' }, terminal), 0);
    const { client, path } = JSON.parse(terminal.stdout.join('')) as Record<string, string>;
    assert.deepEqual([client, path], ['k3s', '/etc/rancher/k3s/registries.yaml']);
  });

  for (const url of ['mirror:5000', 'ftp://m', 'http://u:p@m', 'http://m?x', 'http://m"x', "http://m/'x"]) {
    it(`rejects the URL ${JSON.stringify(url)}`, () => {
      const { code, text } = print('containerd', url);
      assert.deepEqual([code, text], [2, '']);
    });
  }
});

describe('the program', () => {
  const main = resolve(import.meta.dirname, '../../src/main.ts');

  async function cistern(...args: string[]) {
    const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...output };
  }

  /** As in `cistern ARGS | reader`, when the reader is gone before the first byte. */
  function unread(what: '>&4' | '2>&4', ...args: string[]) {
    const pipe = join(dir, `pipe-${args.length}-${what.length}`);
    // With one end opened and closed again by a reader that is waited for, nothing is left to chance.
    const script = `mkfifo "$PIPE"; : <"$PIPE" & exec 4>"$PIPE"; wait; exec "$@" ${what}`;
    const command = ['-c', script, 'bash', process.execPath, '--import', 'tsx', main, ...args];
    const { status, stderr } = spawnSync('bash', command, { encoding: 'utf8', env: { ...process.env, PIPE: pipe } });
    return { status, stderr };
  }

  it('ends as SIGPIPE would have ended it when nobody reads, and says nothing', () => {
    assert.deepEqual(unread('>&4', '--help'), { status: 141, stderr: '' });
  });

  it('keeps the exit code of what had failed already when nobody reads', () => {
    const config = write('upstreams: 1');
    assert.deepEqual(unread('>&4', 'check-config', '--config', config, '-o', 'json'), { status: 2, stderr: '' });
    assert.equal(unread('2>&4', 'check-config', '--config', config).status, 2);
  });

  it('ends with 0 for help and 2 for wrong usage', async () => {
    const help = await cistern('--help');
    assert.equal(help.code, 0);
    assert.match(help.stdout, /check-config/);
    assert.equal((await cistern('--version')).stdout.trim(), '0.1.0');
    const typo = await cistern('chek-config');
    assert.equal(typo.code, 2);
    assert.match(typo.stderr, /check-config/);
    const strange = await cistern('mirror-config', 'rkt');
    assert.deepEqual([strange.code, strange.stdout], [2, '']);
    for (const client of CLIENTS) assert.ok(strange.stderr.includes(client), client);
    assert.equal((await cistern('check-config', '-o', 'xml')).code, 2);
  });

  it('runs a command and ends with its code', async () => {
    const bad = await cistern('check-config', '--config', write('upstreams: 1'));
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /cistern\.yaml:1:12 upstreams: expected a list/);
    const refused = await cistern('serve', '--config', write('upstreams: 1'));
    assert.deepEqual([refused.code, refused.stdout], [2, '']);
    assert.match(refused.stderr, /cistern\.yaml:1:12 upstreams: expected a list/);
  });
});
