/**
 * The blobs of a job: each is brought once for each repository, whichever of the job's images asks first, and counted by one
 * image only. Who counts it need not be who brought it.
 */
import type { Descriptor, Repository } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { ImageProgress } from './prefetch-progress.js';
import { patiently, type SourceFor, type SourceParts } from './prefetch-source.js';

export class JobBlobs {
  readonly #parts: SourceParts;
  readonly #for: Pick<SourceFor, 'signal' | 'tell' | 'turn'>;
  /** Which image counts a digest. */
  readonly #claims = new Map<Digest, ImageProgress>();
  /** What is being brought, and what was, by repository and digest. */
  readonly #work = new Map<string, Promise<void>>();
  readonly #underWay = new Map<Digest, string>();

  constructor(parts: SourceParts, forWhom: Pick<SourceFor, 'signal' | 'tell' | 'turn'>) {
    this.#parts = parts;
    this.#for = forWhom;
  }

  /** What an image counted before a restart it counts now. */
  restore(image: ImageProgress): void {
    for (const digest of image.counted) this.#claims.set(digest, image);
  }

  has(digest: Digest): boolean {
    return this.#claims.has(digest);
  }

  /** Looks how far the transfers are. */
  tick(): void {
    const { flights } = this.#parts.cache;
    for (const [digest, upstream] of this.#underWay) {
      const received = flights.find(upstream, digest)?.received;
      if (received !== undefined) this.#claims.get(digest)?.receive(digest, received);
    }
  }

  /** What was brought has gone: it is to be brought again when asked for. */
  forget(repository: Repository, digest: Digest): void {
    this.#work.delete(keyOf(repository, digest));
  }

  /** After a failure no further one is begun; those under way are awaited, so that nothing is left running. */
  async bringAll(image: ImageProgress, repository: Repository, blobs: readonly Descriptor[]): Promise<void> {
    let failed = false;
    const results = await Promise.allSettled(
      blobs.map(async ({ digest }) => {
        try {
          await this.bring(image, repository, digest, () => failed);
        } catch (error) {
          failed = true;
          throw error;
        }
      }),
    );
    const failures = results.filter((result) => result.status === 'rejected');
    const failure = failures.find(({ reason }) => !(reason instanceof Skipped));
    if (failure) throw failure.reason;
  }

  async bring(image: ImageProgress, repository: Repository, digest: Digest, skip = () => false): Promise<void> {
    const key = keyOf(repository, digest);
    const running = this.#work.get(key) ?? this.#fill(image, repository, digest, skip);
    this.#work.set(key, running);
    try {
      await running;
      if (image !== this.#claims.get(digest)) image.settle(digest, 'reused');
    } catch (error) {
      // The next image that needs it tries for itself.
      if (this.#work.get(key) === running) this.#work.delete(key);
      if (error instanceof Skipped && !skip()) {
        await this.bring(image, repository, digest, skip);
        return;
      }
      if (!(error instanceof Skipped)) image.fail(digest);
      throw error;
    }
  }

  async #fill(image: ImageProgress, repository: Repository, digest: Digest, skip: () => boolean): Promise<void> {
    const { cache, holdings } = this.#parts;
    const { signal, tell, turn } = this.#for;
    const entry = cache.entry(repository, 'prefetch');
    if ((await holdings.blob(repository, digest, entry.policy, 'now')) === 'here') {
      this.settle(image, digest, false);
      return;
    }
    const transfer = async () => {
      if (skip()) throw new Skipped();
      this.#claims.get(digest)?.start(digest);
      this.#underWay.set(digest, repository.upstream);
      try {
        return await cache.fillBlob(repository, digest, 'prefetch', signal);
      } finally {
        this.#underWay.delete(digest);
      }
    };
    const forWhom = { entry, tell, signal };
    const { fetched } = await patiently(this.#parts, forWhom, () => turn(transfer));
    this.settle(image, digest, fetched);
  }

  /** The first image that has a part counts it, unless that image failed to bring it. */
  list(image: ImageProgress, descriptor: Descriptor): void {
    const { digest } = descriptor;
    const owner = this.#claims.get(digest);
    const others = owner !== undefined && owner !== image && owner.has(digest);
    const mine = !others || (owner.hasEnded && !owner.isSettled(digest));
    if (mine) {
      if (others) owner.count(digest, false);
      this.#claims.set(digest, image);
    }
    image.add(descriptor, mine);
    image.count(digest, mine);
  }

  settle(image: ImageProgress, digest: Digest, fetched: boolean): void {
    const owner = this.#claims.get(digest) ?? image;
    owner.settle(digest, fetched ? 'succeeded' : 'reused');
    if (owner !== image) image.settle(digest, 'reused');
  }
}

/** It was not begun, because something else of the image had failed before. */
class Skipped extends Error {
  override readonly name = 'Skipped';
}

const keyOf = ({ upstream, name }: Repository, digest: Digest): string => `${upstream} ${name} ${digest}`;
