/** The whole daemon, in this process, on ports of its own and a data directory that dies with the test. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.js';
import { type Daemon, startDaemon } from '../../src/daemon/daemon.js';
import { createLog } from '../../src/lib/log.js';
import { eventually } from './eventually.js';
import { type Answer, fetchAll, open, type Reader, type RequestOptions } from './http.js';
import { type Scope, temporaryDirectory } from './tmp.js';

/** Keys as in the configuration file. */
type Section = Readonly<Record<string, unknown>>;

export interface TestUpstream extends Section {
  readonly name: string;
  /** Known upstreams need none. */
  readonly url?: string;
}

export interface TestDaemonOptions {
  /** The first one is the default unless one says so itself. */
  readonly upstreams: readonly TestUpstream[];
  readonly registry?: Section;
  readonly storage?: Section;
  /** Further sections of the configuration. */
  readonly config?: Section;
}

/** What a test would otherwise wait for too long, or be refused. */
const QUICK = { allowNetworks: ['127.0.0.0/8'], connectTimeout: '2s', responseTimeout: '3s', tagTtl: '1h' };

export class TestDaemon {
  readonly dataDir: string;
  /** Every line of the log so far, as JSON text. */
  readonly logs: string[] = [];
  readonly #configFile: string;
  readonly #names: readonly string[];
  #settings: Section & { readonly upstreams: readonly Section[] } = { upstreams: [] };
  #daemon: Daemon | undefined;

  private constructor(directory: string, names: readonly string[]) {
    this.dataDir = join(directory, 'var');
    this.#configFile = join(directory, 'cistern.yaml');
    this.#names = names;
  }

  /** Stopped when the scope ends. */
  static async start(scope: Scope, options: TestDaemonOptions): Promise<TestDaemon> {
    // Hooks run in the order they are given: the daemon stops before its directory goes.
    const started: TestDaemon[] = [];
    scope.after(async () => {
      for (const daemon of started) await daemon.stop();
    });
    const directory = await temporaryDirectory(scope);
    const names = options.upstreams.map(({ name }) => name);
    const daemon = new TestDaemon(directory, names);
    const [first, ...others] = options.upstreams;
    daemon.#settings = {
      dataDir: daemon.dataDir,
      registry: { listen: '127.0.0.1:0', ...options.registry },
      control: { listen: '127.0.0.1:0' },
      admin: { listen: '127.0.0.1:0' },
      upstreams: [{ ...QUICK, default: true, ...first }, ...others.map((upstream) => ({ ...QUICK, ...upstream }))],
      storage: { minFree: 0, ...options.storage },
      drainTimeout: '2s',
      log: { level: 'debug', format: 'json' },
      ...options.config,
    };
    await daemon.#writeConfig();
    started.push(daemon);
    await daemon.start();
    return daemon;
  }

  async start(): Promise<void> {
    const { logger } = createLog(
      { level: 'debug', format: 'json' },
      { write: (line) => void this.logs.push(line.trimEnd()) },
    );
    const load = () => loadConfig({ file: this.#configFile, env: {} });
    this.#daemon = await startDaemon(load(), logger, load);
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Changes keys of the first upstream, and others, in the file and in the running daemon, as SIGHUP does. */
  async reload(change: Section, settings: Section = {}): Promise<void> {
    const [first, ...others] = this.#settings.upstreams;
    this.#settings = { ...this.#settings, ...settings, upstreams: [{ ...first, ...change }, ...others] };
    await this.#writeConfig();
    this.#running.reload(loadConfig({ file: this.#configFile, env: {} }));
  }

  async #writeConfig(): Promise<void> {
    // JSON is YAML.
    await writeFile(this.#configFile, JSON.stringify(this.#settings, undefined, 2));
  }

  /** `host:port` of the registry's listener. */
  get authority(): string {
    return this.#running.addresses.registry;
  }

  get url(): string {
    return `http://${this.authority}`;
  }

  /** Of the control plane, as its clients name it. */
  get controlAddress(): string {
    return this.#running.addresses.control;
  }

  get adminUrl(): string {
    return `http://${this.#running.addresses.admin}`;
  }

  get statistics(): Daemon['statistics'] {
    return this.#running.statistics;
  }

  get upstreams(): Daemon['upstreams'] {
    return this.#running.upstreams;
  }

  get #running(): Daemon {
    if (!this.#daemon) throw new Error('the daemon is stopped');
    return this.#daemon;
  }

  /** Names the first upstream by `ns` unless told another one. */
  manifestUrl(repository: string, reference: string, upstream = this.#names[0]): string {
    return `${this.url}/v2/${repository}/manifests/${reference}?ns=${upstream ?? ''}`;
  }

  blobUrl(repository: string, digest: string, upstream = this.#names[0]): string {
    return `${this.url}/v2/${repository}/blobs/${digest}?ns=${upstream ?? ''}`;
  }

  manifest(repository: string, reference: string, options?: RequestOptions): Promise<Answer> {
    return fetchAll(this.manifestUrl(repository, reference), options);
  }

  blob(repository: string, digest: string, options?: RequestOptions): Promise<Answer> {
    return fetchAll(this.blobUrl(repository, digest), options);
  }

  openBlob(repository: string, digest: string, options?: RequestOptions): Promise<Reader> {
    return open(this.blobUrl(repository, digest), options);
  }

  /** Log lines that hold all of these texts. */
  logged(...texts: readonly string[]): string[] {
    return this.logs.filter((line) => texts.every((text) => line.includes(text)));
  }

  /** Resolves when the digest's record is committed, which is later than the last byte that a client gets. */
  async stored(digest: string): Promise<void> {
    await eventually(() => this.logged('"msg":"stored"', digest).length > 0, `${digest} is stored`);
  }

  /** Where the blob lies when it is stored. */
  blobPath(digest: string): string {
    const [algorithm = '', hex = ''] = digest.split(':');
    return join(this.dataDir, 'blobs', algorithm, hex.slice(0, 2), hex);
  }
}

export const startTestDaemon = (scope: Scope, options: TestDaemonOptions): Promise<TestDaemon> =>
  TestDaemon.start(scope, options);
