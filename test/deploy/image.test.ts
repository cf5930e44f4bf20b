/** The container image as its Dockerfile makes it, and run as strictly as an orchestrator would. */
import assert from 'node:assert/strict';
import { chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { command } from '../e2e/support/command.js';
import { DebianRegistry } from '../e2e/support/debian-registry.js';
import { buildImage, digestsOf, fingerprint, pull, push, scratch } from '../e2e/support/images.js';
import { freePort, statusOf, stopPrograms, until } from '../e2e/support/processes.js';
import { BuiltImage, type Container } from './container.js';
import { unlessInstalled } from './needs.js';

const NAME = 'registry.test';
const BUILD = { SOURCE: 'https://git.test/cistern', REVISION: 'abc123', CREATED: '2026-05-03T12:00:00Z' };

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string }>>;
}

describe('the container image', { skip: unlessInstalled('root', 'buildah', 'runc', 'docker-registry') }, () => {
  let dir: string;
  let image: BuiltImage;
  before(async () => {
    dir = await scratch();
    image = await BuiltImage.build(dir, BUILD);
  });
  after(async () => {
    await stopPrograms();
    await image.remove();
    await rm(dir, { recursive: true, force: true });
  });

  /** What an engine does with a new volume: as the directory in the image. */
  async function newVolume(name: string): Promise<string> {
    const volume = join(dir, `volume-${name}`);
    const { uid, gid, mode } = await stat(join(image.root, 'var/lib/cistern'));
    await mkdir(volume, { mode });
    await chown(volume, uid, gid);
    return volume;
  }

  /** A container in front of a registry, on ports of its own. */
  async function start(name: string, upstream: object): Promise<{ container: Container; host: string; admin: string }> {
    const volume = await newVolume(name);
    const config = join(volume, 'cistern.yaml');
    await writeFile(config, JSON.stringify({ upstreams: [upstream], storage: { minFree: 0 } }));
    const [host, admin, control] = await Promise.all(
      [freePort(), freePort(), freePort()].map(async (port) => `127.0.0.1:${await port}`),
    );
    const env = {
      CISTERN_CONFIG: '/var/lib/cistern/cistern.yaml',
      CISTERN_REGISTRY__LISTEN: host!,
      CISTERN_ADMIN__LISTEN: admin!,
      CISTERN_CONTROL__LISTEN: control!,
      CISTERN_ADDRESS: control!,
    };
    const container = await image.start(name, volume, { env });
    return { container, host: host!, admin: admin! };
  }

  it('says what it is and of which source, who it runs as, where its data is, and how it is asked', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    const { Labels, User, Volumes, ExposedPorts, Env, Healthcheck } = image.config;
    for (const [label, value] of Object.entries({
      version,
      licenses: 'Apache-2.0',
      source: BUILD.SOURCE,
      revision: BUILD.REVISION,
      created: BUILD.CREATED,
    })) {
      assert.equal(Labels[`org.opencontainers.image.${label}`], value, label);
    }
    assert.match(User, /^[1-9]\d*:[1-9]\d*$/);
    assert.deepEqual(Object.keys(Volumes), ['/var/lib/cistern']);
    assert.deepEqual(Object.keys(ExposedPorts), ['5000/tcp', '5080/tcp']);
    assert.deepEqual(Healthcheck.Test, ['CMD', 'cistern', 'health']);
    assert.equal(Healthcheck.Interval / 1e9, 30, 'each costs half a second of a processor');
    assert.ok(Env.includes('UV_THREADPOOL_SIZE=16'));
  });

  it('listens by itself for clients and for its page on all addresses, for commands on loopback, and is healthy', async () => {
    const container = await image.start('alone', await newVolume('alone'), { network: 'own' });
    const { program } = container;
    await until(() => program.lines.some((line) => line.includes('"msg":"serving"')), 'serving', program);
    const sockets = await container.exec('cat', '/proc/net/tcp', '/proc/net/tcp6');
    const listening = [...sockets.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]+) [0-9A-F:]+ 0A /gm)].map(
      ([, address, port = '']) => `${address}:${parseInt(port, 16)}`,
    );
    assert.deepEqual(listening.sort(), ['00000000:5000', '00000000:5080', '0100007F:5051']);
    const [, ...health] = image.config.Healthcheck.Test;
    assert.equal(await container.exec(...health), 'ready\n');
    assert.equal((await container.exec('id', '-u')).trim(), '1000');
    assert.equal(await container.stop(), 0, program.output);
  });

  it('has the packages of the lock file that it runs on, and none that only make it', async () => {
    const lib = join(image.root, 'usr/lib/cistern');
    const read = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as unknown;
    const { dependencies, devDependencies } = (await read('package.json')) as Record<string, Record<string, string>>;
    const { packages: locked } = (await read('package-lock.json')) as Lock;
    const { packages: installed } = (await read(join(lib, 'node_modules/.package-lock.json'))) as Lock;
    for (const name of Object.keys(dependencies!)) {
      const path = `node_modules/${name}`;
      assert.equal(installed[path]?.version, locked[path]?.version, name);
    }
    // Types are also what packages of others depend on.
    for (const name of Object.keys(devDependencies!).filter((each) => !each.startsWith('@types/'))) {
      assert.equal(installed[`node_modules/${name}`], undefined, name);
    }
    assert.ok(existsSync(join(lib, 'package-lock.json')), 'for those who list what is in it');
  });

  it('serves and stores a pull with a read-only root and no rights, and stops with 0 before it is killed', async (t) => {
    const registry = await DebianRegistry.start({ dir: join(dir, 'registry') });
    await push(await buildImage(dir), `${registry.host}/team/app:v1`);
    const begun = performance.now();
    const upstream = { name: NAME, url: registry.url, allowNetworks: ['127.0.0.0/8'] };
    const { container, host, admin } = await start('serves', upstream);
    await until(async () => (await statusOf(`http://${admin}/readyz`)) === 200, 'ready', container.program);
    t.diagnostic(`from the start of the container to ready: ${Math.round(performance.now() - begun)} ms`);

    await pull(`${host}/${NAME}/team/app:v1`, join(dir, 'pulled'));
    await pull(`${registry.host}/team/app:v1`, join(dir, 'direct'));
    assert.deepEqual(await fingerprint(join(dir, 'pulled')), await fingerprint(join(dir, 'direct')));
    const digests = await digestsOf(join(dir, 'pulled'));
    await until(
      () =>
        digests.every((each) =>
          container.program.lines.some((line) => line.includes('"stored"') && line.includes(each)),
        ),
      'stored',
      container.program,
    );
    await registry.switchOff();
    await pull(`${host}/${NAME}/team/app:v1`, join(dir, 'again'));

    assert.match(await container.exec('cistern', 'images'), /team\/app +v1/);
    await assert.rejects(container.exec('touch', '/tmp/file'), /Read-only file system/);
    assert.equal(await container.stop(), 0, container.program.output);
  });

  it('refuses to lend out the credentials of an upstream to all who reach it', async () => {
    const auth = { type: 'basic', username: 'me', password: 'secret' };
    const volume = join(dir, 'open');
    await mkdir(volume);
    await writeFile(join(volume, 'cistern.yaml'), JSON.stringify({ upstreams: [{ name: 'ghcr.io', auth }] }));
    const container = await image.start('open', volume, { env: { CISTERN_CONFIG: '/var/lib/cistern/cistern.yaml' } });
    assert.equal((await container.program.refused()).code, 2);
    assert.match(container.program.output, /CISTERN_REGISTRY__LISTEN registry\.listen: lets every machine/);
  });

  it('has the service, its user, the man page, the completions and the documents where Debian looks for them, as these sources make them', async () => {
    const installed = (path: string) => readFile(join(image.root, 'usr', path));
    const page = gunzipSync(await installed('share/man/man1/cistern.1.gz')).toString();
    assert.equal(page, (await command(['man-page'])).stdout);
    for (const [shell, path] of [
      ['bash', 'share/bash-completion/completions/cistern'],
      ['zsh', 'share/zsh/vendor-completions/_cistern'],
      ['fish', 'share/fish/vendor_completions.d/cistern.fish'],
    ] as const) {
      assert.equal((await installed(path)).toString(), (await command(['completion', shell])).stdout);
    }
    for (const [source, path] of [
      ['cistern.service', 'lib/systemd/system/cistern.service'],
      ['sysusers.conf', 'lib/sysusers.d/cistern.conf'],
    ] as const) {
      assert.deepEqual(await installed(path), await readFile(join('deploy/systemd', source)));
    }
    for (const path of ['README.md', 'docs/operations.md']) {
      assert.deepEqual(await installed(join('share/doc/cistern', path)), await readFile(path));
    }
  });
});
