/**
 * What may be asked for in bulk: an image reference, or all tags of a repository that fit a pattern
 * (`docker.io/library/node:22*`). Only the tag may be a pattern: registries cannot be asked for their repositories.
 */
import { AppError } from '../lib/errors.js';
import { formatImageReference, parseImageReference, type ImageReference } from './reference.js';

export interface TagPattern {
  readonly upstream: string;
  readonly repository: string;
  /** `*`, `?`, `[…]` and `{…,…}` as in file names. */
  readonly tags: string;
}

export type ImagePattern = ImageReference | TagPattern;

const SPECIAL = /[*?[\]{}]/;
/** What tags are made of, and what patterns add to that. Bounded like a tag, with room for alternatives. */
const PATTERN = /^[a-zA-Z0-9._*?[\]{},!-]{1,255}$/;

export const isTagPattern = (pattern: ImagePattern): pattern is TagPattern => 'tags' in pattern;

/** Throws what `parseImageReference` throws, and TAG_INVALID for a pattern that is none. */
export function parseImagePattern(text: string): ImagePattern {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const tags = colon === -1 ? '' : text.slice(colon + 1);
  if (!SPECIAL.test(tags) || tags.includes('@')) return parseImageReference(text);
  if (!PATTERN.test(tags))
    throw new AppError('TAG_INVALID', `${JSON.stringify(tags.slice(0, 100))} is no pattern of tags`);
  const { upstream, repository } = parseImageReference(text.slice(0, colon));
  return { upstream, repository, tags };
}

export const formatImagePattern = (pattern: ImagePattern): string =>
  isTagPattern(pattern) ? `${pattern.upstream}/${pattern.repository}:${pattern.tags}` : formatImageReference(pattern);
