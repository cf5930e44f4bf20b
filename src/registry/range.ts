/** The Range header of a blob request (RFC 9110, section 14), as far as a registry needs it. */
import type { PickRange } from '../cache/blob-answer.js';
import { AppError } from '../lib/errors.js';

/** One range: from-to, from-, or the last so many bytes. range-parser refuses a tail that is longer than the blob. */
const ONE_RANGE = /^bytes=(?:(?<from>\d+)-(?<to>\d*)|-(?<tail>\d+))$/i;

/**
 * One range is honoured. Several at once, and what is malformed, get the whole blob, which the RFC allows; a single part of
 * several would break clients. `ifRange` that is not this blob's ETag means the whole blob, too.
 */
export function rangePicker(header: string | undefined, ifRange: string | undefined, etag: string): PickRange {
  const asked = ONE_RANGE.exec(header?.replaceAll(/\s/g, '') ?? '')?.groups;
  if (!asked || (ifRange !== undefined && ifRange !== etag)) return () => undefined;
  const { from, to, tail } = asked;
  return (size) => {
    const start = from === undefined ? Math.max(0, size - Number(tail)) : Number(from);
    const end = to === undefined || to === '' ? size : Math.min(size, Number(to) + 1);
    if (start >= size || start >= end) throw new UnsatisfiableRange(size);
    return { start, end, openEnded: to === '' };
  };
}

/** Carries the size, which the answer's Content-Range has to name. */
export class UnsatisfiableRange extends AppError {
  readonly size: number;

  constructor(size: number) {
    super('RANGE_INVALID', `the blob has ${size} bytes; the range lies outside of it`);
    this.size = size;
  }
}
