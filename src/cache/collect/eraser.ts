/**
 * How images and digests go. There are two erasers: one that does it, and one that only imagines it, for dry runs and for
 * the time when the index is full. What becomes unneeded by that is followed here, the same for both.
 */
import { candidatesOf, type Candidate, type Erased } from '../../catalog/edges.js';
import type { Root } from '../../catalog/records.js';
import type { Records } from '../../catalog/stored-records.js';
import type { Digest } from '../../oci/digest.js';
import type { NamedVictim } from './retention.js';

export interface Eraser {
  /** Drops the roots, and the tags that point there; leaves out what was used, pinned or taken into use since it was chosen. */
  dropRoots(victims: readonly NamedVictim[]): Promise<readonly NamedVictim[]>;
  /** Of the candidates, those that nothing needs, and that are what they were, are gone now, and are what it resolves to. */
  erase(candidates: readonly Candidate[]): Promise<readonly Erased[]>;
  /** The same, fast, for many that lie close together and are sorted: what a sweep came across. */
  eraseNeighbours(candidates: readonly Candidate[]): Promise<readonly Erased[]>;
  /** Whether it is only imagined to be gone, so that its records can still be seen. */
  isGone(digest: Digest): boolean;
  isDropped(root: Root): boolean;
}

/** Digests looked at in one turn of the write queue: what others wait for at most. */
export const TURN = 32;

export interface Cascade {
  readonly eraser: Eraser;
  /** The running time at which they were chosen: what is stored from then on, and only they needed, stays for later. Without it, it goes too. */
  readonly chosenAt?: number;
  /** Called for each digest that is gone, with the index in `from` of what it went with: the last that needed it. */
  readonly gone: (erased: Erased, owner: number) => void;
  /** Whether what was freed stays for a sweep that follows; without it, all of it goes at once. */
  readonly leave?: ((freed: Digest, owner: number) => Promise<boolean>) | undefined;
}

/**
 * Erases the candidates that nothing needs, then what only they needed, and so on. It can be left off anywhere: what is
 * not erased yet is found by the next sweep.
 */
export async function cascade(
  from: readonly Candidate[],
  { eraser, chosenAt = Infinity, gone, leave }: Cascade,
): Promise<void> {
  const owners = new Map<Digest, number>();
  /** The last of its owners so far. */
  const own = (digest: Digest, owner: number): number => {
    const last = Math.max(owner, owners.get(digest) ?? owner);
    owners.set(digest, last);
    return last;
  };
  from.forEach(({ digest }, index) => own(digest, index));
  // An image of several repositories has several roots.
  let waiting = [...new Map(from.map((candidate) => [candidate.digest, candidate])).values()];
  while (waiting.length > 0) {
    const next = new Map<Digest, Candidate>();
    for (let at = 0; at < waiting.length; at += TURN) {
      for (const erased of await eraser.erase(waiting.slice(at, at + TURN))) {
        const owner = own(erased.digest, 0);
        gone(erased, owner);
        for (const freed of erased.freed) {
          if ((freed.ran ?? -Infinity) >= chosenAt || (leave && (await leave(freed.digest, owner)))) continue;
          own(freed.digest, owner);
          next.set(freed.digest, freed);
        }
      }
    }
    waiting = [...next.values()];
  }
}

/** Erases what was needed only by images whose roots were dropped. Owners are their places among these. */
export async function cascadeFrom(
  dropped: readonly NamedVictim[],
  records: Records,
  parts: Omit<Cascade, 'chosenAt'>,
): Promise<void> {
  const chosenAt = Math.min(...dropped.map((victim) => victim.chosenAt));
  const digests = dropped.map(({ root }) => root.digest);
  await cascade(await candidatesOf(records, digests), { ...parts, chosenAt });
}
