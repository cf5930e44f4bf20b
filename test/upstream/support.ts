/** A small HTTP server that remembers what it was asked, and an upstream pointed at it. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/lib/clock.js';
import type { Logger } from '../../src/lib/log.js';
import { RegistryUpstream, type UpstreamOptions } from '../../src/upstream/registry-upstream.js';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly seen: Seen[];
  /** Connections accepted so far. */
  readonly connections: () => number;
}

export type Handler = (request: IncomingMessage & { url: string }, response: ServerResponse) => void;

export async function serve(t: TestContext, handler: Handler): Promise<TestServer> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, headers });
    handler(Object.assign(request, { url }), response);
  });
  return { ...(await listen(t, server)), seen };
}

export async function listen(t: TestContext, server: Server): Promise<Omit<TestServer, 'seen'>> {
  let connections = 0;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, connections: () => connections };
}

/** Every line that was logged, as JSON. */
export interface TestLog extends Logger {
  readonly lines: string[];
}

export function testLog(): TestLog {
  const lines: string[] = [];
  const write = (level: string) => (fields: object, message: string) => {
    lines.push(JSON.stringify({ level, ...fields, message }));
  };
  const log: TestLog = {
    lines,
    level: 'debug',
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  return log;
}

export function openUpstream(t: TestContext, url: string, options: Partial<UpstreamOptions> = {}): RegistryUpstream {
  const upstream = RegistryUpstream.open({
    name: 'example.com',
    url,
    auth: { type: 'anonymous' },
    realms: [],
    connectTimeout: 10_000,
    responseTimeout: 10_000,
    maxConnections: 4,
    allowNetworks: ['127.0.0.0/8'],
    ownListeners: () => [],
    clock: systemClock,
    log: testLog(),
    random: () => 0,
    ...options,
  });
  t.after(() => upstream.close());
  return upstream;
}

export const call = (timeout?: number) => ({
  signal: new AbortController().signal,
  ...(timeout !== undefined && { timeout }),
});

export async function collect(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** For assert.rejects: an AppError of this code whose message, and whose causes' messages, hold none of `secrets`. */
export const failsWith =
  (code: string, ...secrets: readonly string[]) =>
  (error: unknown): boolean => {
    const told: string[] = [];
    for (let at: unknown = error; at instanceof Error; at = at.cause) told.push(at.message);
    if (secrets.some((secret) => told.join('\n').includes(secret)))
      throw new Error(`a secret was told: ${told.join(' / ')}`);
    if ((error as { code?: unknown }).code === code) return true;
    throw new Error(`expected ${code}`, { cause: error });
  };
