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
  /** Bytes that nginx sends for us (hand-over.ts). */
  readonly handedOver?: number | undefined;
}

/** The part of a request that handlers read. */
export interface Asked {
  readonly head: boolean;
  /** As it was written. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Where the nginx that passed this on finds stored blobs; undefined when we send them. */
  readonly handOverAt: string | undefined;
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

/** The Link header to the page that begins after `last`: here, by the same name, with the same wishes. */
export function nextLink({ path, query }: Asked, last: string | undefined): Readonly<Record<string, string>> {
  if (last === undefined) return {};
  const next = new URLSearchParams(query);
  next.set('last', last);
  return { Link: `<${path}?${next.toString()}>; rel="next"` };
}

/** Whether the client says that it has just this already (RFC 9110, section 13.1.2). */
export const hasAlready = ({ ifNoneMatch }: Asked, etag: string): boolean =>
  ifNoneMatch?.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag) ?? false;

/** Of an answer that upstream could not confirm (OCI distribution specification, "Warnings"). */
export const STALE_WARNING = { Warning: '299 - "upstream could not confirm this answer; it is what was known before"' };

/** The answer to a client that has the content already. */
export const notModified = (etag: string, digest: Digest, answered: Answered): Reply => ({
  status: 304,
  headers: { ETag: etag, 'Docker-Content-Digest': digest },
  answered,
  digest,
});
