/**
 * Where the control plane is reached: a TCP port or a Unix socket that only its owner and group may use (0660), plain or
 * with TLS, with client certificates when there is a CA for them. Certificates are read again when their files change.
 *
 * Decision: sockets are ours and handed to the gRPC server ready made, because its own `bindAsync` tells of a failed
 * listen in prose only, and knows neither the mode of a socket file nor the renewal of a certificate.
 */
import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls';
import type { Clock } from '../lib/clock.js';
import { AppError, systemCode } from '../lib/errors.js';
import type { FollowedFiles } from '../lib/followed-files.js';
import type { Logger } from '../lib/log.js';
import { endOf, followTls, type TlsMaterial, type TlsPaths } from '../lib/tls-files.js';

export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ListenerOptions {
  readonly listen: ListenAddress;
  readonly tls?: TlsPaths | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const MAX_CONNECTIONS = 1000;
const HANDSHAKE_MS = 10_000;
const SOCKET_MODE = 0o660;

export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #files: FollowedFiles<TlsMaterial> | undefined;

  private constructor(server: Server, onConnection: (socket: Socket) => void) {
    this.#server = server;
    server.maxConnections = MAX_CONNECTIONS;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
      // Peers vanish; what that means for a call, the call is told by HTTP/2.
      socket.on('error', () => undefined);
      onConnection(socket);
    });
  }

  /** Throws the system error of `listen`, or of a certificate that cannot be used. */
  static async open(
    { listen, tls, clock, log }: ListenerOptions,
    onConnection: (socket: Socket) => void,
  ): Promise<Listener> {
    if (tls === undefined) {
      const server = createServer({ noDelay: true });
      const listener = new Listener(server, onConnection);
      await bind(server, listen);
      return listener;
    }
    const files = await followTls(tls, clock, log);
    const server = createTlsServer({
      ...files.value,
      requestCert: tls.clientCaFile !== undefined,
      rejectUnauthorized: tls.clientCaFile !== undefined,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
      handshakeTimeout: HANDSHAKE_MS,
      noDelay: true,
    });
    server.on('tlsClientError', (error: Error) => log.debug({ err: error }, 'TLS handshake failed'));
    files.onChange((material) => server.setSecureContext(material));
    const listener = new Listener(server, onConnection);
    listener.#files = files;
    try {
      await bind(server, listen);
    } catch (error) {
      files.close();
      throw error;
    }
    return listener;
  }

  /** As gRPC clients name it. */
  get address(): string {
    const address: AddressInfo | string | null = this.#server.address();
    if (address === null) throw new AppError('INTERNAL', 'the control plane does not listen');
    if (typeof address === 'string') return `unix://${address}`;
    return `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  /** Undefined for a Unix socket. */
  get port(): { readonly address: string; readonly port: number } | undefined {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? undefined : address;
  }

  /** When the certificate ends, in milliseconds since the epoch; undefined without TLS. */
  get certificateUntil(): number | undefined {
    return this.#files && endOf(this.#files.value);
  }

  /** Looks at the certificate's files now. */
  async reread(): Promise<void> {
    await this.#files?.look();
  }

  /** Takes no more connections; those there are stay. */
  stop(): void {
    this.#files?.close();
    this.#server.close();
  }

  /** Cuts what is left. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function bind(server: Server, address: ListenAddress): Promise<void> {
  try {
    await listenOn(server, { ...address });
  } catch (error) {
    if (!('path' in address) || systemCode(error) !== 'EADDRINUSE' || !(await isAbandoned(address.path))) throw error;
    // A daemon that was killed leaves its socket file behind.
    await unlink(address.path);
    await listenOn(server, { ...address });
  }
  if ('path' in address) await chmod(address.path, SOCKET_MODE);
}

function listenOn(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A socket that nobody listens on. Any other kind of file is not ours to remove. */
async function isAbandoned(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false;
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(systemCode(error) === 'ECONNREFUSED'));
  });
}
