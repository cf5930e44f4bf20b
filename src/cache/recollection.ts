/**
 * What an operator may ask for and no record says: how things were last asked for, and which images were removed. Kept in
 * memory since the start of the daemon, for the newest of them; removals are in the log too, where they outlive a restart.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.js';
import type { ErrorCode } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { TagOrDigest } from '../oci/reference.js';
import type { CollectionReason } from './collect/collection.js';
import type { Outcome, Reason } from './outcome.js';

/** Of each kind; about 400 bytes each. */
const REMEMBERED = 10_000;

/** What the access log says of one answer to a pull. */
export interface LastAnswer {
  readonly repository: Repository;
  /** As the client wrote it: a tag or a digest, if it is any. */
  readonly reference: string;
  /** Of what it was answered with, if it was. */
  readonly digest?: Digest | undefined;
  /** Milliseconds since the epoch: when the answer had ended. */
  readonly at: number;
  readonly method: string;
  readonly outcome: Outcome | ErrorCode;
  readonly reason?: Reason | undefined;
}

/** `disk-full`: to make room on the disk, where `evicted` is to stay below storage.maxSize. `operator`: on request. */
export type RemovalReason = CollectionReason | 'disk-full' | 'operator';

export interface Removal {
  readonly at: number;
  readonly why: RemovalReason;
}

/** An image that goes, with the tags that pointed to it. */
export interface RemovedImage {
  readonly repository: Repository;
  readonly digest: Digest;
  readonly tags: readonly string[];
}

export class Recollection {
  readonly #parts: { readonly clock: Clock; readonly log: Logger };
  readonly #answers = new LRUCache<string, LastAnswer>({ max: REMEMBERED });
  readonly #removals = new LRUCache<string, Removal>({ max: REMEMBERED });

  constructor(parts: { readonly clock: Clock; readonly log: Logger }) {
    this.#parts = parts;
  }

  answered(answer: LastAnswer): void {
    const { repository, reference, digest } = answer;
    this.#answers.set(nameOf(repository, reference), answer);
    if (digest !== undefined && digest !== reference) this.#answers.set(nameOf(repository, digest), answer);
  }

  /** To be called for every image that is removed. */
  removed({ repository, digest, tags }: RemovedImage, why: RemovalReason): void {
    const { clock, log } = this.#parts;
    log.info({ upstream: repository.upstream, repository: repository.name, tags, digest, why }, 'removed');
    const removal = { at: clock.now(), why };
    for (const reference of [digest, ...tags]) this.#removals.set(nameOf(repository, reference), removal);
  }

  /** The last answer to each name, and with each digest, in that repository or in any; the newest first. */
  answers(repository: Repository | undefined, references: readonly TagOrDigest[]): readonly LastAnswer[] {
    const found = new Set<LastAnswer>();
    for (const [name, answer] of this.#answers.entries()) {
      const wanted = repository ?? answer.repository;
      if (references.some((reference) => name === nameOf(wanted, reference))) found.add(answer);
    }
    return [...found];
  }

  /** In that repository, or the last one in any. */
  removal(repository: Repository | undefined, reference: TagOrDigest): Removal | undefined {
    if (repository) return this.#removals.get(nameOf(repository, reference));
    return this.#removals.find((_, name) => name.endsWith(` ${reference}`));
  }
}

const nameOf = ({ upstream, name }: Repository, reference: string): string => `${upstream} ${name} ${reference}`;
