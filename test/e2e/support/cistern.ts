/** The built daemon as users run it: `node dist/main.js serve --config FILE`, a process of its own. */
import { mkdtemp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command, MAIN, type Ended } from './command.js';
import { Program, statusOf, until, type Exit } from './processes.js';

/** Milliseconds. For one that hangs, not for a machine that has much else to do. */
const START_LIMIT = 120_000;

export interface CisternOptions {
  /** Its data is in `dir`/var, so a second one with the same `dir` takes over what the first stored. */
  readonly dir: string;
  readonly upstreams: readonly object[];
  readonly port?: number;
  /** Other sections of the configuration. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** A command that runs it, such as `strace -D -o FILE`. */
  readonly under?: readonly string[];
  /** Called for each line it prints. */
  readonly onLine?: (line: string) => void;
  /** A file that its log goes to. */
  readonly logFile?: string;
}

export interface Invocation {
  readonly program: Program;
}

/** As the daemon logs them, once it has them: it chose the ports. */
interface Addresses {
  readonly registry: string;
  readonly admin: string;
  readonly control: string;
}

/** Starts the program without waiting for it to be ready: for the tests in which it must refuse. */
export async function invokeCistern(options: CisternOptions): Promise<Invocation> {
  const { dir, upstreams, port, settings, under = [], onLine, logFile } = options;
  await mkdir(dir, { recursive: true });
  const config = join(await mkdtemp(join(dir, 'config-')), 'cistern.yaml');
  const document = {
    dataDir: join(dir, 'var'),
    registry: { listen: `127.0.0.1:${port ?? 0}` },
    admin: { listen: '127.0.0.1:0' },
    control: { listen: '127.0.0.1:0' },
    storage: { minFree: 0 },
    upstreams,
    ...settings,
  };
  await writeFile(config, JSON.stringify(document)); // JSON is YAML
  const words = [...under, process.execPath, MAIN, 'serve', '--config', config];
  const [file = process.execPath, ...args] = words;
  const program = new Program(file, args, { env: { UV_THREADPOOL_SIZE: '16' }, onLine, logFile });
  return { program };
}

export class Cistern {
  readonly #program: Program;
  readonly #addresses: Addresses;

  private constructor(program: Program, addresses: Addresses) {
    this.#program = program;
    this.#addresses = addresses;
  }

  static async start(options: CisternOptions): Promise<Cistern> {
    const { program } = await invokeCistern(options);
    try {
      await until(() => addressesIn(program) !== undefined, 'cistern', program, START_LIMIT);
      const cistern = new Cistern(program, addressesIn(program)!);
      await until(async () => (await cistern.readiness()) === 200, 'cistern', program, START_LIMIT);
      return cistern;
    } catch (error) {
      // Nobody else knows of it.
      program.child.kill('SIGKILL');
      throw error;
    }
  }

  get host(): string {
    return this.#addresses.registry;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  get pid(): number | undefined {
    return this.#program.child.pid;
  }

  get output(): string {
    return this.#program.output;
  }

  /** How it ended; undefined while it runs. */
  get ended(): string | undefined {
    const { exitCode, signalCode } = this.#program.child;
    return exitCode === null ? (signalCode ?? undefined) : `exit code ${exitCode}`;
  }

  /** Of the control plane. */
  get address(): string {
    return this.#addresses.control;
  }

  /** Runs a command against this daemon, to its end. */
  run(...args: readonly string[]): Promise<Ended> {
    return command(args, { CISTERN_ADDRESS: this.address });
  }

  get adminUrl(): string {
    return `http://${this.#addresses.admin}`;
  }

  readiness(): Promise<number | undefined> {
    return statusOf(`${this.adminUrl}/readyz`);
  }

  /** Until the log says `stored` for every one of `digests`: from then on they must never be lost. */
  async stored(digests: readonly string[]): Promise<void> {
    const isStored = (digest: string) =>
      this.#program.lines.some((line) => line.includes('"msg":"stored"') && line.includes(digest));
    await until(() => digests.every(isStored), `"stored" for ${digests.join(', ')}`, this.#program);
  }

  /** SIGTERM unless told otherwise; waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    return await this.#program.stop(signal);
  }

  /** Sends SIGTERM and does not wait. */
  beginStop(): Promise<Exit> {
    return this.stop('SIGTERM');
  }
}

function addressesIn({ lines }: Program): Addresses | undefined {
  const line = lines.find((each) => each.includes('"msg":"serving"'));
  return line === undefined ? undefined : (JSON.parse(line) as Addresses);
}
