/** An HTTP(S) server on a loopback port of its own that can go down, losing every connection, and come up again there. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';

export interface Tls {
  readonly key: string;
  readonly cert: string;
}

export interface ListenerOptions {
  /** Any address of 127.0.0.0/8 works on Linux: another address is another host. */
  readonly host?: string;
  readonly tls?: Tls | undefined;
}

export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #scheme: string;
  readonly host: string;
  #port = 0;
  /** TCP connections accepted so far: the "0 packets" of the address guard's tests. */
  connections = 0;

  private constructor(server: Server, scheme: string, host: string) {
    this.#server = server;
    this.#scheme = scheme;
    this.host = host;
    server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async open(onRequest: RequestListener, { host = '127.0.0.1', tls }: ListenerOptions = {}): Promise<Listener> {
    const server = tls ? createTlsServer({ ...tls }, onRequest) : createServer(onRequest);
    server.keepAliveTimeout = 60_000;
    const listener = new Listener(server, tls ? 'https' : 'http', host);
    await listener.up();
    return listener;
  }

  get authority(): string {
    return `${this.host}:${this.#port}`;
  }

  get url(): string {
    return `${this.#scheme}://${this.authority}`;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens, on the port it had before if there was one. */
  async up(): Promise<void> {
    this.#server.listen(this.#port, this.host);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and loses every connection. */
  async down(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.dropConnections();
    await closed;
  }

  dropConnections(): void {
    // Below TLS nobody sees whether the connection is shutting down, when a reset would leak it.
    const drop = this.#scheme === 'https' ? (socket: Socket) => socket.destroy() : reset;
    for (const socket of this.#sockets) drop(socket);
  }

  /** Keep-alive connections that are open now. */
  get open(): number {
    return this.#sockets.size;
  }
}

/** Sends RST. Node.js cannot once the socket is shutting down, and then leaks it: such a one is only closed. */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
