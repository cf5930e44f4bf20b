/** The tags of a repository that fit a pattern, as upstream lists them. */
import picomatch from 'picomatch';
import { AppError } from '../../lib/errors.js';
import { formatImagePattern, type TagPattern } from '../../oci/image-pattern.js';
import { isCompanionTag, isTag, type Tag } from '../../oci/reference.js';
import type { Page, TagPage } from '../../upstream/upstream.js';

const PAGE = 1000;
/** A registry's list has an end. */
const MOST_PAGES = 1000;
/** Of a job, however many patterns it has. */
export const MOST_IMAGES = 5000;
/** Each star multiplies what a match may cost, and the tags are upstream's to choose. */
const MOST_STARS = 5;

type ListTags = (page: Page) => Promise<TagPage>;

/** Sorted as upstream sorts them. Throws MANIFEST_UNKNOWN when none fits, and what `list` throws. */
export async function tagsThatFit(pattern: TagPattern, list: ListTags): Promise<readonly Tag[]> {
  const name = formatImagePattern(pattern);
  if (pattern.tags.split('*').length - 1 > MOST_STARS) {
    throw new AppError('TAG_INVALID', `${name} has more than ${MOST_STARS} stars`);
  }
  const fits = picomatch(pattern.tags, { dot: true, nonegate: true, posix: true });
  const found: Tag[] = [];
  let last: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const { tags, next } = await list({ n: PAGE, ...(last !== undefined && { last }) });
    for (const tag of tags) {
      // Nobody means signatures who does not say so.
      if (isTag(tag) && fits(tag) && (!isCompanionTag(tag) || isCompanionTag(pattern.tags))) found.push(tag);
    }
    if (found.length > MOST_IMAGES) throw tooMany(name);
    if (next === undefined || next === last) break;
    last = next;
  }
  if (found.length === 0) throw new AppError('MANIFEST_UNKNOWN', `no tag fits ${name}`);
  return found;
}

export const tooMany = (what: string): AppError =>
  new AppError('REQUEST_INVALID', `${what} means more than ${MOST_IMAGES} images`);
