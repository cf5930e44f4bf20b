/** Lists in pages: what a service asks of the part that holds the list. */

export interface PageRequest {
  /** At most this many. */
  readonly size: number;
  /** The `next` of the page before; from the start without it. */
  readonly after?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins, in words of the list's owner; undefined on the last page. */
  readonly next?: string | undefined;
}

/** A long list, some at a time. */
export function* slices<T>(all: readonly T[], size: number): Iterable<readonly T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}
