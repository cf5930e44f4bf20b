/** Lists in pages: how a caller asks for one, and how a place in a list travels as a page token. */
import { AppError } from '../lib/errors.js';
import type { PageRequest } from '../lib/page.js';

const DEFAULT_SIZE = 100;
const MAX_SIZE = 1000;
/** Of a token; the longest places are made of a repository's name, a tag and a digest. */
const MAX_TOKEN = 2048;

/** More than 1000 are as good as 1000. Throws REQUEST_INVALID for what is no size and for a token that was never given out. */
export function pageRequest({ pageSize, pageToken }: { pageSize: number; pageToken: string }): PageRequest {
  if (pageSize < 0)
    throw new AppError('REQUEST_INVALID', `page_size: ${pageSize} is less than 0`, { field: 'page_size' });
  const after = Buffer.from(pageToken, 'base64url').toString();
  if (pageToken.length > MAX_TOKEN || pageTokenOf(after) !== pageToken) {
    throw new AppError('REQUEST_INVALID', 'page_token: not one that was given out', { field: 'page_token' });
  }
  const size = pageSize === 0 ? DEFAULT_SIZE : Math.min(pageSize, MAX_SIZE);
  return { size, after: after === '' ? undefined : after };
}

/** Places are encoded so that nobody is tempted to make one. */
export const pageTokenOf = (next: string | undefined): string => Buffer.from(next ?? '').toString('base64url');
