/** Programs that are not part of the project: whether they are here, and the two generators among them. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { run } from '../../test/e2e/support/processes.js';
import { ACCEPT } from './connection.js';

const CACHE = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const FOLDERS = [join(CACHE, 'cistern/bench-peers'), ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];

/** Where a program is; undefined when it is not installed. */
export const pathOf = (program: string): string | undefined =>
  FOLDERS.map((folder) => join(folder, program)).find((path) => existsSync(path));

export const notInstalled = (program: string): string =>
  `${program} is not installed: scripts/install-test-tools --bench`;

export function needed(program: string): string {
  const path = pathOf(program);
  if (path === undefined) throw new Error(notInstalled(program));
  return path;
}

const MILLISECONDS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

export interface Load {
  /** Requests a second. */
  readonly rate: number;
  /** Milliseconds that 99 of 100 answers took at most. */
  readonly p99: number;
}

/** wrk, one thread: written in C, it needs a fraction of what any of the servers does. */
export async function wrk(url: string, connections: number, seconds: number): Promise<Load> {
  const options = ['-t1', `-c${connections}`, `-d${seconds}`, '--latency', '-H', `Accept: ${ACCEPT}`];
  const output = await run(needed('wrk'), [...options, url]);
  const rate = /^Requests\/sec: +([\d.]+)$/m.exec(output)?.[1];
  const [, p99, unit = ''] = /^ +99% +([\d.]+)(us|ms|s)$/m.exec(output) ?? [];
  if (/Non-2xx|Socket errors/.test(output) || rate === undefined) throw new Error(`wrk ${url}:\n${output}`);
  return { rate: Number(rate), p99: Number(p99) * (MILLISECONDS[unit] ?? Number.NaN) };
}

/** Pulls over TLS with a curl for each client, so that deciphering is no one process's work; fails unless all is there. */
export async function pullSecurely(url: string, clients: number, size: number): Promise<void> {
  const curl = needed('curl');
  const words = ['-sk', '-o', '/dev/null', '-w', '%{http_code} %{size_download}', url];
  const said = await Promise.all(Array.from({ length: clients }, () => run(curl, words)));
  const wrong = said.find((each) => each !== `200 ${size}`);
  if (wrong !== undefined) throw new Error(`${url}: curl had ${wrong}`);
}
