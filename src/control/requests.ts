/** Checks of what callers send, shared by the services. Each names the field that is wrong, as the .proto file calls it. */
import { AppError, isAppError } from '../lib/errors.js';
import { parseDigest, type Digest } from '../oci/digest.js';
import { parseImageReference, type ImageReference } from '../oci/reference.js';

/** Of images in one request. */
const MAX_IMAGES = 1000;
const MAX_PLATFORMS = 100;
const PLATFORM = /^[a-z0-9]{1,32}\/[a-z0-9_]{1,32}(?:\/[a-z0-9.]{1,32})?$/;

/** What `parse` gives; when it throws an AppError, the same with the field's name. */
export function inField<T>(field: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isAppError(error)) throw error;
    throw new AppError(error.code, `${field}: ${error.message}`, { cause: error, field });
  }
}

export const invalid = (field: string, why: string): AppError =>
  new AppError('REQUEST_INVALID', `${field}: ${why}`, { field });

export function imageOf(text: string, field = 'image'): ImageReference {
  if (text === '') throw invalid(field, 'is required');
  return inField(field, () => parseImageReference(text));
}

export const digestOf = (text: string, field = 'digest'): Digest => inField(field, () => parseDigest(text));

export function imagesOf<T>(texts: readonly string[], field: string, parse: (text: string, field: string) => T): T[] {
  if (texts.length === 0) throw invalid(field, 'names no image');
  if (texts.length > MAX_IMAGES) throw invalid(field, `names ${texts.length} images; ${MAX_IMAGES} are allowed`);
  return texts.map((text, i) => {
    if (text === '') throw invalid(`${field}[${i}]`, 'is empty');
    return parse(text, `${field}[${i}]`);
  });
}

export function platformsOf(texts: readonly string[], field: string): readonly string[] {
  if (texts.length > MAX_PLATFORMS) throw invalid(field, `names ${texts.length} platforms`);
  for (const [i, text] of texts.entries()) {
    if (!PLATFORM.test(text)) {
      const quoted = JSON.stringify(text.slice(0, 100));
      throw invalid(
        `${field}[${i}]`,
        `${quoted} is no platform; expected OS/ARCHITECTURE[/VARIANT] such as linux/arm64`,
      );
    }
  }
  return [...new Set(texts)];
}

/** All platforms, or those named. */
export function platformChoice(
  platforms: readonly string[],
  all: boolean,
  field: string,
): { readonly platforms: readonly string[]; readonly all: boolean } {
  if (all && platforms.length > 0) throw invalid(field, 'must be empty with all_platforms');
  return { platforms: platformsOf(platforms, field), all };
}
