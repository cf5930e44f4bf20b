/**
 * The registry's HTTP server: limits, one reply for each request, one access-log line for each reply. Handlers return a
 * `Reply` or throw; this is the one place that writes either. Headers of clients are never forwarded, and nothing
 * is keyed by them.
 */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Server as TlsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { PullThrough } from '../cache/pull-through.js';
import type { Recollection } from '../cache/recollection.js';
import type { AnsweredPull } from '../cache/statistics/statistics.js';
import type { Clock } from '../lib/clock.js';
import { AppError, ERRORS, systemCode, toAppError, type ErrorCode } from '../lib/errors.js';
import type { FollowedFiles } from '../lib/followed-files.js';
import type { Logger } from '../lib/log.js';
import { endOf, followTls, type TlsMaterial, type TlsPaths } from '../lib/tls-files.js';
import { RequestSpan } from '../lib/tracing.js';
import { AccessLog, type Entry } from './access-log.js';
import { blob } from './blobs.js';
import type { ClientAuth } from './client-auth.js';
import { ClientCertificates } from './client-certificates.js';
import { cacheStatus, errorCacheStatus } from './cache-status.js';
import { takesOver } from './hand-over.js';
import { manifest } from './manifests.js';
import { nameRepository, type UpstreamNames } from './naming.js';
import { UnsatisfiableRange } from './range.js';
import { referrers } from './referrers.js';
import { hasBody, hostsIn, onlyOne, queryOf } from './request-head.js';
import { NotAProxy, refuse } from './refusals.js';
import { json, type Asked, type Reply } from './reply.js';
import { route } from './router.js';
import { Sender } from './send.js';
import { tags } from './tags.js';

const MOST_CONNECTIONS = 16_384;
const MOST_CONNECTIONS_PER_ADDRESS = 4_096;

/** Bodies up to this many bytes are left to the socket in one piece. */
const WHOLE = 64 * 1024;

const LIMITS = {
  /** Of TLS. */
  handshakeTimeout: 10_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16_384,
  /** Node.js would answer without a word, and go on to read what follows. */
  requireHostHeader: false,
};

/** A client's, with the requests that come over it one after the other, or in a row. */
interface Connection {
  /** Answers to the requests under way. */
  readonly answers: Set<ServerResponse>;
  /** It ends with the answer to a request that came: what follows that is not looked at. */
  closing: boolean;
  /** Aborted when the client leaves. One for all requests, of which most are over before it could be asked. */
  readonly leaving: AbortSignal;
}

