/** Reads what registries list: tags, and the referrers of a digest. Whatever is malformed is left out or UPSTREAM_INVALID. */
import { AppError } from '../lib/errors.js';
import { isDigest } from '../oci/digest.js';
import { MAX_MANIFEST_CHILDREN } from '../oci/manifest.js';
import { isTag } from '../oci/reference.js';
import type { ReferrerDescriptor } from './upstream.js';

type Json = Readonly<Record<string, unknown>>;

/** Sorted, once each. Some registries list null, some list digests among the tags (Artifactory). */
export function tagsFrom(body: Buffer, where: string): string[] {
  const { tags } = parseObject(body, where);
  if (tags === null || tags === undefined) return [];
  if (!Array.isArray(tags)) throw new AppError('UPSTREAM_INVALID', `${where} listed no tags`);
  return [...new Set(tags.filter((tag): tag is string => typeof tag === 'string' && isTag(tag)))].sort();
}

/**
 * The query of the next page that a Link header names (RFC 8288). Its host and path are ignored, so a next page is always
 * upstream's own.
 */
export function nextPage(links: readonly string[], from: URL): string | undefined {
  for (const link of links) {
    for (const [, target = '', parameters = ''] of link.slice(0, 8192).matchAll(/<([^<>]*)>([^<>]*)/g)) {
      if (/;\s*rel\s*=\s*"?next\b/i.test(parameters) && URL.canParse(target, from.href))
        return new URL(target, from).search;
    }
  }
  return undefined;
}

export function referrersFrom(body: Buffer, where: string): ReferrerDescriptor[] {
  const { manifests } = parseObject(body, where);
  if (!Array.isArray(manifests)) throw new AppError('UPSTREAM_INVALID', `${where} listed no referrers`);
  if (manifests.length > MAX_MANIFEST_CHILDREN)
    throw new AppError('UPSTREAM_INVALID', `${where} listed too many referrers`);
  return manifests.flatMap((entry: unknown) => referrer(entry) ?? []);
}

/** Fields are copied one by one: nothing of upstream's object is kept. */
function referrer(entry: unknown): ReferrerDescriptor | undefined {
  if (!isObject(entry)) return undefined;
  const { mediaType, digest, size, artifactType, annotations } = entry;
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  return {
    mediaType,
    digest,
    size,
    ...(typeof artifactType === 'string' && artifactType !== '' && { artifactType }),
    ...(isObject(annotations) && { annotations: texts(annotations) }),
  };
}

/** `fromEntries` defines properties instead of assigning them, so not even `__proto__` means anything. */
const texts = (object: Json): Record<string, string> =>
  Object.fromEntries(Object.entries(object).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

function parseObject(body: Buffer, where: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new AppError('UPSTREAM_INVALID', `${where} sent no JSON`, { cause });
  }
  if (!isObject(value)) throw new AppError('UPSTREAM_INVALID', `${where} sent no JSON object`);
  return value;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
