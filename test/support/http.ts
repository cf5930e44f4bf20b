/**
 * A raw HTTP client that hides nothing: a cut body is an answer with `complete: false`, not an error, and a reader can
 * stop, go on, or hang up at any byte. Connections are never shared.
 */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createHash } from 'node:crypto';

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The value of the Range header: `bytes=0-99`. */
  readonly range?: string;
  readonly body?: string | Buffer;
  /** PEM of the authority to trust. */
  readonly ca?: string;
  /** A test that waits longer than this has found a hang: the answer ends incomplete, a missing one rejects. */
  readonly timeout?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body came to the end that its framing promised. */
  readonly complete: boolean;
}

/** An answer whose body is taken by hand. */
export class Reader {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  received = 0;
  #ended = false;
  #wake: () => void = () => undefined;
  readonly #message: IncomingMessage;
  readonly #timeout: number;

  constructor(message: IncomingMessage, timeout: number) {
    this.#message = message;
    this.#timeout = timeout;
    this.status = message.statusCode ?? 0;
    this.headers = message.headers;
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    message.on('end', end);
    message.on('error', end);
    message.on('close', end);
    message.on('readable', () => this.#wake());
  }

  /** At least one byte and at most `size` bytes, or undefined when the body is over or cut. */
  async #some(size: number, until: number): Promise<Buffer | undefined> {
    while (true) {
      const chunk = this.#message.read(Math.min(size, this.#message.readableLength || 1)) as Buffer | null;
      if (chunk) {
        this.received += chunk.length;
        return chunk;
      }
      if (this.#ended) return undefined;
      const left = until - performance.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The next `size` bytes; fewer only when the body is over, cut, or the time is up. */
  async read(size: number, timeout = this.#timeout): Promise<Buffer> {
    const until = performance.now() + timeout;
    const chunks: Buffer[] = [];
    let taken = 0;
    while (taken < size) {
      const chunk = await this.#some(size - taken, until);
      if (!chunk) break;
      chunks.push(chunk);
      taken += chunk.length;
    }
    return Buffer.concat(chunks);
  }

  /** Everything that is left. */
  rest(timeout = this.#timeout): Promise<Buffer> {
    return this.read(Number.MAX_SAFE_INTEGER, timeout);
  }

  /** True only after the body was read to the end that its framing promised. */
  get complete(): boolean {
    return this.#ended && this.#message.complete && this.#message.readableEnded;
  }

  /** Hangs up. */
  abort(): void {
    this.#message.destroy();
  }
}

/** Resolves with the headers; nothing of the body is read until asked for. */
export function open(url: string, options: RequestOptions = {}): Promise<Reader> {
  const timeout = options.timeout ?? 20_000;
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method: options.method ?? 'GET',
      agent: false,
      headers: { ...options.headers, ...(options.range === undefined ? {} : { range: options.range }) },
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    const timer = setTimeout(
      () => request.destroy(new Error(`no answer within ${timeout} ms: ${options.method ?? 'GET'} ${url}`)),
      timeout,
    );
    request.on('response', (message) => {
      clearTimeout(timer);
      resolve(new Reader(message, timeout));
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(options.body);
  });
}

/** The whole answer, complete or not. */
export async function fetchAll(url: string, options: RequestOptions = {}): Promise<Answer> {
  const reader = await open(url, options);
  const body = await reader.rest();
  const { complete } = reader;
  reader.abort();
  return { status: reader.status, headers: reader.headers, body, complete };
}

export const get = (url: string, options: RequestOptions = {}): Promise<Answer> => fetchAll(url, options);
export const head = (url: string, options: RequestOptions = {}): Promise<Answer> =>
  fetchAll(url, { ...options, method: 'HEAD' });

/** `sha256:<hex>` of an answer's body, to compare with headers and descriptors. */
export const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface ErrorBody {
  readonly errors?: readonly { readonly code?: string; readonly message?: string }[];
}

/** The `code` of a registry's JSON error, or undefined when the body is none. */
export function errorCode(answer: Answer): string | undefined {
  try {
    return (JSON.parse(answer.body.toString()) as ErrorBody).errors?.[0]?.code;
  } catch {
    return undefined;
  }
}
