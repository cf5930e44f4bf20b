/** What a request's head says beside its method and path. */
import type { IncomingMessage } from 'node:http';

const NO_QUERY = new URLSearchParams();

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

export function hostsIn({ rawHeaders }: IncomingMessage): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (/^host$/i.test(rawHeaders[i] ?? '')) hosts++;
  return hosts;
}

export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const at = url.indexOf('?');
  return at < 0 ? NO_QUERY : new URLSearchParams(url.slice(at));
}

/** Node.js joins what is sent twice, and its types leave both open. */
export const onlyOne = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;
