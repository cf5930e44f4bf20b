/**
 * What was counted by hour and repository. The hour comes first in the key, so that a span of time is one range and what is
 * too old is the beginning of all. What the numbers mean is statistics.ts's to know.
 */
import { beforeHour, prefixes, repositoryAfterTime, timeOf } from './keys.js';
import type { HourEntry } from './records.js';
import type { Records } from './stored-records.js';
import type { Transaction } from './transaction.js';

/** The hours that begin at `from` or later and before `to`; ordered by hour, then repository. */
export async function* readHours(records: Records, from: number, to: number): AsyncIterable<HourEntry> {
  for await (const [key, record] of records.scan(prefixes.hours, beforeHour(from))) {
    const at = timeOf(key);
    if (at >= to) return;
    yield { ...record, at, repository: repositoryAfterTime(key) };
  }
}

/** Erases at most `most` records of hours before `before`. Resolves to how many there were. */
export async function eraseHours(tx: Transaction, before: number, most: number): Promise<number> {
  let erased = 0;
  for await (const [key] of tx.scan(prefixes.hours)) {
    if (erased === most || timeOf(key) >= before) break;
    tx.delete(key);
    erased++;
  }
  return erased;
}
