/**
 * Which upstream a request means. First match wins: `?ns=HOST`; `/v2/HOST/repo/…`; `/HOST/v2/repo/…`; the default
 * upstream. A host that is not configured is NAME_UNKNOWN, so nobody can make Cistern connect anywhere by naming it.
 */
import { AppError } from '../lib/errors.js';
import type { Repository } from '../oci/descriptor.js';
import { isHost, looksLikeHost, normaliseHost, normaliseRepository, parseRepositoryName } from '../oci/reference.js';

/** The configured upstreams by every name a client may use. */
export interface UpstreamNames {
  /** Name or alias -> name. */
  readonly names: ReadonlyMap<string, string>;
  readonly default: string | undefined;
}

export interface NamedRequest {
  /** The value of `?ns=`. */
  readonly ns: string | undefined;
  /** What comes before `/v2/`. */
  readonly prefix: string | undefined;
  /** What comes after it: a repository, perhaps with a host in front. */
  readonly path: string;
}

/** Throws NAME_UNKNOWN (no such upstream) or NAME_INVALID (no repository name). */
export function nameRepository(
  { names, default: fallback }: UpstreamNames,
  { ns, prefix, path }: NamedRequest,
): Repository {
  const find = (host: string) => names.get(host) ?? names.get(normaliseHost(host));
  const slash = path.indexOf('/');
  const first = slash > 0 ? path.slice(0, slash) : undefined;
  const inPath = first === undefined ? undefined : find(first);
  const rest = path.slice(slash + 1);

  if (ns !== undefined) {
    const upstream = find(ns);
    if (upstream === undefined) throw unknown(ns);
    // BuildKit names the host in both places.
    return repository(upstream, inPath === upstream ? rest : path);
  }
  if (inPath !== undefined) return repository(inPath, rest);
  if (first !== undefined && looksLikeHost(first) && isHost(first) && !/[A-Z]/.test(first)) throw unknown(first);
  if (prefix !== undefined) {
    const upstream = find(prefix);
    if (upstream === undefined) throw unknown(prefix);
    return repository(upstream, path);
  }
  if (fallback === undefined) {
    throw new AppError(
      'NAME_UNKNOWN',
      `no upstream is named, and none is the default; ask for /v2/HOST/${path.slice(0, 100)}/…`,
    );
  }
  return repository(fallback, path);
}

const repository = (upstream: string, path: string): Repository => ({
  upstream,
  name: normaliseRepository(upstream, parseRepositoryName(path)),
});

const unknown = (host: string): AppError =>
  new AppError(
    'NAME_UNKNOWN',
    `"${host.slice(0, 100)}" is not an upstream of this mirror; add it to upstreams in the configuration`,
  );
