/**
 * Paths of the registry API (OCI distribution specification, "Endpoints"). Grammar only: a path is decoded once, and
 * what the grammar does not allow goes no further.
 */
import { AppError } from '../lib/errors.js';

export type Route =
  | { readonly kind: 'ping' }
  | {
      readonly kind: 'manifest';
      readonly reference: string;
      readonly name: string;
      readonly prefix: string | undefined;
    }
  | { readonly kind: 'blob'; readonly digest: string; readonly name: string; readonly prefix: string | undefined }
  | { readonly kind: 'tags'; readonly name: string; readonly prefix: string | undefined }
  | { readonly kind: 'referrers'; readonly digest: string; readonly name: string; readonly prefix: string | undefined };

const PING = /^(?:\/(?!v2\/)[^/]+)?\/v2\/?$/;
const ENDPOINT =
  /^(?:\/(?!v2\/)(?<prefix>[^/]+))?\/v2\/(?<name>.+)\/(?:(?<kind>manifests|blobs|referrers)\/(?<last>[^/]+)|(?<tags>tags\/list))$/;

/** Longest path of any use: a 255-character name, an endpoint, and a sha512 digest. */
const MAX_PATH = 1024;

/** Throws NAME_INVALID for what cannot be decoded, UNSUPPORTED's sibling NAME_UNKNOWN for what is no endpoint. */
export function route(rawPath: string): Route {
  const path = decode(rawPath);
  if (PING.test(path)) return { kind: 'ping' };
  const groups = ENDPOINT.exec(path)?.groups;
  if (!groups) throw new AppError('NAME_UNKNOWN', 'no such endpoint; this is a read-only OCI registry under /v2/');
  const { prefix, name = '', kind, last = '' } = groups;
  switch (kind) {
    case 'manifests':
      return { kind: 'manifest', reference: last, name, prefix };
    case 'blobs':
      return { kind: 'blob', digest: last, name, prefix };
    case 'referrers':
      return { kind: 'referrers', digest: last, name, prefix };
    default:
      return { kind: 'tags', name, prefix };
  }
}

function decode(rawPath: string): string {
  // An encoded slash would be a second way to write a path; no client needs one.
  if (rawPath.length > MAX_PATH || /%2f|%5c|%00/i.test(rawPath))
    throw new AppError('NAME_INVALID', 'the path is not valid');
  try {
    return decodeURIComponent(rawPath);
  } catch (error) {
    throw new AppError('NAME_INVALID', 'the path is not valid', { cause: error });
  }
}
