/**
 * Erases in thought: what would be gone is remembered and nothing is changed. For dry runs; and with `unlink`, for an
 * index that is full and takes no writes: then the bytes are deleted ahead of their records. A record without bytes is a miss.
 */

import { keys, lastDigest, prefixes } from '../../catalog/keys.js';
import type { Root } from '../../catalog/records.js';
import { digestOf, type Digest } from '../../oci/digest.js';
import { DigestSet } from './digest-set.js';
import type { Erased, Eraser } from './eraser.js';
import { mayGo, rootKey, type NamedVictim, type RetentionParts } from './retention.js';

export class ImaginedEraser implements Eraser {
  readonly #parts: RetentionParts;
  readonly #unlink: (digest: Digest) => Promise<void>;
  readonly #gone = new DigestSet();
  readonly #dropped = new DigestSet();
  readonly #victims: NamedVictim[] = [];

  constructor(parts: RetentionParts, unlink: (digest: Digest) => Promise<void> = () => Promise.resolve()) {
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
      if (this.isDropped(victim.root) || !(await mayGo(this.#parts, this.#parts.catalog.records, victim))) continue;
      this.#dropped.add(nameOf(victim.root));
      dropped.push(victim);
    }
    this.#victims.push(...dropped);
    return dropped;
  }

  async erase(digests: readonly Digest[]): Promise<readonly Erased[]> {
    const { records } = this.#parts.catalog;
    const erased: Erased[] = [];
    for (const digest of digests) {
      if (this.#gone.has(digest) || (await this.#isNeeded(digest))) continue;
      const manifest = await records.get(keys.manifest(digest));
      const freed: Digest[] = [...(manifest?.children ?? [])];
      for await (const referrer of this.#parts.catalog.referrersOf(digest)) freed.push(referrer);
      erased.push({ digest, size: (await records.get(keys.blob(digest)))?.size, freed });
    }
    for (const { digest } of erased) {
      this.#gone.add(digest);
      await this.#unlink(digest);
    }
    return erased;
  }

  isGone(digest: Digest): boolean {
    return this.#gone.has(digest);
  }

  isDropped(root: Root): boolean {
    return this.#dropped.has(nameOf(root));
  }

  /** What `isNeeded` of the catalog asks, less what is imagined to be gone. */
  async #isNeeded(digest: Digest): Promise<boolean> {
    const { catalog, inUse } = this.#parts;
    const { records } = catalog;
    if (inUse(digest)) return true;
    for await (const [key] of records.scan(prefixes.parentsOf(digest))) {
      if (!this.#gone.has(lastDigest(key))) return true;
    }
    for await (const root of catalog.roots(digest)) if (!this.isDropped(root)) return true;
    for await (const _ of records.scan(prefixes.pinsOn(digest))) return true;
    const subject = (await records.get(keys.manifest(digest)))?.subject;
    if (subject === undefined || this.#gone.has(subject)) return false;
    return (await records.get(keys.blob(subject))) !== undefined;
  }
}

/** Roots are remembered by the digest of their name. */
const nameOf = (root: Root): Digest => digestOf(Buffer.from(rootKey(root)));
