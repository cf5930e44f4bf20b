/** The Range header of a blob request (RFC 9110, section 14), as far as a registry needs it. */
import parseRange from 'range-parser';
import type { PickRange } from '../cache/blob-answer.js';
import { AppError } from '../lib/errors.js';

/**
 * One range is honoured. Several at once get the whole blob, which the RFC allows; a single part of them would break
 * clients. `ifRange` that is not this blob's ETag means the whole blob, too.
 */
export function rangePicker(header: string | undefined, ifRange: string | undefined, etag: string): PickRange {
  if (header === undefined || (ifRange !== undefined && ifRange !== etag)) return () => undefined;
  return (size) => {
    const ranges = parseRange(size, header);
    if (ranges === -1) throw new UnsatisfiableRange(size);
    if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
    const [range] = ranges;
    return range && { start: range.start, end: range.end + 1 };
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
