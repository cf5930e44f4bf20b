/**
 * What blobs are pulled with: HTTP/1.1 on a bare socket that reads into one buffer again and again, because a generator
 * that makes an object of every chunk would be the limit before the servers are. Bytes are counted and thrown away.
 */
import { connect, type Socket } from 'node:net';

const BUFFER = 1024 * 1024;
const END_OF_HEAD = '\r\n\r\n';

/** What containerd accepts; docker-registry answers 404 for an OCI manifest that was not asked for. */
export const ACCEPT = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  '*/*',
].join(', ');

export interface Transfer {
  /** Seconds from the request to the first body byte, and to the last. */
  readonly firstByte: number;
  readonly seconds: number;
  readonly bytes: number;
}

interface Awaited {
  readonly path: string;
  readonly began: number;
  readonly resolve: (transfer: Transfer) => void;
  readonly reject: (error: Error) => void;
  head: string;
  /** Undefined until the head is read. */
  length: number | undefined;
  received: number;
  firstByte: number;
}

/** One connection: one request at a time. */
export class Connection {
  readonly #host: string;
  readonly #socket: Socket;
  #awaited: Awaited | undefined;

  constructor(url: string) {
    const { hostname, port, host } = new URL(url);
    this.#host = host;
    const onread = { buffer: Buffer.allocUnsafeSlow(BUFFER), callback: this.#read.bind(this) };
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** Reads a whole body; fails unless it is a 200 as long as was announced. */
  get(path: string): Promise<Transfer> {
    return new Promise((resolve, reject) => {
      const began = performance.now();
      const nothing = { head: '', length: undefined, received: 0, firstByte: Number.NaN };
      this.#awaited = { path, began, resolve, reject, ...nothing };
      this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: ${this.#host}\r\naccept: ${ACCEPT}\r\n\r\n`);
    });
  }

  close(): void {
    this.#awaited = undefined;
    this.#socket.destroy();
  }

  #read(count: number, buffer: Uint8Array): boolean {
    const awaited = this.#awaited;
    if (!awaited) return true;
    if (awaited.length === undefined) this.#readHead(awaited, Buffer.from(buffer.buffer, buffer.byteOffset, count));
    else awaited.received += count;
    if (Number.isNaN(awaited.firstByte) && awaited.received > 0) awaited.firstByte = performance.now();
    if (awaited.length === undefined || awaited.received < awaited.length) return true;
    this.#awaited = undefined;
    const { began, firstByte, received: bytes } = awaited;
    const since = (then: number) => (then - began) / 1000;
    awaited.resolve({ firstByte: since(firstByte), seconds: since(performance.now()), bytes });
    return true;
  }

  #readHead(awaited: Awaited, chunk: Buffer): void {
    const before = awaited.head.length;
    awaited.head += chunk.toString('latin1', 0, Math.min(chunk.length, 64 * 1024));
    const end = awaited.head.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const head = awaited.head.slice(0, end);
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    if (!/^HTTP\/1\.[01] 200 /.test(head) || length === undefined) this.#fail(new Error(head));
    awaited.length = Number(length);
    awaited.received = chunk.length - (end + END_OF_HEAD.length - before);
  }

  #fail(cause: Error): void {
    const awaited = this.#awaited;
    this.#awaited = undefined;
    awaited?.reject(new Error(`${this.#host}${awaited.path}: not a whole answer`, { cause }));
    this.#socket.destroy();
  }
}
