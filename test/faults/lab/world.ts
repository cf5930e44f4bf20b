/**
 * The real program as a process of its own between a fake registry and clients that check every byte. It is started,
 * killed and looked at here; what it is put through is the tests' part.
 */
import { cp, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { contents, ControlClient } from '../../../src/cli/client.js';
import { pages } from '../../../src/cli/pages.js';
import type { StoredImage__Output } from '../../../src/control/gen/cistern/v1/StoredImage.js';
import { Cistern, type CisternOptions } from '../../e2e/support/cistern.js';
import { collect } from '../../support/collect.js';
import { eventually } from '../../support/eventually.js';
import { archiveOf } from '../../cache/support/archives.js';
import { FakeRegistry } from '../../support/fake-registry.js';
import { get, type Answer } from '../../support/http.js';
import { temporaryDirectory, type Scope } from '../../support/tmp.js';
import { Library, type Shelved } from './library.js';
import { Oracle, Verdict, type Kept } from './oracle.js';
import { Random } from './random.js';

export const UPSTREAM = 'up.test';
/** Where the data directory goes when something is lost; nowhere without it. */
const KEEP = process.env.CISTERN_FAULT_KEEP;
const SWEEPING = { gc: { schedule: '* * * * * *', gracePeriod: '2s' }, storage: { minFree: 0 } };
/** Of its log, to tell how it ended. */
const LAST_LINES = 20;
/** Questions asked of the daemon at once when everything is looked at. */
const AT_ONCE = 8;

export interface WorldOptions {
  readonly seed: number;
  /** A directory of its own without it. */
  readonly dir?: string;
  readonly images?: number;
  readonly settings?: CisternOptions['settings'];
  /** A collection each second, to which nothing is too young after two, and tags that are asked for again as often. */
  readonly sweeping?: boolean;
  /** Other keys of the upstream's configuration. */
  readonly upstream?: Readonly<Record<string, unknown>>;
}

export class World {
  readonly dir: string;
  readonly registry: FakeRegistry;
  readonly library: Library;
  readonly oracle: Oracle;
  readonly random: Random;
  /** What an import of `library.imported` sends. */
  readonly archive: Buffer;
  readonly #settings: CisternOptions['settings'];
  readonly #upstream: WorldOptions['upstream'];
  readonly #busy = new Set<Shelved>();
  #daemon: Cistern | undefined;
  /** Called for each line of the log. */
  onLine: (line: string) => void = () => undefined;

  private constructor(
    dir: string,
    registry: FakeRegistry,
    random: Random,
    library: Library,
    archive: Buffer,
    { settings, sweeping = false, upstream }: WorldOptions,
  ) {
    this.dir = dir;
    this.registry = registry;
    this.random = random;
    this.library = library;
    this.archive = archive;
    this.oracle = new Oracle(library, sweeping);
    this.#settings = sweeping ? { ...SWEEPING, ...settings } : settings;
    this.#upstream = sweeping ? { tagTtl: '1s', ...upstream } : upstream;
  }

  static async create(scope: Scope, options: WorldOptions): Promise<World> {
    const dir = options.dir ?? (await temporaryDirectory(scope, 'cistern-fault'));
    const registry = await FakeRegistry.start(scope);
    const random = new Random(options.seed);
    const library = Library.fill(registry, random.fork(), options.images);
    const { repository, tag, images } = library.imported;
    const archive = await archiveOf(images, { name: `${UPSTREAM}/${repository}:${tag}` });
    const world = new World(dir, registry, random, library, archive, options);
    scope.after(() => world.kill());
    return world;
  }

  get daemon(): Cistern {
    if (!this.#daemon) throw new Error('the daemon does not run');
    return this.#daemon;
  }

  get data(): string {
    return join(this.dir, 'var');
  }

  /** `under`: a command that runs the daemon, such as `strace -D …`. */
  async start(under: readonly string[] = [], settings: CisternOptions['settings'] = this.#settings): Promise<void> {
    const [name, url, allowNetworks] = [UPSTREAM, this.registry.url, ['127.0.0.0/8']];
    const upstream = { name, url, allowNetworks, default: true, ...this.#upstream };
    const onLine = (line: string) => {
      this.oracle.hear(line);
      this.onLine(line);
    };
    this.oracle.restarted();
    this.#daemon = await Cistern.start({
      dir: this.dir,
      upstreams: [upstream],
      under,
      onLine,
      ...(settings && { settings }),
    });
  }

  /** Throws when it had ended by itself: nothing that is done to it here may do that. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    const ended = daemon?.ended;
    await this.abandon();
    if (ended !== undefined) {
      throw new Verdict(`ENDED by itself: ${ended}\n${daemon?.output.split('\n').slice(-LAST_LINES).join('\n')}`);
    }
  }

  /** Ends it, if something has not done that yet. */
  async abandon(): Promise<void> {
    await this.#daemon?.stop('SIGKILL');
    this.#daemon = undefined;
  }

  async stop(): Promise<void> {
    const { daemon } = this;
    const { code } = await daemon.stop();
    this.#daemon = undefined;
    if (code !== 0) throw new Error(`asked to stop, the daemon ended with ${code}:\n${daemon.output}`);
  }

  /** A manifest or blob by digest, judged. */
  async read({ repository, digest }: Kept): Promise<Answer> {
    const answer = await get(this.urlOf(repository, digest));
    this.oracle.judge(digest, answer);
    return answer;
  }

  /** A manifest by tag, judged. */
  async readTag(repository: string, tag: string): Promise<Answer> {
    const answer = await get(this.urlOf(repository, tag));
    this.oracle.judgeTag(repository, tag, answer);
    return answer;
  }

  urlOf(repository: string, reference: string): string {
    const kind = reference.includes(':') && !this.library.isManifest(reference) ? 'blobs' : 'manifests';
    return `${this.daemon.url}/v2/${repository}/${kind}/${reference}`;
  }

  /** With upstream down, everything that was acknowledged is still served. */
  async assertKept(): Promise<void> {
    await this.registry.down();
    const left = [...this.oracle.kept];
    const look = async () => {
      for (let each = left.pop(); each; each = left.pop()) {
        this.oracle.judgeKept(each, await get(this.urlOf(each.repository, each.digest)));
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, look));
    } catch (error) {
      await this.#keepEvidence();
      throw error;
    }
    await this.registry.up();
  }

  /** The data directory as it is, before everything is torn down. */
  async #keepEvidence(): Promise<void> {
    if (KEEP === undefined) return;
    await this.kill();
    await cp(this.data, KEEP, { recursive: true });
    process.stderr.write(`The data directory of the failed test is kept: ${KEEP}\n`);
  }

  /** Calls to the control plane, over one connection. */
  async control<T>(work: (client: ControlClient) => Promise<T>): Promise<T> {
    const client = new ControlClient({ address: this.daemon.address });
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }

  /** One operator at a time for an image; whoever finds another at it goes away. */
  async alone(image: Shelved, work: () => Promise<void>): Promise<void> {
    if (this.#busy.has(image)) return;
    this.#busy.add(image);
    try {
      await work();
    } finally {
      this.#busy.delete(image);
    }
  }

  /** All images that the control plane lists. */
  async images(): Promise<readonly StoredImage__Output[]> {
    return this.control(async (client) => {
      const found = await collect(pages((pageToken) => client.ask(contents.ListImages, { pageSize: 1000, pageToken })));
      return found.flatMap(({ images }) => images);
    });
  }

  /** Lines of its log with this message, since it was started. */
  daemonSaid(message: string): number {
    return this.daemon.output.split('\n').filter((line) => line.includes(`"msg":"${message}"`)).length;
  }

  /** Where a blob lies: docs/architecture.md. */
  fileOf(digest: string): string {
    const [algorithm = '', hex = ''] = digest.split(':');
    return join(this.data, 'blobs', algorithm, hex.slice(0, 2), hex);
  }

  /** The digests whose files are there. */
  async files(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (const algorithm of await readdir(join(this.data, 'blobs'))) {
      for (const shard of await readdir(join(this.data, 'blobs', algorithm))) {
        for (const hex of await readdir(join(this.data, 'blobs', algorithm, shard))) found.add(`${algorithm}:${hex}`);
      }
    }
    return found;
  }

  /** What the daemon has open: files by path, sockets by their kind alone. */
  async descriptors(): Promise<readonly string[]> {
    const dir = `/proc/${this.daemon.pid}/fd`;
    const targets = await Promise.all((await readdir(dir)).map((fd) => readlink(join(dir, fd)).catch(() => '')));
    return targets.filter((target) => target !== '').map((target) => target.replace(/:\[\d+\]$/, ''));
  }

  /** How many they are when no more come or go. */
  async settledDescriptors(): Promise<number> {
    let [before, now] = [-1, 0];
    await eventually(async () => {
      [before, now] = [now, (await this.descriptors()).length];
      return before === now;
    }, 'the number of descriptors settles');
    return now;
  }

  /** Nothing that belongs to a pull is left open, once the clients are gone. */
  async assertNothingOpen(): Promise<void> {
    const open = async () =>
      (await this.descriptors()).filter((path) => path.includes('/blobs/') || path.includes('/spool/'));
    await eventually(async () => (await open()).length === 0, 'blobs and spools are closed');
  }
}
