/**
 * What must be true whatever happens: every complete answer has the right bytes, and what the daemon acknowledged is there
 * until somebody drops it. It knows only what clients and operators saw and what the daemon's log said.
 */
import type { Answer } from '../../support/http.js';
import { sha256 } from '../../support/http.js';
import { Evidence } from './evidence.js';
import type { Library, Shelved } from './library.js';

/** What docs/adr/0001 promises, in figures of the judge's own: up to the first, blobs are verified before a byte is sent. */
const VERIFIED_FIRST = 1024 * 1024;
/** Of the others so much of the end is held back. */
export const HELD_BACK = 64 * 1024;

/** A digest that one repository may serve. */
export interface Kept {
  readonly repository: string;
  readonly digest: string;
}

/** What must never happen, happened. */
export class Verdict extends Error {}

export const isVerdict = (error: unknown): boolean => error instanceof Verdict;

/** An image that was asked to go. */
export interface Drop {
  /** The answer came: what is acknowledged later was stored later. */
  done(): void;
  /** It was refused, so nothing went. */
  refused(): void;
}

export class Oracle {
  readonly #library: Library;
  readonly #acknowledged = new Map<string, Kept>();
  /** What this daemon was asked to drop, and when it said that it had: before that nobody knows what was stored when. */
  readonly #drops = new Set<{ readonly names: ReadonlySet<string>; until: number }>();
  readonly #pinned = new Set<Shelved>();
  readonly #evidence = new Evidence();
  readonly #sweeping: boolean;
  /** When the power went, in milliseconds since the epoch. */
  #darkSince = Infinity;
  /** Complete answers that were compared, and found right. */
  answers = 0;
  /** Acknowledgements that were looked for with upstream off, and found. */
  survivals = 0;

  /** `sweeping`: blobs that no manifest names may be collected any time, as with a short grace period. */
  constructor(library: Library, sweeping = false) {
    this.#library = library;
    this.#sweeping = sweeping;
  }

