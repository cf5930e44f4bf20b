/**
 * Where the control plane is reached: a TCP port or a Unix socket that only its owner and group may use (0660), plain or
 * with TLS, with client certificates when there is a CA for them. Certificates are read again when their files change.
 *
 * Decision: sockets are ours and handed to the gRPC server ready made, because its own `bindAsync` tells of a failed
 * listen in prose only, and knows neither the mode of a socket file nor the renewal of a certificate.
 */
import { chmod, lstat, readFile, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, Server as TlsServer, type SecureContextOptions } from 'node:tls';
import type { Clock } from '../lib/clock.js';
import { AppError, systemCode } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';

export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ControlTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must show a certificate that this CA signed. */
  readonly clientCaFile?: string | undefined;
}

export interface ListenerOptions {
  readonly listen: ListenAddress;
  readonly tls?: ControlTls | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const MAX_CONNECTIONS = 1000;
const HANDSHAKE_MS = 10_000;
const CHECK_CERTIFICATES_MS = 10_000;
const SOCKET_MODE = 0o660;

export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #stopFollowing: () => void = () => undefined;

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
    const server = createTlsServer({
      ...(await certificates(tls)),
      requestCert: tls.clientCaFile !== undefined,
      rejectUnauthorized: tls.clientCaFile !== undefined,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
      handshakeTimeout: HANDSHAKE_MS,
      noDelay: true,
    });
    server.on('tlsClientError', (error: Error) => log.debug({ err: error }, 'TLS handshake failed'));
    const listener = new Listener(server, onConnection);
    await bind(server, listen);
    listener.#stopFollowing = follow(server, tls, clock, log);
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

  /** Takes no more connections; those there are stay. */
  stop(): void {
    this.#stopFollowing();
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

async function certificates({ certFile, keyFile, clientCaFile }: ControlTls): Promise<SecureContextOptions> {
  const [cert, key] = [await readFile(certFile), await readFile(keyFile)];
  return clientCaFile === undefined ? { cert, key } : { cert, key, ca: await readFile(clientCaFile) };
}

/** Until the returned function is called. Files that do not fit together keep the old certificate, and say so. */
function follow(server: TlsServer, tls: ControlTls, clock: Clock, log: Logger): () => void {
  const files = [tls.certFile, tls.keyFile, ...(tls.clientCaFile === undefined ? [] : [tls.clientCaFile])];
  let seen: string | undefined;
  const check = async (): Promise<void> => {
    const stats = await Promise.all(files.map((file) => stat(file)));
    const version = stats.map(({ mtimeMs, size }) => `${mtimeMs} ${size}`).join();
    if (seen !== undefined && version !== seen) {
      server.setSecureContext(await certificates(tls));
      log.info({ certFile: tls.certFile }, 'certificate of the control plane reloaded');
    }
    seen = version;
  };
  const run = () => {
    check().catch((error: unknown) => log.error({ err: error, files }, 'certificate not reloaded; the old one stays'));
  };
  run();
  return clock.every(CHECK_CERTIFICATES_MS, run);
}
