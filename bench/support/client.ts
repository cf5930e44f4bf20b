/** What the benches pull with: plain node:http, a fresh connection a transfer, bytes counted and thrown away. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Agent, request } from 'undici';

export interface Transfer {
  /** Seconds from the request to the first body byte, and to the last. */
  readonly firstByte: number;
  readonly seconds: number;
  readonly bytes: number;
}

async function open(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode ?? 'no status'}`);
  return response;
}

/** Reads a whole body; fails unless it is as long as was announced. */
export async function pull(url: string): Promise<Transfer> {
  const start = performance.now();
  const response = await open(url);
  let firstByte = Number.NaN;
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    if (bytes === 0) firstByte = (performance.now() - start) / 1000;
    bytes += chunk.length;
  });
  await once(response, 'end');
  if (bytes !== Number(response.headers['content-length'])) throw new Error(`${url}: ended after ${bytes} bytes`);
  return { firstByte, seconds: (performance.now() - start) / 1000, bytes };
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

/** What containerd accepts; docker-registry answers 404 for an OCI manifest that was not asked for. */
const accept = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  '*/*',
].join(', ');

/** Requests a second with `concurrency` connections, for `seconds`. */
export async function requestsPerSecond(url: string, concurrency: number, seconds: number): Promise<number> {
  const dispatcher = new Agent({ connections: concurrency });
  const end = performance.now() + seconds * 1000;
  let count = 0;
  const worker = async () => {
    while (performance.now() < end) {
      const { statusCode, body } = await request(url, { dispatcher, headers: { accept } });
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
export async function outcomeOf(url: string): Promise<string> {
  const { headers, body } = await request(url, { method: 'HEAD' });
  await body.dump();
  return String(headers['cache-status']);
}
