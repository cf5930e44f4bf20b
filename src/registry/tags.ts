/** GET /v2/<name>/tags/list, in pages. */
import type { PullThrough } from '../cache/pull-through.js';
import { AppError } from '../lib/errors.js';
import type { Repository } from '../oci/descriptor.js';
import { json, nextLink, type Asked, type Reply } from './reply.js';

const MOST = 1000;

/** `name` is what the client calls the repository. */
export async function tags(cache: PullThrough, repository: Repository, name: string, asked: Asked): Promise<Reply> {
  const n = pageSize(asked.query.get('n'));
  const last = asked.query.get('last') ?? undefined;
  if (n === 0) return json({ name, tags: [] });
  const page = await cache.tags(
    repository,
    { ...(n !== undefined && { n }), ...(last !== undefined && { last }) },
    asked.signal,
  );
  return json({ name, tags: page.tags }, nextLink(asked, page.next));
}

function pageSize(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new AppError('PAGINATION_NUMBER_INVALID', 'n must be a whole number');
  return Math.min(Number(text), MOST);
}
