/**
 * One answer of the fake registry, on its way from right to wrong: it starts as what a good registry would send, faults
 * change it, and `send` writes it byte by exact byte, stopping wherever a fault or a gate says so.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { reset } from './listener.js';

/** Its usual quality takes seconds for a large blob. */
const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

/**
 * Where in an answer something happens. A number is a byte of the whole blob, also when a range of it was asked:
 * that many bytes are sent before. `first` is after one byte, `last` before the last one.
 */
export type Moment = 'headers' | 'first' | 'middle' | 'last' | number;

/** What goes wrong. Several may be combined. */
export interface Fault {
  /** Answers with this status in place of the content. */
  readonly status?: number;
  /** Set, or taken away with undefined. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: string | Buffer;
  /** A login page, 200. */
  readonly html?: true;
  /** Breaks the connection at the moment. */
  readonly drop?: 'rst' | 'fin';
  /** Says nothing more from the moment on, until the other side hangs up. */
  readonly stall?: true;
  /** Milliseconds of silence at the moment. */
  readonly delay?: number;
  /** Bytes a second. */
  readonly rate?: number;
  /** Flips one bit of the byte at the moment. */
  readonly flip?: true;
  /** Ends cleanly at the moment, with a Content-Length that agrees. */
  readonly truncate?: true;
  /** So many bytes more than there should be. */
  readonly extra?: number;
  /** A Content-Length of its own, or none (chunked). */
  readonly length?: number | 'none';
  /** Compresses the body, asked or not. */
  readonly encoding?: 'gzip' | 'br';
  /** To a Range: the whole (200), another range than asked (honestly said, or not), or 416. */
  readonly range?: 'ignore' | 'shifted' | 'lying' | 'refuse';
  /** Sent on the same connection after the answer, as if it answered a request that never came. */
  readonly afterwards?: string;
}

interface Stop {
  /** Bytes of the body sent before; -1 is before the headers. */
  readonly at: number;
  /** False ends the answer. */
  readonly run: () => Promise<boolean> | boolean;
}

type Headers = Record<string, string | readonly string[]>;

export class Reply {
  status: number;
  headers: Headers;
  body: Buffer;
  /** Range is honoured; what the first byte of `body` is in the whole content. */
  rangeable = false;
  sentBytes = 0;
  #offset = 0;
  #length: number | 'none' | undefined;
  #rate: number | undefined;
  #range: Fault['range'];
  #afterwards: string | undefined;
  readonly #stops: { readonly moment: Moment; readonly run: Stop['run'] }[] = [];

  constructor(status: number, headers: Headers, body: string | Buffer = '') {
    this.status = status;
    this.headers = headers;
    this.body = Buffer.from(body);
  }

  static content(headers: Headers, body: Buffer): Reply {
    const reply = new Reply(200, headers);
    reply.body = body;
    reply.rangeable = true;
    return reply;
  }

  static error(status: number, code: string, headers: Headers = {}): Reply {
    return new Reply(
      status,
      { 'content-type': 'application/json', ...headers },
      JSON.stringify({ errors: [{ code, message: `the fake registry says ${status}` }] }),
    );
  }

  /** Does something at a moment of this answer; `run` says whether the answer goes on. */
  stopAt(moment: Moment, run: Stop['run']): void {
    this.#stops.push({ moment, run });
  }

  apply(fault: Fault, moment: Moment, response: ServerResponse): void {
    if (fault.status !== undefined) this.#become(Reply.error(fault.status, 'UNKNOWN'));
    if (fault.html)
      this.#become(new Reply(200, { 'content-type': 'text/html' }, '<html><title>Log in</title></html>\n'));
    if (fault.body !== undefined) this.body = Buffer.from(fault.body);
    for (const [name, value] of Object.entries(fault.headers ?? {})) {
      if (value === undefined)
        this.headers = Object.fromEntries(Object.entries(this.headers).filter(([key]) => key !== name));
      else this.headers = { ...this.headers, [name]: value };
    }
    const at = this.#position(moment);
    if (fault.flip) {
      this.body = Buffer.from(this.body);
      const index = Math.max(0, at);
      this.body[index] = (this.body[index] ?? 0) ^ 1;
    }
    if (fault.truncate) this.body = this.body.subarray(0, Math.max(0, at));
    if (fault.extra !== undefined) this.body = Buffer.concat([this.body, Buffer.alloc(fault.extra, 0x2a)]);
    if (fault.encoding !== undefined) {
      this.body = fault.encoding === 'gzip' ? gzipSync(this.body) : brotliCompressSync(this.body, FAST);
      this.headers = { ...this.headers, 'content-encoding': fault.encoding };
    }
    this.#length = fault.length ?? this.#length;
    this.#rate = fault.rate ?? this.#rate;
    this.#range = fault.range ?? this.#range;
    this.#afterwards = fault.afterwards ?? this.#afterwards;
    const { delay, stall, drop } = fault;
    if (delay !== undefined) this.stopAt(moment, () => sleep(delay).then(() => true));
    if (stall) this.stopAt(moment, () => gone(response).then(() => false));
    if (drop) {
      this.stopAt(moment, () => {
        const { socket } = response;
        if (drop === 'rst' && socket) reset(socket);
        else socket?.destroySoon();
        return false;
      });
    }
  }

