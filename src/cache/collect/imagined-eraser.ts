/**
 * Erases in thought: what would be gone is remembered and nothing is changed. For dry runs; and with `unlink`, for an
 * index that is full and takes no writes: then the bytes are deleted ahead of their records. A record without bytes is a miss.
 */
import { digestsOf, freedBy, readRoots, type Candidate, type Erased } from '../../catalog/edges.js';
import { keys, prefixes } from '../../catalog/keys.js';
import { ReadAhead } from '../../catalog/read-ahead.js';
import type { Root } from '../../catalog/records.js';
import type { Records } from '../../catalog/stored-records.js';
import { digestOf, type Digest } from '../../oci/digest.js';
import { DigestSet } from './digest-set.js';
import type { Eraser } from './eraser.js';
import { mayGo, rootKey, type NamedVictim, type RetentionParts } from './retention.js';

export class ImaginedEraser implements Eraser {
  readonly #parts: RetentionParts;
  /** False when there was nothing to unlink, or it may not be. */
  readonly #unlink: (digest: Digest) => Promise<boolean>;
  readonly #gone = new DigestSet();
  readonly #dropped = new DigestSet();
  readonly #victims: NamedVictim[] = [];

  constructor(parts: RetentionParts, unlink: (digest: Digest) => Promise<boolean> = () => Promise.resolve(true)) {
    this.#parts = parts;
    this.#unlink = unlink;
  }

  /** Whose roots are imagined to be gone. */
  get victims(): readonly NamedVictim[] {
    return this.#victims;
  }

  async dropRoots(victims: readonly NamedVictim[]): Promise<readonly NamedVictim[]> {
    const dropped: NamedVictim[] = [];
    for (const victim of victims) {
      if (!(await mayGo(this.#parts, this.#parts.catalog.records, victim))) continue;
      this.#dropped.add(nameOf(victim.root));
      dropped.push(victim);
    }
    this.#victims.push(...dropped);
    return dropped;
  }

  erase(candidates: readonly Candidate[]): Promise<readonly Erased[]> {
    return this.#erase(this.#parts.catalog.records, candidates);
  }

  async eraseNeighbours(candidates: readonly Candidate[]): Promise<readonly Erased[]> {
    const digests = candidates.map(({ digest }) => digest);
    return this.#erase(await ReadAhead.open(this.#parts.catalog.records, digests), candidates);
  }

  isGone(digest: Digest): boolean {
    return this.#gone.has(digest);
  }

  isDropped(root: Root): boolean {
    return this.#dropped.has(nameOf(root));
  }

  async #erase(records: Records, candidates: readonly Candidate[]): Promise<readonly Erased[]> {
    const erased: Erased[] = [];
    for (const { digest, ran } of candidates) {
      if (this.#gone.has(digest) || (await this.#isNeeded(records, digest))) continue;
      const blob = await records.get(keys.blob(digest));
      if (blob?.ran !== ran) continue;
      const freed = await freedBy(records, digest, await records.get(keys.manifest(digest)));
      erased.push({ digest, size: blob?.size, freed });
    }
    const went: Erased[] = [];
    for (const each of erased) {
      this.#gone.add(each.digest);
      went.push((await this.#unlink(each.digest)) ? each : { ...each, size: undefined });
    }
    return went;
  }

  /** What `isNeeded` of the catalog asks, less what is imagined to be gone. */
  async #isNeeded(records: Records, digest: Digest): Promise<boolean> {
    if (this.#parts.inUse(digest)) return true;
    for await (const parent of digestsOf(records, prefixes.parentsOf(digest))) {
      if (!this.#gone.has(parent)) return true;
    }
    for await (const root of readRoots(records, prefixes.rootsOf(digest))) if (!this.isDropped(root)) return true;
    for await (const _ of records.scan(prefixes.pinsOn(digest))) return true;
    const subject = (await records.get(keys.manifest(digest)))?.subject;
    if (subject === undefined || this.#gone.has(subject)) return false;
    return (await records.get(keys.blob(subject))) !== undefined;
  }
}

/** Roots are remembered by the digest of their name. */
const nameOf = (root: Root): Digest => digestOf(Buffer.from(rootKey(root)));
