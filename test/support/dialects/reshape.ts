/** Turns the fake registry's right answers into those of a dialect. */
import { basicUser } from '../fake-auth.js';
import type { LoggedRequest } from '../fake-registry.js';
import { Reply } from '../fake-reply.js';
import { type Dialect, errorBody, type Refusal } from './dialect.js';

/** What reshaping needs to know of the registry. */
export interface Holdings {
  maySee(repository: string, user: string): boolean;
  exists(repository: string): boolean;
  /** WWW-Authenticate of a 401 to somebody whose login does not open the repository. */
  challenge(repository: string): string;
  /** Names and passwords. */
  users(): Readonly<Record<string, string>>;
}

export function reshape(dialect: Dialect, holdings: Holdings, reply: Reply, request: LoggedRequest): Reply {
  const shaped = moved(dialect, request) ?? refused(dialect, holdings, reply, request) ?? reply;
  shaped.headers = { ...shaped.headers, ...dialect.headers };
  if (shaped.status >= 300 && shaped.status !== 307) return shaped;
  switch (request.kind) {
    case 'manifest':
      shaped.headers = { ...shaped.headers, ...dialect.rateLimit };
      if (dialect.headWithoutDigest && request.method === 'HEAD') withoutDigest(shaped);
      return shaped;
    case 'blob':
      return blob(dialect, shaped, request);
    case 'cdn':
      if (dialect.blobs.wholeOnly) shaped.rangeable = false;
      return shaped;
    case 'tags':
      return shaped.status === 200 ? tags(dialect, shaped) : shaped;
    case 'referrers':
      return referrers(dialect, shaped, request);
    default:
      return shaped;
  }
}

/** A registry whose manifests and lists are elsewhere redirects by the path alone. */
function moved({ manifestHost, host }: Dialect, { kind, path, headers }: LoggedRequest): Reply | undefined {
  if (manifestHost === undefined || headers.host !== host) return undefined;
  if (kind !== 'manifest' && kind !== 'tags' && kind !== 'referrers') return undefined;
  return new Reply(307, { location: `https://${manifestHost}${path.split('?')[0] ?? ''}` });
}

function refused(dialect: Dialect, holdings: Holdings, reply: Reply, request: LoggedRequest): Reply | undefined {
  const { login, unknownTag, unknownRepository, privateRepository = unknownRepository } = dialect;
  const { kind, repository = '', headers, user } = request;
  // The web page that stands in for an API: nobody here is logged in to it.
  if (kind === 'other' && headers.host !== dialect.host) return new Reply(429, {}, 'Too many requests');
  if (kind === 'ping' && login.type === 'none' && login.pingChallenge !== undefined) {
    return Reply.error(401, 'UNAUTHORIZED', { 'www-authenticate': login.pingChallenge });
  }
  if (kind === 'token') {
    if (reply.status !== 200) return undefined;
    const asked = new URL(request.path, `https://${dialect.host}`).searchParams.getAll('scope');
    const who = basicUser(headers.authorization, holdings.users()) ?? '';
    const hidden = asked.map((scope) => scope.split(':')[1] ?? '').find((name) => name && !holdings.maySee(name, who));
    if (hidden === undefined) return undefined;
    const refusal = holdings.exists(hidden) ? privateRepository : unknownRepository;
    return refusal.by === 'token' ? says(refusal) : undefined;
  }
  if (login.type === 'basic' && reply.status === 401 && headers.authorization !== undefined) {
    return says(login.wrongPassword);
  }
  if (user === undefined || repository === '' || reply.status < 400) return undefined;
  const challenge = holdings.challenge(repository);
  if (!holdings.exists(repository)) return says(unknownRepository, challenge);
  if (!holdings.maySee(repository, user)) return says(privateRepository, challenge);
  return kind === 'manifest' && reply.status === 404 ? says(unknownTag) : undefined;
}

const says = ({ status, code, message }: Refusal, challenge?: string): Reply =>
  new Reply(
    status,
    {
      'content-type': 'application/json; charset=utf-8',
      ...(status === 401 && challenge !== undefined && { 'www-authenticate': challenge }),
    },
    errorBody(code, message),
  );

function blob({ blobs, blobHead }: Dialect, reply: Reply, { method }: LoggedRequest): Reply {
  if (method === 'HEAD' && blobHead !== undefined) return Reply.error(blobHead, 'UNAUTHORIZED');
  if (blobs.redirect === undefined) return reply;
  const { pathname, search } = new URL(String(reply.headers['location']));
  return new Reply(blobs.status ?? 307, { location: `https://${blobs.redirect}${pathname}${search}` });
}

function withoutDigest(reply: Reply): void {
  const others = Object.entries(reply.headers).filter(([name]) => name !== 'docker-content-digest');
  reply.headers = Object.fromEntries(others);
}

function tags({ tags: quirks = {} }: Dialect, reply: Reply): Reply {
  const list = JSON.parse(reply.body.toString()) as { readonly tags: readonly string[] };
  const listed = quirks.nulls ? [null, ...list.tags] : list.tags;
  const headers = { ...reply.headers, 'content-type': quirks.contentType ?? 'application/json' };
  return new Reply(200, headers, JSON.stringify({ ...list, tags: listed, ...quirks.more }));
}

function referrers({ referrers: kind }: Dialect, reply: Reply, { repository = '' }: LoggedRequest): Reply {
  if (kind === 'api') return reply;
  if (kind === 'none') return new Reply(404, { 'content-type': 'text/plain; charset=utf-8' }, '404 page not found\n');
  const page = `/-/v2/packages/container/package/${encodeURIComponent(`${repository}/referrers/sha256`)}`;
  return new Reply(303, { location: `https://github.com${page}` });
}
