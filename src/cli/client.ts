/** The connection to a daemon's control plane, and its services with promises and async iterables in place of callbacks. */
import { readFileSync } from 'node:fs';
import {
  Client,
  credentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientWritableStream,
  type requestCallback,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { formatListenAddress, parseListenAddress, type ListenAddress } from '../config/addresses.js';
import { parseDuration } from '../config/quantities.js';
import { protos } from '../control/gen/protos.js';
import { UsageError } from './control-error.js';

export interface ConnectionOptions {
  /** `host:port`, `https://host:port` for TLS with the system's CAs, or `unix:///path`. */
  readonly address: string;
  readonly tokenFile?: string | undefined;
  /** Any of the three means TLS. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** For an answer, such as `30s`. Streams have no limit without it. */
  readonly timeout?: string | undefined;
}

const DEFAULT_TIMEOUT_MS = 60_000;
/** Of an answer; lists come in pages far below this. */
const MAX_ANSWER = 16 * 1024 * 1024;

const { v1 } = protos.cistern;

/** What a daemon can be asked. */
export const prefetches = v1.PrefetchService.service;
export const garbageCollection = v1.GarbageCollectionService.service;
export const statistics = v1.StatisticsService.service;
export const contents = v1.ContentsService.service;
export const upstreams = v1.UpstreamsService.service;

/** A method by the type of what it is sent and of what it answers. */
type Method<Request, Response> = Pick<
  MethodDefinition<Request, object, object, Response>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>;

export class ControlClient {
  /** For people. */
  readonly address: string;
  readonly #client: Client;
  readonly #metadata: Metadata;
  readonly #timeout: number | undefined;

  /** Connects when first asked. Throws UsageError for what cannot be a connection. */
  constructor(options: ConnectionOptions) {
    const { target, address, secure } = targetOf(options.address);
    this.address = address;
    this.#metadata = metadataOf(options.tokenFile);
    this.#timeout = options.timeout === undefined ? undefined : durationOf(options.timeout);
    this.#client = new Client(target, credentialsOf(options, secure), {
      'grpc.max_receive_message_length': MAX_ANSWER,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,
    });
  }

  /** One answer. Rejects with gRPC's ServiceError. `timeout`: milliseconds, where the default is too short. */
  ask<Request, Response>(
    { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
    request: Request,
    timeout = DEFAULT_TIMEOUT_MS,
  ): Promise<Response> {
    const options = deadlineIn(this.#timeout ?? timeout);
    return new Promise((resolve, reject) => {
      const callback = settle(resolve, reject);
      const [to, from] = [requestSerialize, responseDeserialize];
      this.#client.makeUnaryRequest(path, to, from, request, this.#metadata, options, callback);
    });
  }

  /** Many answers. Leaving the loop cancels the call. */
  async *follow<Request, Response>(
    { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
    request: Request,
  ): AsyncGenerator<Response> {
    const options = deadlineIn(this.#timeout);
    const [to, from] = [requestSerialize, responseDeserialize];
    const call = this.#client.makeServerStreamRequest(path, to, from, request, this.#metadata, options);
    // The loop hears of it too; this is for what comes after the loop.
    call.on('error', () => undefined);
    try {
      for await (const message of call) yield message as Response;
    } finally {
      call.cancel();
    }
  }

  /** Sends what `messages` yields, no faster than it is taken. Fails as the call does, or as `messages` does. */
  upload<Request, Response>(
    { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
    messages: AsyncIterable<Request>,
  ): Promise<Response> {
    const options = deadlineIn(this.#timeout);
    return new Promise((resolve, reject) => {
      const callback = settle(resolve, reject);
      const [to, from] = [requestSerialize, responseDeserialize];
      const call = this.#client.makeClientStreamRequest(path, to, from, this.#metadata, options, callback);
      send(call, messages).catch((error: unknown) => {
        reject(error);
        call.cancel();
      });
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** Ends early when the call does; that has its own way to say why. */
async function send<Request>(call: ClientWritableStream<Request>, messages: AsyncIterable<Request>): Promise<void> {
  let over = false;
  let wake: () => void = () => undefined;
  const isOver = () => over;
  call.once('status', () => {
    over = true;
    wake();
  });
  for await (const message of messages) {
    if (isOver()) return;
    await new Promise<void>((resolve) => {
      // Called when flow control lets the message go, and never once the call is over.
      wake = resolve;
      call.write(message, () => resolve());
    });
    if (isOver()) return;
  }
  call.end();
}

const settle =
  <Response>(resolve: (response: Response) => void, reject: (error: Error) => void): requestCallback<Response> =>
  (error, response) => {
    if (error) reject(error);
    else if (response === undefined) reject(new Error('neither an answer nor an error'));
    else resolve(response);
  };

const deadlineIn = (ms: number | undefined): CallOptions => (ms === undefined ? {} : { deadline: Date.now() + ms });

function targetOf(text: string): { readonly target: string; readonly address: string; readonly secure: boolean } {
  const [, scheme, rest = text] = /^(https?):\/\/(.*?)\/?$/.exec(text) ?? [];
  let parsed: ListenAddress;
  try {
    parsed = parseListenAddress(rest);
  } catch {
    throw new UsageError(
      `${JSON.stringify(text)} is no address of a daemon; expected HOST:PORT, https://HOST:PORT or unix:///PATH`,
    );
  }
  const secure = scheme === 'https';
  if ('path' in parsed) return { target: `unix:${parsed.path}`, address: formatListenAddress(parsed), secure };
  // What listens on every address is reached on this machine's own.
  const host = parsed.host === '0.0.0.0' ? '127.0.0.1' : parsed.host === '::' ? '::1' : parsed.host;
  const address = formatListenAddress({ host, port: parsed.port });
  return { target: `dns:///${address}`, address, secure };
}

function credentialsOf({ caFile, certFile, keyFile }: ConnectionOptions, secure: boolean): ChannelCredentials {
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new UsageError('--cert-file and --key-file go together');
  if (!secure && caFile === undefined && certFile === undefined) return credentials.createInsecure();
  const read = (path: string | undefined) => (path === undefined ? null : readFile(path));
  try {
    return credentials.createSsl(read(caFile), read(keyFile), read(certFile));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`the certificate or key cannot be used: ${error instanceof Error ? error.message : ''}`);
  }
}

function metadataOf(tokenFile: string | undefined): Metadata {
  const metadata = new Metadata();
  if (tokenFile === undefined) return metadata;
  const token = readFile(tokenFile).toString().trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError(`${tokenFile} holds no token`);
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function durationOf(text: string): number {
  try {
    const ms = parseDuration(text);
    if (ms > 0) return ms;
  } catch {
    // Said below.
  }
  throw new UsageError(`--timeout: ${JSON.stringify(text)} is no duration; expected one such as 30s or 5m`);
}
