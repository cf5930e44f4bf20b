/** Debian's docker-registry (CNCF distribution): the registry that the end-to-end tests pull from. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accepts, freePort, Program, until } from './processes.js';

export interface RegistryOptions {
  readonly dir: string;
  /** The `auth` section of its configuration. */
  readonly auth?: object;
  /** Makes it a pull-through cache of this registry. */
  readonly proxyOf?: string;
  /** A file for its output, with a line for each request; without it requests are not logged. */
  readonly accessLog?: string;
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  /** Another build of it. */
  readonly binary?: string;
}

export class DebianRegistry {
  readonly port: number;
  readonly #start: () => Program;
  #program: Program;

  private constructor(port: number, start: () => Program) {
    this.port = port;
    this.#start = start;
    this.#program = start();
  }

  static async start({ dir, auth, proxyOf, accessLog, tls, binary }: RegistryOptions): Promise<DebianRegistry> {
    const port = await freePort();
    const config = join(dir, 'config.json');
    await mkdir(dir, { recursive: true });
    const settings = {
      version: '0.1',
      log: { level: 'warn', accesslog: { disabled: accessLog === undefined } },
      storage: { filesystem: { rootdirectory: join(dir, 'data') }, cache: { blobdescriptor: 'inmemory' } },
      http: { addr: `127.0.0.1:${port}`, ...(tls && { tls }) },
      ...(auth && { auth }),
      ...(proxyOf && { proxy: { remoteurl: proxyOf } }),
    };
    await writeFile(config, JSON.stringify(settings)); // JSON is YAML
    // Newer builds look for a collector of traces unless told not to.
    const options = { env: { OTEL_TRACES_EXPORTER: 'none' }, logFile: accessLog };
    const registry = new DebianRegistry(
      port,
      () => new Program(binary ?? 'docker-registry', ['serve', config], options),
    );
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
    this.#program = this.#start();
    await this.#ready();
  }

  async #ready(): Promise<void> {
    await until(() => accepts(this.port), 'docker-registry', this.#program);
  }
}
