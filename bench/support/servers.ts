/** The processes under measurement, on 127.0.0.1, and the content they serve. Everything ends with the bench. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { Cistern } from '../../test/e2e/support/cistern.js';
import { Program, stopPrograms, until } from '../../test/e2e/support/processes.js';
import { killWorkers } from './nginx.js';

export const MIB = 1024 * 1024;
export const UPSTREAM = 'bench.test';

/** A directory and its programs, all gone afterwards. BENCH_DIR says on which disk. */
export async function inBenchDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(process.env.BENCH_DIR ?? tmpdir(), 'cistern-bench-'));
  try {
    return await work(dir);
  } finally {
    killWorkers();
    await stopPrograms();
    await rm(dir, { recursive: true, force: true });
  }
}

export interface Script {
  readonly url: string;
  readonly pid: number;
  /** What it printed. */
  readonly output: string;
}

/** A file of this folder that prints its port when it listens. */
export async function startScript(script: string, args: readonly string[]): Promise<Script> {
  const program = new Program(process.execPath, ['--import', 'tsx', join(import.meta.dirname, script), ...args]);
  const port = () => /^port (\d+)$/m.exec(program.output)?.[1];
  await until(() => port() !== undefined, script, program);
  return { url: `http://127.0.0.1:${port() ?? ''}`, pid: program.child.pid ?? 0, output: program.output };
}

export class BenchUpstream {
  readonly url: string;

  private constructor(url: string) {
    this.url = url;
  }

  /** Bytes a second on each connection, and over all of them together; unlimited without. */
  static async start(rate = 0, total = 0): Promise<BenchUpstream> {
    return new BenchUpstream((await startScript('upstream-server.ts', [String(rate), String(total)])).url);
  }

  /** Makes a blob that nobody has seen; gives its digest. */
  blob(size: number): Promise<string> {
    return this.#ask(`blob?seed=${crypto.randomUUID()}&size=${size}`);
  }

  /** Makes so many blobs at once; gives their digests. */
  async blobs(count: number, size: number): Promise<readonly string[]> {
    return (await this.#ask(`blobs?seed=${crypto.randomUUID()}&count=${count}&size=${size}`)).split(',');
  }

  /** Makes the image `name`:latest; gives the digest of its manifest. */
  image(name: string, layers: number, size: number): Promise<string> {
    return this.#ask(`image?name=${name}&seed=${crypto.randomUUID()}&layers=${layers}&size=${size}`);
  }

  /** Bytes of blobs that left so far. */
  async sent(): Promise<number> {
    return Number(await this.#ask('sent'));
  }

  async #ask(path: string): Promise<string> {
    const { body } = await request(`${this.url}/bench/${path}`, { headersTimeout: 60_000 });
    return await body.text();
  }
}

export const startBarestProxy = async (upstream: string, dir: string): Promise<string> =>
  (await startScript('../barest-proxy.ts', [upstream, dir])).url;

interface Settings {
  /** Other keys of the listener. */
  readonly registry?: object;
  /** Other keys of the upstream. */
  readonly upstream?: object;
}

/** Cistern as shipped, with its access log, which goes to a file as those of the others do. */
export async function startCistern(
  dir: string,
  upstreamUrl: string,
  { upstream, ...settings }: Settings = {},
): Promise<Cistern> {
  const upstreams = [{ name: UPSTREAM, url: upstreamUrl, default: true, allowNetworks: ['127.0.0.0/8'], ...upstream }];
  const own = join(dir, 'cistern');
  await mkdir(own, { recursive: true });
  const logFile = join(own, `log-${performance.now()}`);
  return await Cistern.start({ dir: own, upstreams, logFile, settings });
}

/** The file that a stored blob is. */
export const storedFile = (dir: string, digest: string): string => {
  const hex = digest.slice('sha256:'.length);
  return join(dir, 'cistern/var/blobs/sha256', hex.slice(0, 2), hex);
};

/** Removes every stored blob's bytes: the next pull is cold, and the disk does not fill. */
export async function forgetBlobs(dir: string): Promise<void> {
  const blobs = join(dir, 'cistern/var/blobs');
  for (const name of await readdir(blobs, { recursive: true })) {
    if (/[0-9a-f]{64}$/.test(name)) await rm(join(blobs, name));
  }
}

/** Puts a blob into a docker-registry, by its upload API. */
export async function upload(registry: string, repository: string, bytes: Buffer, digest: string): Promise<void> {
  const begun = await request(`${registry}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  await begun.body.dump();
  const location = new URL(String(begun.headers.location), registry);
  location.searchParams.set('digest', digest);
  const done = await request(location, {
    method: 'PUT',
    body: bytes,
    headers: { 'content-type': 'application/octet-stream' },
  });
  if (done.statusCode !== 201) throw new Error(`upload: ${done.statusCode} ${await done.body.text()}`);
  await done.body.dump();
}
