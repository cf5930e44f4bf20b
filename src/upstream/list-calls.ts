/**
 * Asking a registry for its lists: tags, a page at a time, and the referrers of a digest, all of them. Registries page in
 * ways of their own, so what leads to the next page is theirs to say and only handed through.
 */
import { AppError } from '../lib/errors.js';
import { digestAlgorithm, digestHex, type Digest } from '../oci/digest.js';
import { MAX_MANIFEST_CHILDREN } from '../oci/manifest.js';
import { OCI_INDEX } from '../oci/media-types.js';
import { parseTag, type Tag } from '../oci/reference.js';
import { contentTypeOf, isAbsent } from './answers.js';
import { nextPage, referrersFrom, tagsFrom } from './listings.js';
import { readAll } from './small-answer.js';
import type { HttpResponse } from './transport.js';
import type { Page, ReferrerDescriptor, TagPage } from './upstream.js';

const MOST_LIST_BYTES = 16 * 1024 * 1024;
const MOST_PAGES = 100;
/** ECR refuses more. */
const LARGEST_PAGE = 1000;
const LONGEST_QUERY = 2048;
/** How registries say that they have no referrers API. */
const NO_REFERRERS_API: ReadonlySet<number> = new Set([400, 404, 405, 406, 410, 501]);

export interface ListCall {
  /** GET of a path below the repository. */
  readonly get: (path: string, accept?: string) => Promise<HttpResponse>;
  readonly failure: (response: HttpResponse) => AppError;
  /** The upstream's name, for messages. */
  readonly where: string;
}

/** Undefined when upstream knows no such repository. */
export async function listTags({ get, failure, where }: ListCall, page: Page): Promise<TagPage | undefined> {
  const n = page.n === undefined ? undefined : Math.min(page.n, LARGEST_PAGE);
  const { last } = page;
  const response = await get(`tags/list${tagQuery(n, last)}`);
  if (response.status !== 200) {
    response.discard();
    if (isAbsent(response.status)) return undefined;
    throw failure(response);
  }
  const tags = tagsFrom(await readAll(response, MOST_LIST_BYTES), where);
  const link = nextPage(response.headers('link'), response.url);
  // With the very tag to begin after, or more than was asked for, upstream does no pages and has sent everything.
  const rest = last !== undefined && tags.includes(last) ? tags.filter((tag) => tag > last) : tags;
  if (n !== undefined && rest.length > n) return { tags: rest.slice(0, n), next: rest[n - 1] };
  const next = link === undefined ? undefined : cursorOf(link, where);
  return { tags: rest, next: next === last ? undefined : next };
}

function tagQuery(n: number | undefined, last: string | undefined): string {
  if (last?.startsWith('?')) return last;
  const query = new URLSearchParams();
  if (n !== undefined) query.set('n', String(n));
  if (last !== undefined) query.set('last', last);
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** The tag to go on after; or, where upstream pages by something of its own, its whole query, which no tag looks like. */
function cursorOf(query: string, where: string): string {
  if (query.length > LONGEST_QUERY) throw new AppError('UPSTREAM_INVALID', `${where} sent an overlong Link`);
  const parameters = new URLSearchParams(query);
  const last = parameters.get('last');
  const plain = [...parameters.keys()].every((key) => key === 'n' || key === 'last');
  return plain && last !== null && !last.startsWith('?') ? last : query;
}

/** All pages together. Undefined when upstream has no referrers API, and so keeps them under `referrersTag`. */
export async function listReferrers(
  { get, failure, where }: ListCall,
  digest: Digest,
): Promise<readonly ReferrerDescriptor[] | undefined> {
  const found: ReferrerDescriptor[] = [];
  let query: string | undefined = '';
  for (let page = 0; query !== undefined; page++) {
    const response = await get(`referrers/${digest}${query}`, OCI_INDEX);
    if (response.status !== 200 || contentTypeOf(response) !== OCI_INDEX) {
      response.discard();
      // GHCR leads those who ask to a web page instead, which may be busy or want a login.
      const strayed = !/\/referrers\/[^/]+$/.test(response.url.pathname);
      const none = strayed || response.status === 200 || NO_REFERRERS_API.has(response.status);
      if (page === 0 && none) return undefined;
      if (response.status === 401) return [];
      throw failure(response);
    }
    found.push(...referrersFrom(await readAll(response, MOST_LIST_BYTES), where));
    query = nextPage(response.headers('link'), response.url);
    // A part of them could lack the very signature that is looked for.
    if (found.length > MAX_MANIFEST_CHILDREN || (query !== undefined && page + 1 >= MOST_PAGES))
      throw new AppError('UPSTREAM_INVALID', `${where} lists too many referrers`);
  }
  return found;
}

/** Where a registry without the API keeps an index of referrers (OCI distribution specification, "Referrers Tag Schema"). */
export const referrersTag = (digest: Digest): Tag =>
  parseTag(`${digestAlgorithm(digest)}-${digestHex(digest).slice(0, 64)}`);
