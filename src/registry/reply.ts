/** What a handler answers with; server.ts alone writes it. */
import type { Answered } from '../cache/outcome.js';
import type { Digest } from '../oci/digest.js';

export interface Streamed {
  readonly stream: AsyncIterable<Buffer>;
  readonly close: () => Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  /** Undefined for HEAD. */
  readonly body?: Buffer | Streamed | undefined;
  /** How it came about; undefined for what is no pull (ping, tags, referrers). */
  readonly answered?: Answered | undefined;
  readonly digest?: Digest | undefined;
}

/** The part of a request that handlers read. */
export interface Asked {
  readonly head: boolean;
  readonly query: URLSearchParams;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
}

export function json(value: unknown, headers: Readonly<Record<string, string | number>> = {}): Reply {
  const body = Buffer.from(JSON.stringify(value));
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json', 'Content-Length': body.length, ...headers },
    body,
  };
}
