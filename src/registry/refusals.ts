/**
 * Answers to what is no request of ours: another protocol, broken HTTP, headers that are too long or too slow. Written to the
 * bare socket, because there is no response object yet, in the form of every other error, and the connection is closed.
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { systemCode } from '../lib/errors.js';

interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** Somebody wants to be connected elsewhere. */
export class NotAProxy extends Error {
  readonly code = 'NOT_A_PROXY';
}

/** For the answer to arrive; what else was sent would reset the connection before. */
const LINGER_MS = 2_000;

/** First byte of a TLS record that begins a handshake. */
const TLS_HANDSHAKE = 0x16;

/** Nothing is said on a connection that is answering a request: it would be read as a part of that answer. */
export function refuse(error: Error, socket: Socket, answering: boolean): void {
  // Node.js has taken its own listener away from who wants to be connected: an error would end the process.
  socket.on('error', () => socket.destroy());
  if (answering || !socket.writable || systemCode(error) === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const { status, message } = refusalOf(error);
  const body = JSON.stringify({ errors: [{ code: 'UNSUPPORTED', message, detail: { reason: 'REQUEST_INVALID' } }] });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Docker-Distribution-Api-Version: registry/2.0',
    'Cache-Status: cistern; detail=REQUEST_INVALID',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  // Whoever does not hang up is hung up on.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function refusalOf(error: Error): Refusal {
  switch (systemCode(error)) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, message: 'the headers of the request are too long' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'the request did not come in time' };
    case 'NOT_A_PROXY':
      return { status: 405, message: 'this is a mirror and no proxy: configure it as a registry mirror' };
    case 'ERR_SSL_HTTP_REQUEST':
      return { status: 400, message: 'this mirror speaks HTTPS here: ask with https://' };
    default: {
      const raw: unknown = Reflect.get(error, 'rawPacket');
      const tls = Buffer.isBuffer(raw) && raw[0] === TLS_HANDSHAKE;
      return {
        status: 400,
        message: tls ? 'this mirror speaks plain HTTP here: ask with http://' : 'this is no HTTP/1.1 request',
      };
    }
  }
}
