/**
 * The control plane: the gRPC services, grpc.health.v1 and server reflection, behind one listener. Who may call is decided
 * here: whoever reaches the listener, or shows a certificate (mTLS), and with a token configured only who sends it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type Metadata,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath as healthProto } from 'grpc-health-check';
import type { Collector } from '../cache/collect/collection.js';
import type { Contents } from '../cache/contents/contents.js';
import type { Prefetches } from '../cache/prefetch/prefetch.js';
import type { Statistics } from '../cache/statistics/statistics.js';
import type { Upstreams } from '../cache/doctor/upstream-states.js';
import type { Clock } from '../lib/clock.js';
import { AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Secret } from '../lib/secret.js';
import type { TlsPaths } from '../lib/tls-files.js';
import { Calls, tolerant } from './calls.js';
import { contentsService } from './contents.js';
import { garbageCollectionService } from './garbage-collection.js';
import { packageDefinition, protos } from './gen/protos.js';
import { Listener, type ListenAddress } from './listener.js';
import { prefetchService } from './prefetch.js';
import { statisticsService } from './statistics.js';
import { failureOf } from './status.js';
import { upstreamsService } from './upstreams.js';

export interface ControlParts {
  readonly prefetches: Prefetches;
  readonly collector: Collector;
  readonly statistics: Statistics;
  readonly contents: Contents;
  readonly upstreams: Upstreams;
  /** Why the daemon should get no work, or undefined when it may; told to those who ask for its health. */
  readonly unready: () => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ControlOptions {
  readonly listen: ListenAddress;
  readonly tls?: TlsPaths | undefined;
  readonly token?: Secret | undefined;
}

const MAX_REQUEST = 1024 * 1024;
const MAX_STREAMS = 100;
const IDLE_MS = 600_000;
const KEEPALIVE_MS = 30_000;
const CHECK_HEALTH_MS = 1000;
/** For answers on their way, once every call has ended. */
const FLUSH_MS = 500;

/** The server as a whole, and each service. */
const HEALTH_NAMES = ['', ...Object.keys(packageDefinition).filter((name) => /^cistern\.v1\.\w+Service$/.test(name))];

/** Asked by orchestrators, which hold no token; it tells that somebody is here, which whoever connects knows. */
const OPEN_METHOD = '/grpc.health.v1.Health/Check';

export class ControlServer {
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #calls: Calls;
  readonly #health: Health;
  readonly #clock: Clock;

  private constructor(server: Server, listener: Listener, calls: Calls, health: Health, clock: Clock) {
    this.#server = server;
    this.#listener = listener;
    this.#calls = calls;
    this.#health = health;
    this.#clock = clock;
  }

  /** Throws the system error of listening, or of a certificate that cannot be used. */
  static async open(parts: ControlParts, options: ControlOptions): Promise<ControlServer> {
    const { clock, log } = parts;
    const calls = new Calls(log);
    const server = new Server({
      'grpc.max_receive_message_length': MAX_REQUEST,
      'grpc.max_concurrent_streams': MAX_STREAMS,
      'grpc.max_connection_idle_ms': IDLE_MS,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
      interceptors: options.token === undefined ? [] : [authentication(options.token, log)],
    });
    const add = (service: ServiceDefinition, handlers: UntypedServiceImplementation) =>
      server.addService(tolerant(service), handlers);
    const { v1 } = protos.cistern;
    add(v1.PrefetchService.service, prefetchService(parts.prefetches, calls, clock));
    add(v1.GarbageCollectionService.service, garbageCollectionService(parts.collector, calls, clock));
    add(v1.StatisticsService.service, statisticsService(parts.statistics, calls));
    add(v1.ContentsService.service, contentsService(parts.contents, calls, clock));
    add(v1.UpstreamsService.service, upstreamsService(parts.upstreams, calls));
    new ReflectionService({ ...packageDefinition, ...loadSync(healthProto) }).addToServer(server);
    const health = new Health(server, parts.unready, clock);

    // TLS ends at the listener.
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const listener = await Listener.open({ ...options, clock, log }, (socket) => injector.injectConnection(socket));
    return new ControlServer(server, listener, calls, health, clock);
  }

  /** What clients put after `--address`. */
  get address(): string {
    return this.#listener.address;
  }

  /** Undefined for a Unix socket. */
  get port(): { readonly address: string; readonly port: number } | undefined {
    return this.#listener.port;
  }

  /** When the certificate ends, in milliseconds since the epoch; undefined without TLS. */
  get certificateUntil(): number | undefined {
    return this.#listener.certificateUntil;
  }

  /** Looks at the certificate's files now. */
  reread(): Promise<void> {
    return this.#listener.reread();
  }

  /** Says NOT_SERVING, lets calls end until `signal` is aborted, then ends them with UNAVAILABLE. */
  async close(signal: AbortSignal): Promise<void> {
    this.#health.stop();
    this.#listener.stop();
    await this.#calls.drain(signal);
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    await Promise.race([closed, this.#clock.sleep(FLUSH_MS)]);
    this.#server.forceShutdown();
    this.#listener.cut();
  }
}

/** grpc.health.v1, following what the daemon says of itself. */
class Health {
  readonly #implementation = new HealthImplementation();
  readonly #stopFollowing: () => void;
  #serving: boolean | undefined;

  constructor(server: Server, unready: () => string | undefined, clock: Clock) {
    this.#implementation.addToServer(server);
    this.#set(unready() === undefined);
    this.#stopFollowing = clock.every(CHECK_HEALTH_MS, () => this.#set(unready() === undefined));
  }

  stop(): void {
    this.#stopFollowing();
    this.#set(false);
  }

  #set(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    for (const name of HEALTH_NAMES) this.#implementation.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }
}

function authentication(token: Secret, log: Logger): ServerInterceptor {
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            if (method.path === OPEN_METHOD || isAuthorised(metadata, token)) {
              pass(metadata);
              return;
            }
            log.warn({ method: method.path, peer: call.getPeer() }, 'call without the right token refused');
            call.sendStatus(
              failureOf(new AppError('UNAUTHORIZED', 'a bearer token is needed, and it must be the right one')),
            );
          },
        });
      },
    });
}

/** Takes as long whatever the token is: digests of equal length are compared, and always all of them. */
function isAuthorised(metadata: Metadata, token: Secret): boolean {
  const [value] = metadata.get('authorization');
  const given = /^bearer +(.*)$/i.exec(typeof value === 'string' ? value : '')?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = token.reveal().trim();
  return timingSafeEqual(digest(given), digest(expected)) && expected !== '';
}
