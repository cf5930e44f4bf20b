/**
 * One HTTP request, one response: the only file that knows undici. It sends nothing to an address the guard forbids, it
 * follows no redirect, it keeps no cookie, and it never waits for ever: there are limits on the connection, the headers,
 * a silent body and a crawling one, but none on a whole transfer. Every failure is an AppError whose message holds no
 * query string and no userinfo, or the reason of the caller's own signal.
 */
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { Agent, buildConnector, Pool, ProxyAgent, type Dispatcher } from 'undici';
import { abortable } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { AppError, isAppError, systemCode } from '../lib/errors.js';
import { portOf, type AddressGuard } from './address-guard.js';
import { readSteadily } from './pace.js';
import type { ProxyChoice } from './proxy.js';
import type { Lane, RequestTally } from './request-tally.js';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly lane: Lane;
  /** Ends the request, and the reading of its body. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Where it came from. */
  readonly url: URL;
  /** The last value of a repeated header. */
  header(name: string): string | undefined;
  headers(name: string): readonly string[];
  /** Can be read once. Each chunk is fresh memory. */
  readonly bytes: AsyncIterable<Buffer>;
  /** For a body nobody wants: a short one is drained, so that its connection can be used again. */
  discard(): void;
  /** Ends the connection; whoever reads `bytes` gets `reason`. Idempotent. */
  destroy(reason?: unknown): void;
}

export interface TlsOptions {
  /** Trusted besides the usual authorities. */
  readonly caFile?: string | undefined;
  /** Shown to the upstream's own host and to nobody else. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface TransportOptions {
  readonly upstream: string;
  /** The upstream's own host, which alone sees the client certificate. */
  readonly hostname: string;
  readonly tls: TlsOptions;
  readonly proxies: ProxyChoice;
  readonly guard: AddressGuard;
  /** Milliseconds. */
  readonly connectTimeout: number;
  /** Milliseconds to the response headers, and between two pieces of a body. */
  readonly responseTimeout: number;
  readonly tally: RequestTally;
  readonly clock: Clock;
}

interface TlsMaterial {
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}

const KEEP_ALIVE_MS = 4000;
const LONGEST_KEEP_ALIVE_MS = 30_000;
/** A TLS session cache and a lookup for each port; more than a few ports mean an upstream that plays games. */
const PORTS = 16;
const DRAINABLE = 64 * 1024;

