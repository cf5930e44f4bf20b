/** Debian's docker-registry (CNCF distribution): the registry that the end-to-end tests pull from. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, Program, statusOf, until } from './processes.js';

export interface RegistryOptions {
  readonly dir: string;
  /** The `auth` section of its configuration. */
  readonly auth?: object;
  /** Makes it a pull-through cache of this registry. */
  readonly proxyOf?: string;
}

export class DebianRegistry {
  readonly port: number;
  readonly #config: string;
  #program: Program;

  private constructor(port: number, config: string, program: Program) {
    this.port = port;
    this.#config = config;
    this.#program = program;
  }

  static async start({ dir, auth, proxyOf }: RegistryOptions): Promise<DebianRegistry> {
    const port = await freePort();
    const config = join(dir, 'config.json');
    await mkdir(dir, { recursive: true });
    const settings = {
      version: '0.1',
      log: { level: 'warn', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(dir, 'data') }, cache: { blobdescriptor: 'inmemory' } },
      http: { addr: `127.0.0.1:${port}` },
      ...(auth && { auth }),
      ...(proxyOf && { proxy: { remoteurl: proxyOf } }),
    };
    await writeFile(config, JSON.stringify(settings)); // JSON is YAML
    const program = new Program('docker-registry', ['serve', config]);
    const registry = new DebianRegistry(port, config, program);
    await registry.#ready();
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  get pid(): number | undefined {
    return this.#program.child.pid;
  }

  async switchOff(): Promise<void> {
    await this.#program.stop('SIGKILL');
  }

  /** On the same port, with the same content. */
  async switchOn(): Promise<void> {
    this.#program = new Program('docker-registry', ['serve', this.#config]);
    await this.#ready();
  }

  async #ready(): Promise<void> {
    await until(async () => (await statusOf(`${this.url}/v2/`)) !== undefined, 'docker-registry', this.#program);
  }
}
