/**
 * Who may have which stored bytes. A repository is served a digest by a link of its own; where it has none, bytes that
 * came through the same upstream, or that anybody could have had, are linked as soon as upstream says that this repository has
 * them. Nothing else grants: not a manifest that names the digest, not another upstream's word.
 */
import type { BlobRecord, Catalog } from '../catalog/catalog.js';
import { abortable, SingleFlight } from '../lib/async.js';
import type { Clock } from '../lib/clock.js';
import { isAppError } from '../lib/errors.js';
import type { Logger } from '../lib/log.js';
import type { Descriptor, Repository } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { isFresh, staleFor } from './freshness.js';
import { note } from './notes.js';
import { because, HIT, reasonOfFailure, type Answered } from './outcome.js';
import { isNoAnswer, upstreamStatus, type UpstreamEntry } from './upstream-entry.js';

/** What upstream says of what the repository has; a manifest has a media type there. */
export interface Had {
  readonly mediaType?: string;
}

/** How upstream is asked: by HEAD of a blob or of a manifest. Undefined when the repository does not have it. */
export type Ask = (signal: AbortSignal) => Promise<Had | undefined>;

/** `not-…`: only a full, verified GET can tell. `refused`: upstream says that this repository has no such thing. */
export type Verdict = Answered | 'not-stored' | 'not-linked' | 'refused';

export interface AccessParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export class Access {
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #asking = new SingleFlight<boolean>();

  constructor(parts: AccessParts) {
    this.#catalog = parts.catalog;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#signal = parts.signal;
  }

  /** Throws DENIED, or what upstream's failure was when it had to be asked and there is nothing to go by without its answer. */
  async check(
    entry: UpstreamEntry,
    repository: Repository,
    digest: Digest,
    ask: Ask,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const link = await this.#catalog.link(repository, digest);
    if (!link) {
      const record = await this.#catalog.blob(digest);
      if (!mayBeLinked(repository, record)) return record ? 'not-linked' : 'not-stored';
      return (await this.grant(repository, digest, ask, signal)) ? because('revalidated', 'not-linked') : 'refused';
    }
    const { policy } = entry;
    if (!policy.credentialed || link.imported === true) return HIT;
    if (isFresh(link, policy.linkTtl, this.#clock.now())) return HIT;
    try {
      return (await this.grant(repository, digest, ask, signal)) ? because('revalidated', 'link-expired') : 'refused';
    } catch (error) {
      if (!isNoAnswer(error)) throw error;
      const age = staleFor(link, this.#catalog);
      const allowed = age < policy.linkTtl + policy.staleIfError;
      if (!allowed && !(await this.#catalog.isPinned(repository, digest))) throw error;
      const reason = allowed ? reasonOfFailure(error) : 'pinned';
      return { outcome: 'stale', reason, upstreamStatus: upstreamStatus(error), age: Math.round(age / 1000) };
    }
  }

  /** Asks upstream, and writes down what it says. Concurrent callers share the question. */
  grant(repository: Repository, digest: Digest, ask: Ask, signal: AbortSignal): Promise<boolean> {
    const key = `${repository.upstream} ${repository.name} ${digest}`;
    return abortable(
      this.#asking.run(key, async () => {
        const had = await ask(this.#signal).catch(async (error: unknown) => {
          // An answer, too: no. Passed on as it is, as it would be for what nobody has here.
          if (isAppError(error, 'DENIED')) await this.#catalog.revokeLink(repository, digest);
          throw error;
        });
        if (had) await this.#link(repository, digest, had.mediaType);
        // Unlike a grant, this must not be lost: without upstream's answer the link would count again.
        else await this.#catalog.revokeLink(repository, digest);
        return had !== undefined;
      }),
      signal,
    );
  }

  /** Upstream has just confirmed it, in answer to another question: refreshes the link, or makes it where that is allowed. */
  async confirm(entry: UpstreamEntry, repository: Repository, { digest, mediaType }: Descriptor): Promise<void> {
    const link = await this.#catalog.link(repository, digest);
    const due = link
      ? link.mediaType === undefined ||
        (entry.policy.credentialed && !isFresh(link, entry.policy.linkTtl / 2, this.#clock.now()))
      : mayBeLinked(repository, await this.#catalog.blob(digest));
    if (due) await this.#link(repository, digest, mediaType);
  }

  async #link(repository: Repository, digest: Digest, mediaType: string | undefined): Promise<void> {
    await note(this.#log, 'a link', this.#catalog.grantLink(repository, digest, this.#clock.now(), mediaType));
  }
}

const mayBeLinked = ({ upstream }: Repository, record: BlobRecord | undefined): boolean =>
  record?.via.some((via) => via.upstream === upstream || via.public) ?? false;
