/**
 * What must be true whatever happens: every complete answer has the right bytes, and what the daemon said it stored is
 * there until somebody drops it. It knows only what clients saw and what the daemon's log said.
 */
import type { Answer } from '../../support/http.js';
import { sha256 } from '../../support/http.js';
import type { Library, Shelved } from './library.js';

/** A digest that one repository may serve. */
export interface Kept {
  readonly repository: string;
  readonly digest: string;
}

/** What must never happen, happened. */
class Verdict extends Error {}

export const isVerdict = (error: unknown): boolean => error instanceof Verdict;

export class Oracle {
  readonly #library: Library;
  readonly #acknowledged = new Map<string, Kept>();
  /** Asked to go by this daemon: whether it was stored before or after that, its log does not say. */
  readonly #doubtful = new Set<string>();
  /** Complete answers that were compared, and found right. */
  answers = 0;
  /** Acknowledgements that were looked for after a crash, and found. */
  survivals = 0;

  constructor(library: Library) {
    this.#library = library;
  }

  /** What was acknowledged and not dropped. */
  get kept(): readonly Kept[] {
    return [...this.#acknowledged.values()];
  }

  /** A line of the daemon's log. */
  hear(line: string): void {
    if (!line.includes('"msg":"stored"')) return;
    const { repository, digest } = JSON.parse(line) as Kept;
    const key = keyOf(repository, digest);
    if (!this.#doubtful.has(key)) this.#acknowledged.set(key, { repository, digest });
  }

  /**
   * The image is asked to go, and whatever nothing else needs goes with it, in every repository. What another image needs,
   * all of whose manifests are stored, must stay.
   */
  drops(image: Shelved): void {
    const needed = new Set<string>();
    for (const other of this.#library.shelf) {
      if (other === image) continue;
      const names = other.digests.map((digest) => ({ key: keyOf(other.repository, digest), digest }));
      const whole = names.every(({ key, digest }) => !this.#library.isManifest(digest) || this.#acknowledged.has(key));
      if (whole) for (const { key } of names) needed.add(key);
    }
    const gone = new Set(image.digests);
    for (const { repository } of this.#library.shelf) {
      for (const digest of gone) {
        const key = keyOf(repository, digest);
        if (needed.has(key)) continue;
        this.#acknowledged.delete(key);
        this.#doubtful.add(key);
      }
    }
  }

  /** What is acknowledged from now on is so after all that was asked for before. */
  restarted(): void {
    this.#doubtful.clear();
  }

  /** An answer for `digest`, of the whole or of [start, end) when it is partial. Throws when it is complete and wrong. */
  judge(digest: string, answer: Answer, range?: { readonly start: number; readonly end: number }): void {
    if (!answer.complete || (answer.status !== 200 && answer.status !== 206)) return;
    this.answers++;
    if (answer.status === 206 && range) {
      const right = this.#library.bytes(digest).subarray(range.start, range.end);
      if (!right.equals(answer.body)) throw new Verdict(`WRONG BYTES: ${range.start}-${range.end} of ${digest}`);
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
        `LOST: ${repository} ${digest} was stored, and is answered ${answer.status} ${answer.body.subarray(0, 300).toString()}`,
      );
    }
    this.survivals++;
  }
}

const keyOf = (repository: string, digest: string): string => `${repository} ${digest}`;