/** What a connection says that upstream closed while we were about to use it. */
const RESET: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET']);
const TIMED_OUT: ReadonlySet<string> = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT']);
/** It did answer, but not in HTTP. */
const GARBLED = /^(?:HPE_.*|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/;

export class Transport {
  readonly #options: TransportOptions;
  readonly #tls: { readonly own: TlsMaterial; readonly other: TlsMaterial };
  readonly #dispatchers = new Map<string, Dispatcher>();
  #closed = false;

  private constructor(options: TransportOptions, own: TlsMaterial, other: TlsMaterial) {
    this.#options = options;
    this.#tls = { own, other };
  }

  /** Throws CONFIG_INVALID when a certificate or key cannot be read. */
  static open(options: TransportOptions): Transport {
    const { caFile, certFile, keyFile } = options.tls;
    const read = (file: string) => readPem(options.upstream, file);
    const other = caFile === undefined ? {} : { ca: [...rootCertificates, read(caFile)] };
    const own = {
      ...other,
      ...(certFile !== undefined && { cert: read(certFile) }),
      ...(keyFile !== undefined && { key: read(keyFile) }),
    };
    return new Transport(options, own, other);
  }

  /**
   * Resolves when the headers are there. A connection that was closed just as we took it from the pool is not upstream's
   * failure: the request goes out once more, on a fresh one.
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    request.signal.throwIfAborted();
    if (this.#closed) throw new AppError('DRAINING', 'Cistern is stopping');
    try {
      this.#options.guard.checkLiteral(request.url);
      return await this.#timed(request, false);
    } catch (error) {
      if (request.signal.aborted || !RESET.has(systemCode(error) ?? '')) throw this.#failed(error, request);
    }
    try {
      return await this.#timed(request, true);
    } catch (error) {
      throw this.#failed(error, request);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
  }

  async #timed(request: HttpRequest, fresh: boolean): Promise<HttpResponse> {
    const { clock, tally } = this.#options;
    const began = clock.monotonic();
    const response = await this.#attempt(request, fresh);
    tally.answered(request.lane, response.status, clock.monotonic() - began);
    return response;
  }

  async #attempt(request: HttpRequest, fresh: boolean): Promise<HttpResponse> {
    const { connectTimeout, responseTimeout } = this.#options;
    const end = new AbortController();
    const onAbort = () => end.abort(request.signal.reason);
    request.signal.addEventListener('abort', onAbort, { once: true });
    const unlink = () => request.signal.removeEventListener('abort', onAbort);

    let stopTimer = this.#expire(end, connectTimeout, `${request.url.host} could not be connected to`);
    const onStart = () => {
      stopTimer();
      stopTimer = this.#expire(end, responseTimeout, `${request.url.host} did not answer`);
    };
    try {
      const dispatcher = this.#dispatcher(request, fresh).compose(watchStart(onStart));
      const asked = dispatcher.request({
        origin: request.url.origin,
        path: request.url.pathname + request.url.search,
        method: request.method,
        headers: { 'accept-encoding': 'identity', 'user-agent': 'cistern', ...request.headers },
        body: request.body ?? null,
        signal: end.signal,
        // Ours are exact and follow our clock.
        headersTimeout: 0,
        bodyTimeout: 0,
        ...(fresh && { reset: true }),
      });
      // undici heeds the signal only once it is connected.
      const response = await abortable(asked, end.signal);
      return this.#respond(request, response, unlink);
    } catch (error) {
      unlink();
      throw error;
    } finally {
      stopTimer();
    }
  }

  #respond(
    request: HttpRequest,
    { statusCode, headers, body }: Dispatcher.ResponseData,
    unlink: () => void,
  ): HttpResponse {
    const { clock, responseTimeout } = this.#options;
    const all = (name: string): readonly string[] => {
      const value = headers[name];
      return value === undefined ? [] : [value].flat();
    };
    // Without a listener a failed body that nobody reads any more would end the process.
    body.on('error', () => undefined);
    body.once('close', unlink);
    const destroy = (reason?: unknown) => {
      body.destroy(reason instanceof Error ? reason : new AppError('CANCELLED', 'the transfer was ended'));
    };
    const who = `${this.#options.upstream}: ${request.url.host}`;
    return {
      status: statusCode,
      url: request.url,
      header: (name) => all(name).at(-1),
      headers: all,
      bytes: readSteadily({
        source: body as AsyncIterable<Buffer>,
        silence: responseTimeout,
        clock,
        onStall: () => destroy(new AppError('UPSTREAM_TIMEOUT', `${who} stopped sending`)),
        explain: (error) => this.#failed(error, request),
      }),
      discard: () => void body.dump({ limit: DRAINABLE, signal: request.signal }).catch(() => undefined),
      destroy,
    };
  }

  #expire(end: AbortController, ms: number, what: string): () => void {
    return this.#options.clock.after(ms, () =>
      end.abort(new AppError('UPSTREAM_TIMEOUT', `${this.#options.upstream}: ${what} within ${ms} ms`)),
    );
  }

  #dispatcher({ url, lane }: HttpRequest, fresh: boolean): Dispatcher {
    const proxy = this.#options.proxies.for(url);
    const owner = url.hostname === this.#options.hostname ? 'own' : 'other';
    const key = [fresh ? 'fresh' : lane, owner, proxy?.href ?? ''].join(' ');
    const known = this.#dispatchers.get(key);
    if (known) return known;
    const opened = proxy ? this.#throughProxy(proxy, this.#tls[owner]) : this.#direct(this.#tls[owner]);
    this.#dispatchers.set(key, opened);
    return opened;
  }

  #direct(tls: TlsMaterial): Dispatcher {
    const { guard, connectTimeout } = this.#options;
    const connectors = new LRUCache<number, buildConnector.connector>({
      max: PORTS,
      memoMethod: (port) => buildConnector({ ...tls, timeout: connectTimeout, lookup: guard.lookupFor(port) }),
    });
    return new Agent({
      ...POOLS,
      connect: (options, callback) => {
        const port = portOf(new URL(`${options.protocol}//${options.host ?? options.hostname}`));
        connectors.memo(port)(options, callback);
      },
    });
  }

  #throughProxy(proxy: URL, tls: TlsMaterial): Dispatcher {
    const { connectTimeout } = this.#options;
    const hasTls = Object.keys(tls).length > 0;
    return new ProxyAgent({
      ...POOLS,
      uri: proxy.href,
      proxyTls: { timeout: connectTimeout },
      ...(hasTls && { requestTls: tls }),
      // A proxy that takes the connection and then says nothing.
      clientFactory: (origin, options) => new Pool(origin, { ...options, headersTimeout: connectTimeout }),
    });
  }

  /** Counts it, unless it is our own doing. */
  #failed(error: unknown, request: HttpRequest): unknown {
    const why = this.#explain(error, request);
    if (!request.signal.aborted && isAppError(why) && why.code !== 'CANCELLED') this.#options.tally.failed(why.code);
    return why;
  }

  #explain(error: unknown, { url, signal }: HttpRequest): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof AppError) return error;
    const code = systemCode(error) ?? '';
    const where = `${this.#options.upstream}: ${url.host}`;
    if (TIMED_OUT.has(code)) return new AppError('UPSTREAM_TIMEOUT', `${where} timed out`, { cause: error });
    if (GARBLED.test(code) || (error instanceof Error && error.name === 'HTTPParserError'))
      return new AppError('UPSTREAM_INVALID', `${where} does not speak proper HTTP`, { cause: error });
    return new AppError('UPSTREAM_UNREACHABLE', `${where} ${describe(code)}`, { cause: error });
  }
}

/** Unbounded, because who may connect is decided by our own slots, where the important come first. */
const POOLS = {
  pipelining: 1,
  keepAliveTimeout: KEEP_ALIVE_MS,
  keepAliveMaxTimeout: LONGEST_KEEP_ALIVE_MS,
} as const;

/** Tells when a request is given to a connection, which is when the wait for its answer begins. */
const watchStart =
  (onStart: () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) =>
    dispatch(options, {
      onRequestStart: (controller, context) => {
        onStart();
        handler.onRequestStart?.(controller, context);
      },
      onResponseStart: (...args) => handler.onResponseStart?.(...args),
      onResponseData: (...args) => handler.onResponseData?.(...args),
      onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
      onResponseError: (...args) => handler.onResponseError?.(...args),
    });

function describe(code: string): string {
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'has no address (name resolution failed)';
    case 'ECONNREFUSED':
      return 'refuses connections';
    default:
      return /CERT|TLS|SSL|SIGNATURE/.test(code)
        ? `has no valid certificate (${code})`
        : `broke the connection${code === '' ? '' : ` (${code})`}`;
  }
}

function readPem(upstream: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${upstream}: ${file} cannot be read (${systemCode(cause) ?? 'unknown'})`, {
      cause,
    });
  }
}
