/**
 * The admin port: is the process alive (`/healthz`), should it be sent traffic (`/readyz`, which says why not), what
 * Prometheus reads (`/metrics`), and a page for a person (`/`). Being alive needs nothing but the event loop; a full disk or
 * an upstream that is down is no reason to be restarted. Only the page knows logins; nothing else names a repository.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SingleFlight } from '../lib/async.js';
import { AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Reply } from './reply.js';
import type { StatusPage } from './status-page.js';

export interface AdminParts {
  /** Why no traffic should come, or undefined when it may. */
  readonly unready: () => string | undefined;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly page: Pick<StatusPage, 'answer'>;
  readonly log: Logger;
}

const LAST_ANSWERS_MS = 1000;

export class AdminServer {
  readonly #parts: AdminParts;
  readonly #server: Server;
  /** Those who ask at the same time share an answer, so asking often costs little. */
  readonly #making = new SingleFlight<string>();

  private constructor(parts: AdminParts) {
    this.#parts = parts;
    this.#server = createServer(
      { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8_192 },
      (request, response) => {
        void this.#reply(request).then(({ status, type, body, headers }) => {
          response.writeHead(status, {
            'Content-Type': type,
            'Content-Length': Buffer.byteLength(body),
            'Cache-Control': 'no-store',
            'Content-Security-Policy': "default-src 'none'",
            'X-Content-Type-Options': 'nosniff',
            ...headers,
          });
          response.end(request.method === 'HEAD' ? undefined : body);
        });
      },
    );
  }

  /** Throws the system error of `listen`. */
  static async open(parts: AdminParts, listen: { readonly host: string; readonly port: number }): Promise<AdminServer> {
    const admin = new AdminServer(parts);
    await new Promise<void>((resolve, reject) => {
      admin.#server.once('error', reject);
      admin.#server.listen(listen, () => {
        admin.#server.off('error', reject);
        resolve();
      });
    });
    return admin;
  }

  get address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === 'string')
      throw new AppError('INTERNAL', 'the admin port does not listen');
    return address;
  }

  /** Answers that are being made are still given, whole, within a second. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const tidying = setInterval(() => this.#server.closeIdleConnections(), 20);
    const cutting = setTimeout(() => this.#server.closeAllConnections(), LAST_ANSWERS_MS);
    await closed;
    clearInterval(tidying);
    clearTimeout(cutting);
  }

  async #reply(request: IncomingMessage): Promise<Reply> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET and HEAD\n');
    try {
      switch (path) {
        case '/healthz':
          return plain(200, 'alive\n');
        case '/readyz': {
          const why = this.#parts.unready();
          return why === undefined ? plain(200, 'ready\n') : plain(503, `not ready: ${why}\n`);
        }
        case '/metrics': {
          const { metrics } = this.#parts;
          return { status: 200, type: metrics.contentType, body: await this.#making.run(path, () => metrics.text()) };
        }
        default:
          return (
            (await this.#parts.page.answer(path, request)) ??
            plain(404, 'there are /, /healthz, /readyz and /metrics\n')
          );
      }
    } catch (error) {
      this.#parts.log.error({ err: error, path }, 'admin request failed');
      return plain(500, 'this went wrong; the log says why\n');
    }
  }
}

const plain = (status: number, body: string): Reply => ({ status, type: 'text/plain; charset=utf-8', body });
