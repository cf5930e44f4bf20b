/**
 * Where a job's manifests come from: through the cache, as a client would get them, which stores and links them and points
 * the tag. It waits where upstream has us wait, and takes nothing stale for an answer: a job is to bring what is current.
 */
import type { Clock } from '../../lib/clock.js';
import { AppError, isAppError } from '../../lib/errors.js';
import type { Descriptor, Repository } from '../../oci/descriptor.js';
import { isDigest, type Digest } from '../../oci/digest.js';
import { parseManifest } from '../../oci/manifest.js';
import type { TagOrDigest } from '../../oci/reference.js';
import type { Holdings } from './holdings.js';
import type { FoundManifest, WalkSource } from './image-walk.js';
import type { ManifestAnswer, Want } from '../manifests.js';
import type { PullThrough } from '../pull-through.js';
import type { RateGate, Tell } from './rate-gate.js';
import type { UpstreamEntry } from '../upstream-entry.js';

/** Answers of 429 in a row, a minute or more apart, and of "all connections are busy", before it is a failure. */
const MOST_REFUSALS = 100;
const MOST_OVERLOADS = 12;

export interface SourceParts {
  readonly cache: PullThrough;
  readonly holdings: Holdings;
  readonly gate: RateGate;
  readonly clock: Clock;
}

/** What the source is for, and whom it tells. */
export interface SourceFor {
  readonly entry: UpstreamEntry;
  readonly repository: Repository;
  readonly signal: AbortSignal;
  readonly turn: <T>(task: () => Promise<T>) => Promise<T>;
  readonly arrived: (descriptor: Descriptor, fetched: boolean) => void;
  readonly bringBlob: (descriptor: Descriptor) => Promise<void>;
  /** A new teller for each wait, since several may wait at once. */
  readonly tell: () => Tell;
}

export class PrefetchSource implements WalkSource {
  readonly #parts: SourceParts;
  readonly #for: SourceFor;

  constructor(parts: SourceParts, forWhom: SourceFor) {
    this.#parts = parts;
    this.#for = forWhom;
  }

  manifest(reference: TagOrDigest): Promise<FoundManifest> {
    const { entry, repository, signal, tell, arrived } = this.#for;
    const { gate, holdings } = this.#parts;
    return patiently(this.#parts, this.#for, async () => {
      const digest = isDigest(reference) ? reference : (await this.#ask(reference, 'headers')).descriptor.digest;
      if ((await holdings.manifest(repository, digest, entry.policy, 'now')) !== 'here') {
        const look = (until: AbortSignal) => entry.upstream.resolve(repository.name, reference, { signal: until });
        await gate.pass(entry, look, tell(), signal);
      }
      const { descriptor, bytes, answered, unstored } = await this.#ask(reference, 'body');
      if (unstored) throw unstored;
      if (!bytes) throw new AppError('MANIFEST_UNKNOWN', `manifest ${reference} came without its bytes`);
      const manifest = parseManifest(bytes, descriptor.mediaType);
      arrived(descriptor, answered.outcome === 'miss');
      return { descriptor, manifest };
    });
  }

  async config(descriptor: Descriptor): Promise<Buffer | undefined> {
    await this.#for.bringBlob(descriptor);
    return this.#parts.cache.storedBytes(descriptor.digest);
  }

  referrers(subject: Digest): Promise<readonly Descriptor[]> {
    const { entry, repository, signal, turn } = this.#for;
    return patiently(this.#parts, this.#for, () =>
      turn(() => entry.upstream.referrers(repository.name, subject, { signal })),
    );
  }

  async #ask(reference: TagOrDigest, want: Want): Promise<ManifestAnswer> {
    const { repository, signal, turn } = this.#for;
    const answer = await turn(() => this.#parts.cache.manifest(repository, reference, want, signal, 'prefetch'));
    if (answer.answered.outcome === 'stale') throw unconfirmed(repository, reference, answer.answered.upstreamStatus);
    return answer;
  }
}

/** Waits and tries again where upstream only says "not now". */
export async function patiently<T>(
  { gate, clock }: Pick<SourceParts, 'gate' | 'clock'>,
  { entry, tell, signal }: Pick<SourceFor, 'entry' | 'tell' | 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  let refusals = 0;
  let overloads = 0;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (isAppError(error, 'UPSTREAM_RATE_LIMITED') && ++refusals < MOST_REFUSALS) {
        await gate.refused(entry, error, tell(), signal);
      } else if (isAppError(error, 'OVERLOADED', 'CANCELLED') && ++overloads < MOST_OVERLOADS) {
        // CANCELLED: a download that nobody waited for was given up just as this job came to wait for it.
        await clock.sleep(1000, signal);
      } else throw error;
    }
  }
}

/** A client is served what was known before; a job has not done what it was asked for. */
function unconfirmed(repository: Repository, reference: TagOrDigest, status: number | undefined): AppError {
  const where = `${repository.upstream} did not confirm ${reference}`;
  if (status === 404) return new AppError('MANIFEST_UNKNOWN', `${where}: it has no such manifest any more`);
  if (status === 403) return new AppError('DENIED', `${where}: access is denied`);
  if (status === 429) return new AppError('UPSTREAM_RATE_LIMITED', `${where}: too many requests`);
  if (status === 503) return new AppError('UPSTREAM_UNAVAILABLE', `${where}: it cannot answer`);
  return new AppError('UPSTREAM_UNREACHABLE', `${where}: it did not answer`);
}
