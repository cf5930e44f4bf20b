/**
 * The image of the Dockerfile, built by buildah on a base of this machine's own, and containers of it run by runc: read-only,
 * as the image's user, without capabilities, on the network of this machine or on one with nothing but a loopback. Needs
 * root, and the npm registry.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program, run } from '../e2e/support/processes.js';

const ROOT = join(import.meta.dirname, '../..');

interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly Volumes: Readonly<Record<string, object>>;
  readonly Healthcheck: { readonly Test: readonly string[]; readonly Interval: number };
}

export class BuiltImage {
  readonly config: ImageConfig;
  /** Where its root file system is mounted, for reading. */
  readonly root: string;
  readonly #storage: readonly string[];
  readonly #dir: string;

  private constructor(dir: string, storage: readonly string[], config: ImageConfig, root: string) {
    this.#dir = dir;
    this.#storage = storage;
    this.config = config;
    this.root = root;
  }

  /** Takes minutes: twice `npm ci`. */
  static async build(dir: string, args: Readonly<Record<string, string>>): Promise<BuiltImage> {
    const storage = [`--root=${dir}/storage`, `--runroot=${dir}/run`, '--storage-driver=vfs'];
    await run(join(ROOT, 'scripts/node-image'), ['localhost/node:slim', ...storage]);
    const cache = (await run('npm', ['config', 'get', 'cache'])).trim();
    const options = [
      '--format=docker',
      '--network=host',
      '--isolation=chroot',
      '--quiet',
      `--volume=${cache}:/root/.npm`,
    ];
    const values = Object.entries({ NODE_IMAGE: 'localhost/node:slim', ...args });
    const given = values.map(([name, value]) => `--build-arg=${name}=${value}`);
    await run('buildah', [...storage, 'build', ...options, ...given, '--tag=localhost/cistern', ROOT]);
    const inspected = await run('buildah', [...storage, 'inspect', '--type=image', 'localhost/cistern']);
    const { Docker } = JSON.parse(inspected) as { Docker: { config: ImageConfig } };
    const container = (await run('buildah', [...storage, 'from', 'localhost/cistern'])).trim();
    const root = (await run('buildah', [...storage, 'mount', container])).trim();
    return new BuiltImage(dir, storage, Docker.config, root);
  }

  /** `volume` is mounted where the image has its data. `env` goes before the image's. */
  async start(name: string, volume: string, { env = {}, network = 'host' }: StartOptions): Promise<Container> {
    const bundle = join(this.#dir, `bundle-${name}`);
    await mkdir(bundle);
    await run('runc', ['spec', '--bundle', bundle]);
    const file = join(bundle, 'config.json');
    const spec = JSON.parse(await readFile(file, 'utf8')) as RuntimeSpec;
    const { Entrypoint, Cmd, Env, User, WorkingDir, Volumes } = this.config;
    const [uid = 0, gid = 0] = User.split(':').map(Number);
    const [data = ''] = Object.keys(Volumes);
    const process = {
      args: [...Entrypoint, ...Cmd],
      env: [...Env, ...Object.entries(env).map((entry) => entry.join('='))],
      cwd: WorkingDir,
      user: { uid, gid },
      noNewPrivileges: true,
    };
    const mounts = [
      ...spec.mounts.filter(({ destination }) => /^\/(proc|dev|sys)(\/|$)/.test(destination)),
      { destination: data, type: 'bind', source: volume, options: ['bind', 'rw'] },
    ].filter(({ destination }) => destination !== '/sys/fs/cgroup');
    const own = ['mount', 'pid', 'ipc', 'uts', ...(network === 'own' ? ['network'] : [])];
    const namespaces = own.map((type) => ({ type }));
    const root = { path: this.root, readonly: true };
    await writeFile(file, JSON.stringify({ ...spec, process, root, mounts, linux: { namespaces } }));
    return new Container(`cistern-${globalThis.process.pid}-${name}`, bundle);
  }

  async remove(): Promise<void> {
    await run('buildah', [...this.#storage, 'rm', '--all']);
  }
}

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** `own` is only reached from inside. */
  readonly network?: 'host' | 'own';
}

interface RuntimeSpec {
  readonly mounts: readonly { readonly destination: string }[];
}

export class Container {
  readonly program: Program;
  readonly #id: string;

  constructor(id: string, bundle: string) {
    this.#id = id;
    this.program = new Program('runc', ['run', '--bundle', bundle, id]);
  }

  /** Runs a command in it. */
  exec(...command: readonly string[]): Promise<string> {
    return run('runc', ['exec', this.#id, ...command]);
  }

  /** As `docker stop`: SIGTERM, and the end of the patience after ten seconds. */
  async stop(): Promise<number | null> {
    await run('runc', ['kill', this.#id, 'TERM']);
    const impatience = setTimeout(() => void run('runc', ['kill', this.#id, 'KILL']), 10_000);
    const { code } = await this.program.exited;
    clearTimeout(impatience);
    return code;
  }
}
