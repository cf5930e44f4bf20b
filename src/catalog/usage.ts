/**
 * When things were last used and tags last checked: kept in memory, written coarsely and in batches as absolute values, so
 * that a hit costs no write and a batch written twice changes nothing. What a crash loses is some seconds of uses.
 *
 * Age is measured in running time, a persisted count of milliseconds during which the daemon ran: a clock that jumps, or
 * a month in which the machine was off, makes nothing old.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.js';
import { slices } from '../lib/page.js';
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { Tag } from '../oci/reference.js';
import { firstDigest, keys, type Key } from './keys.js';
import type { Checked, TagRecord, UseRecord } from './records.js';
import type { Transaction } from './transaction.js';

/** Uses of one thing within this time, in milliseconds, are one. */
const COARSE = 60_000;
/** What a step of the monotonic clock may count for at most; more means that it jumped. */
const LONGEST_STEP = 5 * 60_000;
/** Uses remembered after they are written, about 250 bytes each. */
const REMEMBERED = 50_000;
/** Records written in one turn, so that others are not kept waiting. */
const BATCH = 1000;

export class Usage {
  readonly #clock: Clock;
  /** Not written yet. */
  readonly #uses = new Map<Key<UseRecord>, UseRecord>();
  /** Exact, as long as they are remembered: what is written is coarse. */
  readonly #recent = new LRUCache<Key<UseRecord>, UseRecord>({ max: REMEMBERED });
  /** Manifest requests that are not written yet. */
  readonly #pulls = new Map<Key<UseRecord>, number>();
  /** Not written yet: when each tag was last seen to point where its record says. */
  readonly #checks = new Map<Key<TagRecord>, Checked>();
  #ran: number;
  #countedAt: number;
  #savedRan: number;

  constructor(clock: Clock, ran: number) {
    this.#clock = clock;
    this.#ran = ran;
    this.#savedRan = ran;
    this.#countedAt = clock.monotonic();
  }

  /** Milliseconds that the daemon has run on this directory, over all its starts. */
  get runningTime(): number {
    const now = this.#clock.monotonic();
    this.#ran += Math.min(Math.max(0, now - this.#countedAt), LONGEST_STEP);
    this.#countedAt = now;
    return Math.floor(this.#ran);
  }

  noteUse(repository: Repository, digest: Digest, at: number): void {
    const key = keys.used(digest, repository);
    const noted = this.#uses.get(key);
    const use = { at, ran: this.runningTime };
    this.#recent.set(key, use);
    if (noted && use.ran - noted.ran < COARSE) return;
    this.#uses.set(key, use);
  }

  /** A use of an image by a manifest request, which is counted too. */
  notePull(repository: Repository, digest: Digest, at: number): void {
    const key = keys.used(digest, repository);
    this.#pulls.set(key, (this.#pulls.get(key) ?? 0) + 1);
    const use = { at, ran: this.runningTime };
    this.#recent.set(key, use);
    this.#uses.set(key, use);
  }

  /** How often, with what is not written yet. */
  pulls(key: Key<UseRecord>, written: UseRecord | undefined): number {
    return (written?.pulls ?? 0) + (this.#pulls.get(key) ?? 0);
  }

  noteCheck(repository: Repository, tag: Tag, at: number): void {
    this.#checks.set(keys.tag(repository, tag), { checkedAt: at, ran: this.runningTime });
  }

  /** The latest of what is written, noted and remembered. */
  latestUse(key: Key<UseRecord>, written: UseRecord | undefined): UseRecord | undefined {
    const noted = this.#recent.get(key) ?? this.#uses.get(key);
    return noted && (!written || noted.ran > written.ran) ? noted : written;
  }

  /** A check that is older than the tag's last move says nothing: moving it was a check too. */
  checked(key: Key<TagRecord>, written: TagRecord): TagRecord {
    const noted = this.#checks.get(key);
    return noted && noted.ran >= written.ran ? { ...written, ...noted } : written;
  }

  /** Writes what is noted, some of it in each turn. What a failed turn did not write stays noted. */
  async flush(turn: (work: (tx: Transaction) => Promise<void> | void) => Promise<void>): Promise<void> {
    const ran = this.runningTime;
    if (ran - this.#savedRan >= COARSE) {
      await turn((tx) => tx.put(keys.runningTime, ran));
      this.#savedRan = ran;
    }
    for (const uses of slices([...this.#uses], BATCH)) {
      let counted: readonly (readonly [Key<UseRecord>, number])[] = [];
      await turn(async (tx) => {
        for (const [key, use] of uses) {
          // What was deleted meanwhile has no use.
          if (!(await tx.get(keys.blob(firstDigest(key))))) continue;
          const written = await tx.get(key);
          const pulls = this.pulls(key, written);
          const older = !written || use.ran - written.ran >= COARSE;
          if (older || pulls !== (written.pulls ?? 0))
            tx.put(key, { ...(older ? use : written), ...(pulls > 0 && { pulls }) });
        }
        counted = uses.map(([key]) => [key, this.#pulls.get(key) ?? 0] as const);
      });
      for (const [key, count] of counted) this.#forgetPulls(key, count);
      forget(this.#uses, uses);
    }
    for (const checks of slices([...this.#checks], BATCH)) {
      await turn(async (tx) => {
        for (const [key] of checks) {
          const record = await tx.get(key);
          if (record) tx.put(key, this.checked(key, record));
        }
      });
      forget(this.#checks, checks);
    }
  }

  #forgetPulls(key: Key<UseRecord>, written: number): void {
    const left = (this.#pulls.get(key) ?? 0) - written;
    if (left > 0) this.#pulls.set(key, left);
    else this.#pulls.delete(key);
  }
}

/** Forgets what was written, but not what was noted anew meanwhile. */
function forget<K, V>(noted: Map<K, V>, written: readonly (readonly [K, V])[]): void {
  for (const [key, value] of written) if (noted.get(key) === value) noted.delete(key);
}