export interface RegistryServerParts {
  readonly cache: PullThrough;
  readonly names: UpstreamNames;
  /** Undefined: everybody may pull. */
  readonly auth?: ClientAuth | undefined;
  readonly tls?: TlsPaths | undefined;
  /** The location where an nginx in front finds stored blobs, with a slash at its end. */
  readonly accelRedirect?: string | undefined;
  /** Time limits other than the usual ones, in milliseconds. */
  readonly limits?: Partial<typeof LIMITS> | undefined;
  /** Called once for each pull that was answered with 200 or 206, when the answer has ended, complete or not. */
  readonly onAnswered?: ((pull: AnsweredPull) => void) | undefined;
  /** Told of each answer to a pull, errors too. */
  readonly recollection?: Recollection | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export class RegistryServer {
  readonly #cache: PullThrough;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #server: Server | TlsServer;
  readonly #auth: ClientAuth | undefined;
  readonly #certificates: ClientCertificates | undefined;
  readonly #accelRedirect: string | undefined;
  readonly #onAnswered: RegistryServerParts['onAnswered'];
  readonly #accessLog: AccessLog;
  readonly #tls: FollowedFiles<TlsMaterial> | undefined;
  readonly #sender: Sender;
  /** By address. */
  readonly #sockets = new Map<string, Set<Socket>>();
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #run = randomBytes(4).toString('hex');
  /** Requests that ended in an error, since the start. */
  readonly errors = new Map<ErrorCode, number>();
  #names: UpstreamNames;
  #requests = 0;

  private constructor(parts: RegistryServerParts, tls: FollowedFiles<TlsMaterial> | undefined) {
    this.#cache = parts.cache;
    this.#names = parts.names;
    this.#auth = parts.auth;
    this.#accelRedirect = parts.accelRedirect;
    this.#onAnswered = parts.onAnswered;
    this.#accessLog = new AccessLog(parts);
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#sender = new Sender(parts.clock);
    this.#tls = tls;
    this.#certificates = parts.tls?.clientCaFile === undefined ? undefined : new ClientCertificates();
    const limits = { ...LIMITS, ...parts.limits };
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response);
    if (tls) {
      // Who has no good certificate is told so in JSON, request by request.
      const mutual = { requestCert: this.#certificates !== undefined, rejectUnauthorized: false };
      const server = createTlsServer({ ...limits, ...tls.value, ...mutual, minVersion: 'TLSv1.2' }, answer);
      server.on('secureConnection', (socket) => socket.disableRenegotiation());
      server.on('tlsClientError', (error, socket) => this.#refuseHandshake(error, socket));
      tls.onChange((material) => server.setSecureContext(material));
      this.#server = server;
    } else {
      this.#server = createServer(limits, answer);
    }
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on('connection', (socket: Socket) => this.#count(socket));
    const isAnswering = (socket: Socket) => (this.#connections.get(socket)?.answers.size ?? 0) > 0;
    this.#server.on('connect', (_, socket: Socket) => refuse(new NotAProxy(), socket, isAnswering(socket)));
    this.#server.on('clientError', (error: Error, socket: Socket) => refuse(error, socket, isAnswering(socket)));
  }

  /** Throws CONFIG_INVALID or a system error for certificates that cannot be used, and the system error of `listen`. */
  static async open(
    parts: RegistryServerParts,
    listen: { readonly host: string; readonly port: number },
  ): Promise<RegistryServer> {
    const tls = parts.tls && (await followTls(parts.tls, parts.clock, parts.log));
    const registry = new RegistryServer(parts, tls);
    try {
      await new Promise<void>((resolve, reject) => {
        registry.#server.once('error', reject);
        registry.#server.listen({ ...listen, backlog: 4096 }, () => {
          registry.#server.off('error', reject);
          registry.#server.on('error', (error) => parts.log.error({ err: error }, 'registry listener'));
          resolve();
        });
      });
    } catch (error) {
      registry.#release();
      throw error;
    }
    return registry;
  }

  get address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new AppError('INTERNAL', 'the registry does not listen');
    return address;
  }

  /** When the certificate ends, in milliseconds since the epoch; undefined without TLS. */
  get certificateUntil(): number | undefined {
    return this.#tls && endOf(this.#tls.value);
  }

  replaceNames(names: UpstreamNames): void {
    this.#names = names;
  }

  /** Looks now at the files that say who may pull. */
  async reread(): Promise<void> {
    await Promise.all([this.#tls?.look(), this.#auth?.reread()]);
  }

  /** Takes no new connections, lets answers under way finish until `deadline` is aborted, then cuts them. */
  async close(deadline: AbortSignal): Promise<void> {
    const cut = () => this.#server.closeAllConnections();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    if (deadline.aborted) cut();
    else deadline.addEventListener('abort', cut, { once: true });
    await closed;
    deadline.removeEventListener('abort', cut);
    this.#release();
  }

  #release(): void {
    this.#sender.close();
    this.#tls?.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connectionOf(request.socket);
    if (connection.closing) return;
    const query = queryOf(request);
    const entry: Entry = {
      id: `${this.#run}-${(++this.#requests).toString(36)}`,
      began: this.#clock.monotonic(),
      span: new RequestSpan('request', request.headers),
      namespace: query.get('ns') ?? undefined,
      closes: false,
      repository: undefined,
      reference: undefined,
      error: undefined,
      user: undefined,
      pull: undefined,
      sent: { bytes: 0 },
    };
    connection.answers.add(response);
    let reply: Reply | undefined;
    response.once('close', () => {
      connection.answers.delete(response);
      this.#tell(request, response, entry, reply);
      this.#accessLog.line(request, response, entry, reply);
    });
    // What follows a body that nobody reads, or a change of protocol that never was, is not looked at.
    const ambiguous = request.httpVersion === '1.1' && hostsIn(request) !== 1;
    entry.closes = connection.closing = ambiguous || hasBody(request) || request.headers.upgrade !== undefined;
    try {
      if (ambiguous) throw new AppError('REQUEST_INVALID', 'a request has one Host header');
      reply = await entry.span.run(() => this.#reply(request, query, entry, connection.leaving));
      await this.#write(response, reply, entry);
    } catch (error) {
      entry.error = toAppError(error);
      const { code } = entry.error;
      this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
      if (code === 'INTERNAL') this.#log.error({ id: entry.id, err: error }, 'request failed');
      await this.#writeError(response, entry.error, entry);
    }
  }

  async #reply(request: IncomingMessage, query: URLSearchParams, entry: Entry, signal: AbortSignal): Promise<Reply> {
    const { method, headers, url = '/' } = request;
    const [path = url] = url.split('?', 1);
    if (method !== 'GET' && method !== 'HEAD')
      throw new AppError('UNSUPPORTED', 'this mirror is read-only: push to the registry itself');
    entry.user = this.#certificates?.check(request.socket);
    if (this.#auth) entry.user = await this.#auth.check(headers.authorization, request.socket.remoteAddress ?? '');
    const wanted = route(path);
    if (wanted.kind === 'ping') return json({}, { 'Cache-Status': 'cistern; hit' });

    const named = { ns: entry.namespace, prefix: wanted.prefix, path: wanted.name };
    const repository = nameRepository(this.#names, named);
    entry.repository = repository;
    const asked: Asked = {
      head: method === 'HEAD',
      path,
      query,
      range: headers.range,
      ifRange: onlyOne(headers['if-range']),
      ifNoneMatch: headers['if-none-match'],
      handOverAt: this.#accelRedirect !== undefined && takesOver(headers) ? this.#accelRedirect : undefined,
      signal,
    };
    switch (wanted.kind) {
      case 'manifest':
        entry.reference = wanted.reference;
        entry.pull = 'manifests';
        return manifest(this.#cache, repository, wanted.reference, asked);
      case 'blob':
        entry.reference = wanted.digest;
        entry.pull = 'blobs';
        return blob(this.#cache, repository, wanted.digest, asked);
      case 'tags':
        return tags(this.#cache, repository, wanted.name, asked);
      case 'referrers':
        entry.reference = wanted.digest;
        return referrers(this.#cache, repository, wanted.digest, asked);
    }
  }

  async #write(response: ServerResponse, reply: Reply, entry: Entry): Promise<void> {
    const { status, headers, body, answered, handedOver = 0 } = reply;
    const streamed = body !== undefined && !Buffer.isBuffer(body);
    const whole = response.req.method === 'HEAD' || streamed ? undefined : body;
    const { sent } = entry;
    try {
      if (response.destroyed) throw new AppError('CANCELLED', 'the client left');
      // A body that is not as long as announced is an error here, not a surprise there.
      response.strictContentLength = true;
      const begin = () => {
        const head = common(answered ? cacheStatus(answered) : 'cistern; fwd=bypass', entry);
        response.writeHead(status, Object.assign(head, headers));
      };
      if (streamed) {
        await this.#sender.send(response, body.stream, begin, sent);
      } else if (whole && whole.length > WHOLE) {
        await this.#sender.send(response, [whole], begin, sent);
      } else {
        begin();
        // What was asked for: how much of it the client takes, only nginx will know.
        sent.bytes += handedOver;
        await this.#sender.sendWhole(response, whole, sent);
      }
    } finally {
      if (streamed) await body.close();
    }
  }

  /** Never into a body that has begun: then the connection is cut, so that nobody takes it for complete. */
  async #writeError(response: ServerResponse, error: AppError, entry: Entry): Promise<void> {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { http, registry } = ERRORS[error.code];
    const body = Buffer.from(
      JSON.stringify({ errors: [{ code: registry, message: error.message, detail: { reason: error.code } }] }),
    );
    response.writeHead(http, {
      ...common(errorCacheStatus(error), entry),
      ...(error instanceof UnsatisfiableRange && { 'Content-Range': `bytes */${error.size}` }),
      ...(http === 401 && { 'WWW-Authenticate': 'Basic realm="cistern", charset="UTF-8"' }),
      ...(http === 405 && { Allow: 'GET, HEAD' }),
      ...((http === 429 || error.retryAfter !== undefined) && { 'Retry-After': Math.ceil(error.retryAfter ?? 30) }),
      'Content-Type': 'application/json',
      'Content-Length': body.length,
    });
    await this.#sender.sendWhole(response, response.req.method === 'HEAD' ? undefined : body, entry.sent);
  }

  #tell(request: IncomingMessage, response: ServerResponse, entry: Entry, reply: Reply | undefined): void {
    // An answer that failed before its head was sent became an error.
    if (!reply?.answered || !entry.pull || !entry.repository || !response.headersSent || response.statusCode >= 300)
      return;
    this.#onAnswered?.({
      repository: entry.repository,
      kind: entry.pull,
      head: request.method === 'HEAD',
      outcome: reply.answered.outcome,
      bytes: entry.sent.bytes,
    });
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const connection = { answers: new Set<ServerResponse>(), closing: false, leaving: leaving.signal };
    socket.once('close', () => {
      leaving.abort(new AppError('CANCELLED', 'the client left'));
      // Node.js tells the answer that has the connection. Those that wait for their turn on it would wait for ever.
      for (const response of connection.answers) if (!response.socket) response.destroy().emit('close');
    });
    this.#connections.set(socket, connection);
    return connection;
  }

  #count(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const open = this.#sockets.get(address) ?? new Set();
    if (open.size >= MOST_CONNECTIONS_PER_ADDRESS) {
      socket.destroy();
      return;
    }
    this.#sockets.set(address, open.add(socket));
    socket.setNoDelay(true);
    socket.once('close', () => {
      open.delete(socket);
      if (open.size === 0 && this.#sockets.get(address) === open) this.#sockets.delete(address);
    });
  }

  /** Who speaks plain HTTP to a TLS listener is told so, in plain HTTP, on the connection below the one that failed. */
  #refuseHandshake(error: Error, { remoteAddress = '', remotePort }: TLSSocket): void {
    this.#log.debug({ err: error, client: remoteAddress }, 'TLS handshake failed');
    if (systemCode(error) !== 'ERR_SSL_HTTP_REQUEST') return;
    const open = this.#sockets.get(remoteAddress) ?? [];
    for (const socket of open) if (socket.remotePort === remotePort) refuse(error, socket, false);
  }
}

/** Headers of every answer; the caller may add to them. */
function common(status: string, { id, namespace, closes }: Entry): OutgoingHttpHeaders {
  const head: OutgoingHttpHeaders = {
    'X-Request-Id': id,
    'Docker-Distribution-Api-Version': 'registry/2.0',
    'Cache-Status': status,
  };
  if (closes) head.Connection = 'close';
  // Only what a header may hold; the value comes from the client.
  if (namespace !== undefined && /^[\w.:-]{1,255}$/.test(namespace)) head['OCI-Namespace'] = namespace;
  return head;
}
