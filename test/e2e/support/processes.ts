/**
 * Child processes on 127.0.0.1, for tests that need the real programs: started, watched until they answer, and never
 * left behind, whatever the test does.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
// A test that is told to end leaves by the door above.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Called for each line of its output. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** A file that its output goes to: whoever measures it must not read along. `onLine` is not called then. */
  readonly logFile?: string | undefined;
}

/** A program that runs for an hour says more than can be kept. */
const KEPT_LINES = 100_000;

/** One running program. Its output is kept in whole lines, the first and the newest of them. */
export class Program {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  readonly #lines: string[] = [];
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #logFile: string | undefined;
  #partial = '';

  constructor(command: string, args: readonly string[], { env = {}, onLine, logFile }: ProgramOptions = {}) {
    this.#onLine = onLine;
    this.#logFile = logFile;
    const log = logFile === undefined ? 'pipe' : openSync(logFile, 'a');
    this.child = spawn(command, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    if (typeof log === 'number') closeSync(log);
    running.add(this.child);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    }
    this.exited = once(this.child, 'close').then(([code, signal]: unknown[]) => {
      running.delete(this.child);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get lines(): readonly string[] {
    return this.#logFile === undefined ? this.#lines : readFileSync(this.#logFile, 'utf8').split('\n');
  }

  get output(): string {
    return this.lines.join('\n') + this.#partial;
  }

  get over(): boolean {
    return !running.has(this.child);
  }

  /** Sends the signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal);
    return await this.exited;
  }

  /** For a program that must end by itself, soon. */
  async refused(): Promise<Exit> {
    await until(() => this.over, `the end of ${this.child.spawnargs.join(' ')}`).finally(() =>
      this.child.kill('SIGKILL'),
    );
    return await this.exited;
  }

  #keep(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    this.#lines.push(...lines);
    if (this.#lines.length > 2 * KEPT_LINES) this.#lines.splice(100, KEPT_LINES);
    if (this.#onLine) lines.forEach(this.#onLine);
  }
}

/** Kills what a failed test left running. */
export async function stopPrograms(): Promise<void> {
  // Not `close`: a grandchild that outlives its parent would hold the pipes open.
  const ends = [...running].map((child) => once(child, 'exit'));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(ends);
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Polls until `met` is true; after `limit` milliseconds, or when a program that has to live ended, throws with what it said. */
export async function until(
  met: () => boolean | Promise<boolean>,
  what: string,
  program?: Program,
  limit = 30_000,
): Promise<void> {
  const deadline = performance.now() + limit;
  while (!(await met())) {
    if (program?.over) throw new Error(`${what}: the program ended first, saying:\n${program.output}`);
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limit} ms\n${program?.output ?? ''}`);
    await sleep(20);
  }
}

/** The status of a GET; undefined when nobody listens. */
export const statusOf = (url: string): Promise<number | undefined> =>
  fetch(url).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => undefined,
  );

/** Whether somebody listens on that port. */
export const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

/** Runs a command to its end and gives its standard output; a failure carries what it wrote. */
export async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, {
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