  /** What was acknowledged and not dropped. */
  get kept(): readonly Kept[] {
    return [...this.#acknowledged.values()];
  }

  /** A line of the daemon's log. */
  hear(line: string): void {
    this.#evidence.heard(line);
    if (!line.includes('"msg":"stored"')) return;
    const { repository, digest, time } = JSON.parse(line) as Kept & { readonly time: string };
    if (Date.parse(time) >= this.#darkSince) return;
    const isNamed = () =>
      [...this.#acknowledged.values()].some((kept) => this.#library.parentsOf(digest).has(kept.digest));
    if (this.#sweeping && !this.#library.isManifest(digest) && !isNamed()) return;
    this.#acknowledge({ repository, digest }, Date.parse(time));
  }

  /** A command that was given at `since` said that the image is stored whole. */
  told(image: Shelved, since: number): void {
    if (this.#isDark) return;
    this.#evidence.note(`said to be whole in ${image.repository}, asked at ${since}`, image.digests);
    for (const digest of image.digests) this.#acknowledge({ repository: image.repository, digest }, since);
  }

  /** A command said that it is pinned. */
  pins(image: Shelved): void {
    if (!this.#isDark) this.#pinned.add(image);
  }

  /** It was asked to be pinned no more. */
  unpins(image: Shelved): void {
    this.#pinned.delete(image);
  }

  isPinned(image: Shelved): boolean {
    return this.#pinned.has(image);
  }

  get pinned(): readonly Shelved[] {
    return [...this.#pinned];
  }

  /**
   * The image is asked to go, and whatever nothing else needs goes with it, in every repository. What another image needs,
   * all of whose manifests are stored, must stay.
   */
  drops(image: Shelved): Drop {
    const needed = new Set(
      this.#library.all.filter((other) => other !== image && this.#isWhole(other)).flatMap(namesOf),
    );
    const repositories = new Set(this.#library.all.map(({ repository }) => repository));
    const names = new Set([...repositories].flatMap((repository) => namesOf({ repository, digests: image.digests })));
    for (const name of needed) names.delete(name);
    const taken = [...names].flatMap((name) => this.#acknowledged.get(name) ?? []);
    for (const name of names) this.#acknowledged.delete(name);
    const drop = { names, until: Infinity };
    const since = Date.now();
    const tell = (what: string) =>
      this.#evidence.note(`${image.repository}:${image.tag} ${what}, from ${[...names].join(', ')}`, image.digests);
    this.#drops.add(drop);
    tell('is asked to go');
    return {
      done: () => {
        drop.until = Date.now();
        tell('went');
      },
      refused: () => {
        tell('does not go');
        if (this.#drops.delete(drop)) for (const kept of taken) this.#acknowledge(kept, since);
      },
    };
  }

  /** Whatever is not pinned may be gone. */
  expired(): void {
    const names = new Set(this.pinned.flatMap(namesOf));
    for (const name of [...this.#acknowledged.keys()]) if (!names.has(name)) this.#acknowledged.delete(name);
  }

  /**
   * The power goes. What is acknowledged until the next start is not held: a machine without power says nothing, but here the
   * program lives on for a moment, and Linux tells a sync that is under way while a file system is shut down that it went well.
   */
  powerGoes(): void {
    this.#evidence.note('the power goes');
    this.#darkSince = Date.now();
  }

  /** What is acknowledged from now on is so after all that was asked for before. */
  restarted(): void {
    this.#evidence.note('a start');
    this.#drops.clear();
    this.#darkSince = Infinity;
  }

  /** An answer for `digest`, of the whole or of [start, end) when it is partial. Throws when it is complete and wrong. */
  judge(digest: string, answer: Answer, range?: { readonly start: number; readonly end: number }): void {
    if (!answer.complete || (answer.status !== 200 && answer.status !== 206)) return;
    const right = answer.status === 206 && range ? this.#library.bytes(digest) : undefined;
    if (right && range) {
      // Before its held-back end, a part of what is still being fetched is the client's to verify: ADR 1.
      const isBeforeTail = right.length > VERIFIED_FIRST && range.end <= right.length - HELD_BACK;
      if (isBeforeTail && /fwd=(?:miss|bypass)/.test(String(answer.headers['cache-status']))) return;
    }
    this.answers++;
    if (right && range) {
      const where = `bytes ${range.start}-${range.end - 1}/${right.length}`;
      if (answer.headers['content-range'] !== where)
        throw new Verdict(`WRONG RANGE: ${where} of ${digest} came as ${String(answer.headers['content-range'])}`);
      if (!right.subarray(range.start, range.end).equals(answer.body))
        throw new Verdict(`WRONG BYTES: ${range.start}-${range.end} of ${digest}`);
    } else if (sha256(answer.body) !== digest) {
      throw new Verdict(`WRONG BYTES: ${answer.body.length} bytes came as a complete ${digest}`);
    }
  }

  /** An answer for a tag: the bytes of something that it was pointed at, under the digest they have. */
  judgeTag(repository: string, tag: string, answer: Answer): void {
    if (!answer.complete || answer.status !== 200) return;
    this.answers++;
    const digest = sha256(answer.body);
    if (!this.#library.digestsOf(repository, tag).has(digest)) {
      throw new Verdict(`WRONG BYTES: ${repository}:${tag} was never ${digest}`);
    }
    const named = String(answer.headers['docker-content-digest']);
    if (named !== digest) throw new Verdict(`WRONG DIGEST: ${repository}:${tag} is ${digest}, and came as ${named}`);
  }

  /** What came for an acknowledged digest while no upstream could help. Throws when it is lost. */
  judgeKept({ repository, digest }: Kept, answer: Answer): void {
    this.judge(digest, answer);
    if (answer.status !== 200 || !answer.complete) {
      throw new Verdict(
        `LOST: ${repository} ${digest} was stored, and is answered ${answer.status} ` +
          `${answer.body.subarray(0, 300).toString()}\n${this.#evidence.about(digest)}`,
      );
    }
    this.survivals++;
  }

  get #isDark(): boolean {
    return this.#darkSince !== Infinity;
  }

  #acknowledge(kept: Kept, since: number): void {
    const name = nameOf(kept);
    for (const drop of this.#drops) if (drop.names.has(name) && drop.until >= since) return;
    this.#acknowledged.set(name, kept);
  }

  #isWhole({ repository, digests }: Shelved): boolean {
    return digests.every(
      (digest) => !this.#library.isManifest(digest) || this.#acknowledged.has(nameOf({ repository, digest })),
    );
  }
}

const nameOf = ({ repository, digest }: Kept): string => `${repository} ${digest}`;

const namesOf = ({ repository, digests }: Pick<Shelved, 'repository' | 'digests'>): string[] =>
  digests.map((digest) => nameOf({ repository, digest }));
