/** What the benches ask with. Whoever times a transfer here does not hash it: `checked` does that, once a side, untimed. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { get as getSecurely } from 'node:https';
import { Agent, request } from 'undici';
import { until } from '../../test/e2e/support/processes.js';
import { ACCEPT, Connection, type Transfer } from './connection.js';

/** Pulls one blob over a connection of its own. */
export async function pull(url: string): Promise<Transfer> {
  const connection = new Connection(url);
  try {
    return await connection.get(new URL(url).pathname);
  } finally {
    connection.close();
  }
}

/** Seconds until the last of `clients` that start together has all of it. */
export async function pullTogether(url: string, clients: number): Promise<number> {
  const transfers = await Promise.all(Array.from({ length: clients }, () => pull(url)));
  return Math.max(...transfers.map(({ seconds }) => seconds));
}

/** Pulls each path once, over so many connections that stay open. */
export async function pullEach(url: string, paths: readonly string[], connections: number): Promise<void> {
  const left = paths.values();
  const worker = async () => {
    const connection = new Connection(url);
    for (const path of left) await connection.get(path);
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, worker));
}

/** Pulls a blob and fails unless it has its digest, the last part of its path unless told otherwise. */
export async function checked(url: string, digest = url.slice(url.lastIndexOf('/') + 1)): Promise<void> {
  const response = await open(url);
  const hash = createHash('sha256');
  for await (const chunk of response as AsyncIterable<Buffer>) hash.update(chunk);
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest) throw new Error(`${url}: served ${found}`);
}

/** Has Cistern store a blob, checks it, and waits until it is served from the store. */
export async function warmed(url: string): Promise<void> {
  await checked(url);
  await until(async () => (await outcomeOf(url)).startsWith('cistern; hit'), `${url} to be a hit`);
}

async function open(url: string): Promise<IncomingMessage> {
  const options = { agent: false, headers: { accept: ACCEPT } } as const;
  // The certificate is the bench's own.
  const secure = url.startsWith('https:');
  const asked = secure ? getSecurely(url, { ...options, rejectUnauthorized: false }) : get(url, options);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode ?? 'no status'}`);
  return response;
}

/** Asks for a body and reads none of it, until the returned function is called. */
export async function stall(url: string): Promise<() => void> {
  const response = await open(url);
  response.pause();
  response.on('error', () => undefined);
  return () => response.destroy();
}

/** Reads until `signal` is aborted, starting over whenever a body ends. */
export async function readUntil(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const response = await open(url);
    const stop = () => response.destroy();
    response.on('error', () => undefined).on('data', () => undefined);
    signal.addEventListener('abort', stop, { once: true });
    if (!response.closed) await once(response, 'close');
    signal.removeEventListener('abort', stop);
  }
}

/** Requests a second with `concurrency` connections, for `seconds`: for servers that a slow generator does not limit. */
export async function requestsPerSecond(url: string, concurrency: number, seconds: number): Promise<number> {
  const dispatcher = new Agent({ connections: concurrency });
  const end = performance.now() + seconds * 1000;
  let count = 0;
  const worker = async () => {
    while (performance.now() < end) {
      const { statusCode, body } = await request(url, { dispatcher, headers: { accept: ACCEPT } });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${url}: ${statusCode}`);
      count++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await dispatcher.close();
  return count / seconds;
}

/** The outcome that Cistern names in Cache-Status. */
async function outcomeOf(url: string): Promise<string> {
  const response = await open(url);
  response.destroy();
  return String(response.headers['cache-status']);
}
