/** GET /v2/<name>/tags/list, in pages. */
import type { PullThrough } from '../cache/pull-through.js';
import { AppError } from '../lib/errors.js';
import type { Repository } from '../oci/descriptor.js';
import { json, type Asked, type Reply } from './reply.js';

const MOST = 1000;

/** `path` is the request's own, so that the link to the next page leads back here by the same name. */
export async function tags(cache: PullThrough, repository: Repository, path: string, asked: Asked): Promise<Reply> {
  const n = pageSize(asked.query.get('n'));
  const last = asked.query.get('last') ?? undefined;
  if (n === 0) return json({ name: repository.name, tags: [] });
  const page = await cache.tags(
    repository,
    { ...(n !== undefined && { n }), ...(last !== undefined && { last }) },
    asked.signal,
  );
  const end = page.tags.at(-1);
  const next = page.more && end !== undefined ? { Link: `<${nextPage(path, asked.query, n, end)}>; rel="next"` } : {};
  return json({ name: repository.name, tags: page.tags }, next);
}

function pageSize(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new AppError('PAGINATION_NUMBER_INVALID', 'n must be a whole number');
  return Math.min(Number(text), MOST);
}

function nextPage(path: string, query: URLSearchParams, n: number | undefined, last: string): string {
  const next = new URLSearchParams();
  const ns = query.get('ns');
  if (ns !== null) next.set('ns', ns);
  if (n !== undefined) next.set('n', String(n));
  next.set('last', last);
  return `${path}?${next.toString()}`;
}
