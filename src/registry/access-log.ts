/** The end of each answer: its line in the access log, its span, and what `cistern explain` remembers of it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Recollection } from '../cache/recollection.js';
import type { Kind } from '../cache/statistics/statistics.js';
import type { Clock } from '../lib/clock.js';
import { ERRORS, type AppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { RequestSpan } from '../lib/tracing.js';
import type { Repository } from '../oci/descriptor.js';
import { reasonOf } from './cache-status.js';
import type { Reply } from './reply.js';
import type { Sent } from './send.js';

/** What is known of a request while it is answered. */
export interface Entry {
  readonly id: string;
  readonly began: number;
  readonly span: RequestSpan;
  /** The value of `?ns=`. */
  readonly namespace: string | undefined;
  /** The connection ends with its answer. */
  closes: boolean;
  repository: Repository | undefined;
  reference: string | undefined;
  error: AppError | undefined;
  /** Who asked, as far as that was checked. */
  user: string | undefined;
  /** Of what, when it asks for a manifest or blob. */
  pull: Kind | undefined;
  readonly sent: Sent;
}

export interface AccessLogParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of each answer to a pull, errors too. */
  readonly recollection?: Recollection | undefined;
}

export class AccessLog {
  readonly #parts: AccessLogParts;

  constructor(parts: AccessLogParts) {
    this.#parts = parts;
  }

  /** To be called once, when the answer has ended, complete or not. */
  line(request: IncomingMessage, response: ServerResponse, entry: Entry, reply: Reply | undefined): void {
    const { clock, log, recollection } = this.#parts;
    const { error, repository, reference } = entry;
    const { method = '' } = request;
    const outcome = error?.code ?? reply?.answered?.outcome;
    const reason = reasonOf(reply?.answered, error);
    const fields = {
      id: entry.id,
      client: request.socket.remoteAddress,
      user: entry.user,
      method,
      upstream: repository?.upstream,
      repository: repository?.name,
      reference,
      digest: reply?.digest,
      status: response.headersSent ? response.statusCode : undefined,
      outcome,
      reason,
      bytes: entry.sent.bytes,
      handedOver: reply?.handedOver === undefined ? undefined : true,
      durationMs: Math.round(clock.monotonic() - entry.began),
      cut: response.writableFinished ? undefined : true,
    };
    const failed = error !== undefined && ERRORS[error.code].http >= 500;
    entry.span.end(`${method} ${entry.pull ?? ''}`.trim(), fields, failed);
    if (failed) log.warn({ ...fields, err: error }, 'request');
    else log.info(fields, 'request');
    if (repository && reference !== undefined && entry.pull && outcome) {
      const { digest } = fields;
      recollection?.answered({ repository, reference, digest, at: clock.now(), method, outcome, reason });
    }
  }
}
