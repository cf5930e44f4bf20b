/**
 * Between gRPC's callbacks and the services' plain async functions, once for all of them: every call has a signal that is
 * aborted when its caller cancels, goes away or set a deadline that has passed; a failure becomes a status; a stream is
 * read no faster than its caller takes it.
 */
import { once } from 'node:events';
import type {
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServiceDefinition,
} from '@grpc/grpc-js';
import { AppError, toAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import { traced } from '../lib/tracing.js';
import { failureOf } from './status.js';

/** What the three kinds of call have in common. */
interface AnyCall {
  readonly cancelled: boolean;
  getPath(): string;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** Stands for a request that is not the message it should be, until there is a call to fail with it. */
const MALFORMED: object = Object.freeze({});

/** The service, with requests that cannot be decoded answered INVALID_ARGUMENT, where the library would say INTERNAL. */
export const tolerant = (service: ServiceDefinition): ServiceDefinition =>
  Object.fromEntries(
    Object.entries(service).map(([name, method]) => {
      const requestDeserialize = (bytes: Buffer): object => {
        try {
          return method.requestDeserialize(bytes) as object;
        } catch {
          return MALFORMED;
        }
      };
      return [name, { ...method, requestDeserialize }];
    }),
  );

export class Calls {
  readonly #log: Logger;
  readonly #active = new Set<AbortController>();
  /** Of #active, those that end only when what they watch does. */
  readonly #watching = new Set<AbortController>();
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  unary<Request, Response>(
    handle: (request: Request, signal: AbortSignal) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      this.#run(call, false, (signal) => handle(decoded(call.request), signal)).then(
        (response) => callback(null, response),
        (error: unknown) => callback(failureOf(error)),
      );
    };
  }

  /** `watch`: it ends only when what it watches does, so it is ended when the daemon wants to stop. */
  stream<Request, Response>(
    handle: (request: Request, signal: AbortSignal) => AsyncIterable<Response>,
    { watch = false } = {},
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      this.#run(call, watch, async (signal) => {
        for await (const message of handle(decoded(call.request), signal)) {
          signal.throwIfAborted();
          if (!call.write(message)) await once(call, 'drain', { signal });
        }
      }).then(
        () => call.end(),
        // The stream's way to end with a status.
        (error: unknown) => call.emit('error', failureOf(error)),
      );
    };
  }

  upload<Request, Response>(
    handle: (messages: AsyncIterable<Request>, signal: AbortSignal) => Promise<Response>,
  ): handleClientStreamingCall<Request, Response> {
    return (call, callback) => {
      this.#run(call, false, (signal) => handle(messagesOf<Request>(call, signal), signal)).then(
        (response) => callback(null, response),
        (error: unknown) => callback(failureOf(error)),
      );
    };
  }

  /** Ends watchers, refuses new calls, waits for the others; once `signal` is aborted, ends those too. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    for (const call of this.#watching) call.abort(draining());
    const abort = () => {
      for (const call of this.#active) call.abort(draining());
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    if (this.#active.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    signal.removeEventListener('abort', abort);
  }

  async #run<T>(call: AnyCall, watch: boolean, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#draining) throw draining();
    const controller = new AbortController();
    const { signal } = controller;
    const cancel = () => controller.abort(new AppError('CANCELLED', 'the caller cancelled the call or went away'));
    call.once('cancelled', cancel);
    if (call.cancelled) cancel();
    this.#active.add(controller);
    if (watch) this.#watching.add(controller);
    try {
      const result = await traced(call.getPath(), 'server', {}, () => work(signal));
      // Whoever ends quietly when it is aborted has not finished.
      signal.throwIfAborted();
      return result;
    } catch (error) {
      const failure = toAppError(signal.aborted ? signal.reason : error);
      const fields = { method: call.getPath(), code: failure.code };
      if (failure.code === 'INTERNAL') this.#log.error({ ...fields, err: failure }, 'call failed');
      else this.#log.debug({ ...fields, reason: failure.message }, 'call refused');
      throw failure;
    } finally {
      this.#active.delete(controller);
      this.#watching.delete(controller);
      if (this.#active.size === 0) this.#onIdle?.();
    }
  }
}

const draining = (): AppError => new AppError('DRAINING', 'the daemon is stopping');

function decoded<Request>(request: Request): Request {
  if (request === MALFORMED) {
    throw new AppError('REQUEST_INVALID', 'the request is not the message that this method expects');
  }
  return request;
}

/**
 * Fails with the signal's reason once that is aborted. HTTP/2 tells the end of what was sent before it tells of a reset: a
 * caller that breaks off looks like one that has sent all, until the signal is aborted a moment later.
 */
async function* messagesOf<Request>(
  call: AsyncIterable<unknown> & { destroy(error?: Error): unknown },
  signal: AbortSignal,
): AsyncGenerator<Request> {
  const stop = () => call.destroy(toAppError(signal.reason));
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const message of call) yield decoded(message as Request);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
