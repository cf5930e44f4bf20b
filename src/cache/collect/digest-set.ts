/**
 * Many digests in little memory: the first 128 bits of each, 16 to 43 bytes apiece where a Set of strings takes 200. Two
 * different digests are taken for one with a chance of 1 in 10^26 for a million of them, and what that costs is for the
 * user to bear: decide nothing by it that is not decided again by the index.
 */
import { digestHex, type Digest } from '../../oci/digest.js';

const WORDS = 4;
const FIRST_CAPACITY = 1024;

export class DigestSet {
  #capacity = FIRST_CAPACITY;
  #words = new Uint32Array(FIRST_CAPACITY * WORDS);
  #size = 0;
  readonly #key = new Uint32Array(WORDS);

  get size(): number {
    return this.#size;
  }

  has(digest: Digest): boolean {
    if (this.#size === 0) return false;
    this.#read(digest);
    return this.#words[this.#slot()] !== 0;
  }

  add(digest: Digest): void {
    if (this.#size * 4 >= this.#capacity * 3) this.#grow();
    this.#read(digest);
    const slot = this.#slot();
    if (this.#words[slot] !== 0) return;
    this.#words.set(this.#key, slot);
    this.#size++;
  }

  #read(digest: Digest): void {
    const hex = digestHex(digest);
    for (let word = 0; word < WORDS; word++) this.#key[word] = Number.parseInt(hex.slice(word * 8, word * 8 + 8), 16);
    // An empty slot begins with 0, so no key may.
    if (this.#key[0] === 0) this.#key[0] = 1;
  }

  /** Where the key lies, or the empty slot where it would. */
  #slot(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#key;
    for (let at = a % this.#capacity; ; at = (at + 1) % this.#capacity) {
      const slot = at * WORDS;
      const first = this.#words[slot];
      if (first === 0) return slot;
      const same = first === a && this.#words[slot + 1] === b;
      if (same && this.#words[slot + 2] === c && this.#words[slot + 3] === d) return slot;
    }
  }

  #grow(): void {
    const old = this.#words;
    this.#capacity *= 2;
    this.#words = new Uint32Array(this.#capacity * WORDS);
    for (let slot = 0; slot < old.length; slot += WORDS) {
      if (old[slot] === 0) continue;
      this.#key.set(old.subarray(slot, slot + WORDS));
      this.#words.set(this.#key, this.#slot());
    }
  }
}