  /** Writes the answer; resolves when it is sent, cut, or the other side has left. */
  async send(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const stops: Stop[] = this.#stops
      .map(({ moment, run }) => ({ at: this.#position(moment), run }))
      .sort((a, b) => a.at - b.at);
    this.#slice(request.headers.range);
    const bodiless = request.method === 'HEAD' || this.status === 204 || this.status === 304;
    const end = this.#offset + this.body.length;
    let headersSent = false;
    for (const { at, run } of stops) {
      if (at >= end && at > 0) continue;
      if (at >= 0 && !headersSent) {
        this.#writeHead(response);
        headersSent = true;
      }
      if (!bodiless && !(await this.#writeUntil(response, at))) return;
      if (!(await run())) return;
    }
    if (!headersSent) this.#writeHead(response);
    if (!bodiless && !(await this.#writeUntil(response, end))) return;
    const { socket } = response;
    if (this.#afterwards !== undefined) {
      const stray = this.#afterwards;
      response.once('finish', () => socket?.write(stray));
    }
    response.end();
    // A promise of more bytes than were sent can only end in a closed connection.
    if (!bodiless && typeof this.#length === 'number' && this.#length > this.body.length) socket?.destroySoon();
  }

  #become(other: Reply): void {
    this.status = other.status;
    this.headers = other.headers;
    this.body = other.body;
    this.rangeable = false;
  }

  #position(moment: Moment): number {
    switch (moment) {
      case 'headers':
        return -1;
      case 'first':
        return 1;
      case 'middle':
        return Math.floor(this.body.length / 2);
      case 'last':
        return Math.max(0, this.body.length - 1);
      default:
        return moment;
    }
  }

  #slice(header: string | undefined): void {
    const asked = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
    if (!asked || !this.rangeable || this.#range === 'ignore') return;
    const size = this.body.length;
    const start = Number(asked[1]);
    const end = asked[2] === '' ? size : Math.min(size, Number(asked[2]) + 1);
    if (start >= size || this.#range === 'refuse') {
      this.#become(Reply.error(416, 'RANGE_INVALID', { 'content-range': `bytes */${size}` }));
      return;
    }
    const shift = this.#range === 'shifted' || this.#range === 'lying' ? 7 : 0;
    const from = Math.min(start + shift, end - 1);
    this.#offset = from;
    this.body = this.body.subarray(from, end);
    this.status = 206;
    const said = this.#range === 'lying' ? start : from;
    this.headers = { ...this.headers, 'content-range': `bytes ${said}-${end - 1}/${size}` };
  }

  #writeHead(response: ServerResponse): void {
    const length = this.#length ?? this.body.length;
    const headers: Record<string, string | string[]> = {};
    for (const [name, value] of Object.entries(this.headers))
      headers[name] = typeof value === 'string' ? value : [...value];
    if (length !== 'none') headers['content-length'] ??= String(length);
    response.writeHead(this.status, headers);
    response.flushHeaders();
  }

  /**
   * Writes up to byte `at` of the whole content; what is sent already, or lies before the range, is not sent again.
   * False when the other side has hung up.
   */
  async #writeUntil(response: ServerResponse, at: number): Promise<boolean> {
    const until = Math.min(this.body.length, at - this.#offset);
    const step = this.#rate === undefined ? 65_536 : Math.max(1, Math.floor(this.#rate / 20));
    while (this.sentBytes < until && !response.destroyed) {
      const chunk = this.body.subarray(this.sentBytes, Math.min(until, this.sentBytes + step));
      this.sentBytes += chunk.length;
      await write(response, chunk);
      if (this.#rate !== undefined) await sleep(50);
    }
    return !response.destroyed;
  }
}

function write(response: ServerResponse, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done);
    response.write(chunk, done);
  });
}

/** Resolves when the other side has hung up. */
export function gone(response: ServerResponse): Promise<void> {
  return response.destroyed ? Promise.resolve() : new Promise((resolve) => response.once('close', () => resolve()));
}
